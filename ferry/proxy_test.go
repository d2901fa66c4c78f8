package ferry_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
)

// behindProxy returns the URL of a proxy before the database that passes on
// every commit, and then breaks the connection instead of the answer when lose
// says so. lose is called by one goroutine at a time.
func (w *world) behindProxy(lose func() bool) string {
	w.t.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	q := u.Query()
	network, address := "tcp", u.Host
	if dir := q.Get("host"); strings.HasPrefix(dir, "/") {
		network, address = "unix", dir+"/.s.PGSQL."+q.Get("port")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { listener.Close() })
	turn := make(chan struct{}, 1)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				client.Close()
				continue
			}
			p := &proxied{client: client, server: server, lose: func() bool {
				turn <- struct{}{}
				defer func() { <-turn }()
				return lose()
			}}
			go p.requests()
			go p.answers()
		}
	}()
	u.Host = listener.Addr().String()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

// A proxied is one connection through the proxy.
type proxied struct {
	client, server net.Conn
	lose           func() bool
	losing         atomic.Bool // the next answer is kept from the client
}

// requests passes on what the client sends, message by message. The first has
// no type; a commit is a simple query.
func (p *proxied) requests() {
	defer p.server.Close()
	from := bufio.NewReader(p.client)
	for first := true; ; first = false {
		var kind byte
		if !first {
			var err error
			if kind, err = from.ReadByte(); err != nil {
				return
			}
		}
		var size [4]byte
		if _, err := io.ReadFull(from, size[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(size[:])-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if kind == 'Q' && string(body) == "commit\x00" && p.lose() {
			p.losing.Store(true)
		}
		message := append(size[:], body...)
		if !first {
			message = append([]byte{kind}, message...)
		}
		if _, err := p.server.Write(message); err != nil {
			return
		}
	}
}

// answers passes on what the server says until an answer is to be lost.
func (p *proxied) answers() {
	defer p.client.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := p.server.Read(buffer)
		if err != nil || p.losing.Load() {
			return
		}
		if _, err := p.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
