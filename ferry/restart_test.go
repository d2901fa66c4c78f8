//go:build unix

package ferry_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/internal/pgtemp"
	"logferry/migrations"
)

// A server that is restarted while a sync uses it, in order or as after a
// crash, costs that sync nothing but time.
func TestD03Restarts(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	// What is committed must outlive the immediate stop.
	server, err := pgtemp.Start(t.Context(), pgtemp.Options{InMemory: true, Settings: map[string]string{"synchronous_commit": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	url := server.URL("postgres")
	if err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, emulator.Options{}, url)
	g := w.gateway("gate")
	g.Insert(cloudflareLogs(seed, 6000, time.Now().Add(-20*day), time.Now())...)
	s := &scene{world: w, feeds: []feed{{g, ""}}}
	var restarts sync.WaitGroup
	defer restarts.Wait()
	s.busy(func(asked int, _ emulator.Request) {
		stop := map[int]syscall.Signal{20: syscall.SIGINT, 60: syscall.SIGQUIT}[asked]
		if stop == 0 {
			return
		}
		restarts.Go(func() {
			if err := server.Halt(stop); err != nil {
				t.Error(err)
			}
			<-time.After(300 * time.Millisecond)
			if err := server.Resume(context.Background()); err != nil {
				t.Error(err)
			}
		})
	})
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	restarts.Wait()
	if code := ferry.ExitCode(err); code != ferry.ExitOK {
		t.Errorf("exit code %d: %v", code, err)
	}
	t.Logf("%d requests", sum.Requests)
	if sum.Requests < 60 {
		t.Error("the second restart came too late for the sync")
	}
	s.afterOutage(nil, sum, err)
}

// A server that is still starting, or has no room, is waited for; not for long
// by somebody who only begins.
func TestD03NotYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	g := w.gateway("gate")
	g.Insert(cloudflareLogs(1, 100, time.Now().Add(-day), time.Now())...)
	var state, says string
	var refusals atomic.Int64
	w.cfg.DatabaseURL = w.behindProxy(func(m *message) fault {
		if m.kind == 0 && refusals.Add(-1) >= 0 {
			return m.refuse(state, says)
		}
		return pass
	}).url
	for state, says = range map[string]string{"57P03": "the database system is starting up", "53300": "sorry, too many clients already"} {
		refusals.Store(5)
		w.sync(ferry.ExitOK)
		if left := refusals.Load(); left >= 0 {
			t.Errorf("%s: %d of 5 refusals were not met", state, left)
		}
	}
	refusals.Store(1000)
	_, err := ferry.Open(t.Context(), w.cfg)
	w.exits(ferry.ExitTemporary, err)
	if want := fmt.Sprintf("database: connect: %s (SQLSTATE %s)", says, state); err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	w.equal(g)
}

// refuse answers a client's first message as a server does that takes nobody.
func (m *message) refuse(state, says string) fault {
	body := "SFATAL\x00VFATAL\x00C" + state + "\x00M" + says + "\x00\x00"
	head := binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(body)+4))
	_, _ = m.on.client.Write(append(head, body...)) // it is cut off in any case
	return fault{kind: cut}
}

// A role that may have fewer sessions than a run would like gets on with those.
func TestD03FewConnections(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	role := "few_" + query[string](s.world, `select current_database()`)
	s.exec(`create role ` + role + ` login connection limit 2 in role postgres`)
	t.Cleanup(func() {
		s.exec(`reassign owned by ` + role + ` to postgres`)
		s.exec(`drop role ` + role)
	})
	s.cfg.DatabaseURL = strings.Replace(s.url, "user=postgres", "user="+role, 1)
	before := s.standings(nil)
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	s.cfg.DatabaseURL = s.url
	s.afterOutage(before, sum, err)
}
