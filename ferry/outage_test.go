package ferry_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// afterOutage checks what a sync through an outage left: done, or told that it
// is temporary; and that the next one ends equal.
func (s *scene) afterOutage(before map[string]standing, sum ferry.Summary, err error) {
	s.t.Helper()
	code := ferry.ExitCode(err)
	if code != ferry.ExitOK && code != ferry.ExitTemporary {
		s.t.Errorf("exit code %d: %v", code, err)
	}
	if code == ferry.ExitOK && sum.Unfinished == 0 && s.openTime() > 0 {
		s.t.Errorf("%s is not covered, but the summary says that all is done", s.openTime())
	}
	s.t.Logf("exit code %d, %s unfinished", code, sum.Unfinished)
	before = s.standings(before)
	s.released()
	s.calm()
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}

// A sync whose connections are cut again and again, as by a failing-over
// database, ends well or says that it may be tried again.
func TestTerminatedConnections(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.busy(func(int, emulator.Request) {})
	s.cfg.Lease = time.Second
	before := s.standings(nil)
	conn := s.connect()
	ended := make(chan struct{})
	cut := 0
	go func() {
		defer close(ended)
		for range 12 {
			<-time.After(time.Duration(20+random.IntN(100)) * time.Millisecond)
			var n int
			if err := conn.QueryRow(context.Background(), `
				select count(pg_terminate_backend(pid)) from pg_stat_activity
				 where datname = current_database() and application_name like 'logferry/%'`).Scan(&n); err != nil {
				t.Error(err)
				return
			}
			cut += n
		}
	}()
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	<-ended
	if cut < 10 {
		t.Errorf("only %d connections were cut", cut)
	}
	t.Logf("%d connections were cut", cut)
	s.afterOutage(before, sum, err)
}

// A commit whose answer is lost may have happened or not: whatever it was, it
// is neither lost nor done twice, and nobody waits for it for ever.
func TestLostCommits(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for round, set := range scenes[1:] {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			s := set(t, seed, emulator.Options{})
			s.busy(func(int, emulator.Request) {})
			s.cfg.Lease = 400 * time.Millisecond
			before := s.standings(nil)
			var lost atomic.Int64
			s.cfg.DatabaseURL = s.behindProxy(func() bool {
				lose := random.IntN(8) == 0
				if lose {
					lost.Add(1)
				}
				return lose
			})
			f := s.ferry()
			sum, err := f.Sync(context.Background())
			f.Close()
			s.cfg.DatabaseURL = s.url
			t.Logf("the answers to %d commits were lost", lost.Load())
			s.afterOutage(before, sum, err)
		})
	}
}

// A run that is told to end while the answer to a commit is under way does not
// know what it holds, and gives it up all the same.
func TestCancelledCommits(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Lease = time.Minute
	before := s.standings(nil)
	for last := int64(4); last < 30; last += 1 + random.Int64N(4) {
		ctx, cancel := context.WithCancel(context.Background())
		var commits atomic.Int64
		s.cfg.DatabaseURL = s.behindProxy(func() bool {
			if commits.Add(1) != last {
				return false
			}
			cancel()
			return true
		})
		f := s.ferry()
		_, err := f.Sync(ctx)
		f.Close()
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at commit %d, but: %v", last, err)
		}
		s.released()
		before = s.standings(before)
	}
	s.cfg.DatabaseURL = s.url
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}

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
