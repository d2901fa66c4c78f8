package ferry_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A proxy stands before the database, takes the two sides' talk apart into
// messages, and breaks connections where its rule says so.
type proxy struct {
	t       testing.TB
	url     string // of the database, through the proxy
	network string // of the server
	address string

	mu    sync.Mutex // rule is called by one goroutine at a time
	rule  rule
	conns []*proxied
	over  bool
}

// A rule says what happens to a message; pass is the usual.
type rule func(m *message) fault

// A message is one of the protocol between logferry and Postgres.
type message struct {
	on         *proxied
	fromServer bool
	kind       byte   // its type; 0: the first of a connection, which has none
	raw        []byte // all its bytes; a rule may put others in their place
	body       []byte
	statement  string // the last one that the client sent, this message included
}

// A fault is what happens to a message after some of its bytes have passed.
type fault struct {
	kind  breakage
	after int
	pause time.Duration // until a stall ends, or the server sees the end of what is half open
}

// A breakage is a way in which a connection fails.
type breakage int

const (
	none     breakage = iota
	cut               // both sides see its end
	reset             // logferry sees a reset
	stall             // the rest comes late
	halfOpen          // nothing passes any more; the server sees the end after a pause, logferry never
)

var pass = fault{}

// behindProxy starts a proxy before the world's database; it goes with the test.
func (w *world) behindProxy(r rule) *proxy {
	w.t.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &proxy{t: w.t, rule: r, network: "tcp", address: u.Host}
	q := u.Query()
	if dir := q.Get("host"); strings.HasPrefix(dir, "/") {
		p.network, p.address = "unix", dir+"/.s.PGSQL."+q.Get("port")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	p.url = u.String()
	go p.serve(listener)
	w.t.Cleanup(func() {
		listener.Close()
		p.hangUp(true)
	})
	return p
}

func (p *proxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			client.Close()
			continue
		}
		c := &proxied{proxy: p, client: client, server: server}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		over := p.over
		p.mu.Unlock()
		if over {
			c.close()
			continue
		}
		go c.pump(client, server, false)
		go c.pump(server, client, true)
	}
}

// hangUp cuts all connections; for good: later ones too.
func (p *proxy) hangUp(forGood bool) {
	p.mu.Lock()
	conns := p.conns
	p.conns, p.over = nil, p.over || forGood
	p.mu.Unlock()
	for _, c := range conns {
		c.close()
	}
}

// A proxied is one connection through the proxy.
type proxied struct {
	proxy          *proxy
	client, server net.Conn
	statement      string // the last one that the client sent
	pid            uint32 // of the server's process
	dead           bool   // nothing passes any more
	losing         bool   // for rules: the answer is to be lost
}

func (c *proxied) close() {
	c.client.Close()
	c.server.Close()
}

// pump passes on what one side says to the other until the connection breaks.
func (c *proxied) pump(from, to net.Conn, fromServer bool) {
	for first := !fromServer; ; first = false {
		m, err := read(from, first)
		if err != nil {
			c.ended()
			return
		}
		m.on, m.fromServer = c, fromServer
		f, dead := c.judge(m)
		if dead {
			return
		}
		if f.kind == none {
			f.after = len(m.raw)
		}
		if _, err := to.Write(m.raw[:f.after]); err != nil {
			c.ended()
			return
		}
		if f.kind != none && !c.broken(f, to, m.raw[f.after:]) {
			return
		}
	}
}

// ended passes on that one side has gone.
func (c *proxied) ended() {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	if !c.dead {
		c.close()
	}
}

// judge notes what the message tells of the connection, and asks the rule.
func (c *proxied) judge(m *message) (f fault, dead bool) {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	if c.dead {
		return pass, true
	}
	switch {
	case m.fromServer && m.kind == 'K':
		c.pid = binary.BigEndian.Uint32(m.body)
	case !m.fromServer && m.kind == 'Q':
		c.statement = strings.TrimRight(string(m.body), "\x00")
	case !m.fromServer && m.kind == 'P':
		c.statement = strings.Split(string(m.body), "\x00")[1]
	}
	m.statement = c.statement
	f = c.proxy.rule(m)
	c.dead = f.kind == halfOpen
	return f, false
}

// broken does what the fault says; it tells whether messages still pass.
func (c *proxied) broken(f fault, to io.Writer, rest []byte) bool {
	switch f.kind {
	case stall:
		<-time.After(f.pause)
		_, err := to.Write(rest)
		return err == nil
	case reset:
		if client, ok := c.client.(*net.TCPConn); ok {
			_ = client.SetLinger(0) // if it fails it is a cut
		}
		c.close()
	case cut:
		c.close()
	case halfOpen:
		<-time.After(f.pause)
		c.server.Close()
	}
	return false
}

// read takes one message off a connection.
func read(from io.Reader, first bool) (*message, error) {
	head := 5 // a type and a size, which counts itself
	if first {
		head = 4
	}
	raw := make([]byte, head, 256)
	if _, err := io.ReadFull(from, raw); err != nil {
		return nil, err
	}
	rest := int(binary.BigEndian.Uint32(raw[head-4:])) - 4
	raw = slices.Grow(raw, rest)[:head+rest]
	if _, err := io.ReadFull(from, raw[head:]); err != nil {
		return nil, err
	}
	m := &message{raw: raw, body: raw[head:]}
	if !first {
		m.kind = raw[0]
	}
	return m, nil
}
