package ferry_test

import (
	"context"
	"encoding/binary"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A URL that names several hosts follows the one that takes writes, back and
// forth, in the middle of a sync.
func TestD06Failover(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	before := s.standings(nil)
	var primary atomic.Int64
	var proxies [2]*proxy
	var written [2]atomic.Int64
	for i := range proxies {
		proxies[i] = s.behindProxy(func(m *message) fault {
			switch {
			case m.kind == 0 && primary.Load() != int64(i):
				m.readOnly()
			case m.kind == 'Q' && m.statement == "commit":
				written[i].Add(1)
			}
			return pass
		})
	}
	s.cfg.DatabaseURL = twoHosts(t, proxies)
	s.busy(func(asked int, _ emulator.Request) {
		if asked == 15 || asked == 30 {
			primary.Store(1 - primary.Load())
			proxies[0].hangUp(false)
			proxies[1].hangUp(false)
		}
	})
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	s.exits(ferry.ExitOK, err)
	t.Logf("%d and %d commits", written[0].Load(), written[1].Load())
	if written[0].Load() < 10 || written[1].Load() < 10 {
		t.Error("one of the hosts was hardly written to")
	}
	s.cfg.DatabaseURL = s.url
	s.afterOutage(before, sum, err)
}

// twoHosts is a URL that names both proxies and wants the one that takes writes.
func twoHosts(t *testing.T, proxies [2]*proxy) string {
	t.Helper()
	first, err := url.Parse(proxies[0].url)
	if err != nil {
		t.Fatal(err)
	}
	second, err := url.Parse(proxies[1].url)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(proxies[0].url, first.Host, first.Host+","+second.Host, 1) + "&target_session_attrs=read-write"
}

// readOnly adds to a client's first message that its session takes no writes,
// as those of a standby don't.
func (m *message) readOnly() {
	raw := append(m.raw[:len(m.raw)-1:len(m.raw)-1], "options\x00-cdefault_transaction_read_only=on\x00\x00"...)
	binary.BigEndian.PutUint32(raw, uint32(len(raw)))
	m.raw = raw
}

// Where no host takes writes any more, the run ends and says what to do; a later
// one goes on.
func TestD06ReadOnly(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Lease = time.Second
	before := s.standings(nil)
	var demoted atomic.Bool
	p := s.behindProxy(func(m *message) fault {
		if m.kind == 0 && demoted.Load() {
			m.readOnly()
		}
		return pass
	})
	s.cfg.DatabaseURL = p.url
	s.busy(func(asked int, _ emulator.Request) {
		if asked == 15 {
			demoted.Store(true)
			p.hangUp(false)
		}
	})
	f := s.ferry()
	_, err := f.Sync(context.Background())
	f.Close()
	s.exits(ferry.ExitTemporary, err)
	const want = "in a read-only transaction (SQLSTATE 25006); the server is read-only; add target_session_attrs=read-write to DATABASE_URL if it names several hosts"
	if !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	s.cfg.DatabaseURL = s.url
	before = s.standings(before)
	s.calm()
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}
