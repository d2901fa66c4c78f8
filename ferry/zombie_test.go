//go:build unix

package ferry_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// A sync that was asleep for longer than its leases, as a laptop or a starved
// container is, finds its windows taken over, says so and writes nothing into them.
func TestD11ZombieSync(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	for _, c := range []struct {
		name    string
		set     func(t *testing.T, seed uint64, opts emulator.Options) *scene
		n, page int // it falls asleep at the first request from the n-th on for that page or a later one
	}{
		{"between windows", gaps, 20 + random.IntN(20), 1},
		{"between walks", splits, 8 + random.IntN(10), 2},
		{"between chunks", chunks, 1, 2 + random.IntN(3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.set(t, seed, emulator.Options{})
			s.cfg.Lease = 400 * time.Millisecond
			reached, answer := s.holdBack(c.n, c.page)
			defer answer()
			zombie := s.start(order{Command: "sync"})
			<-reached
			s.sleepOutside(zombie)
			if query[int](s.world, `select count(*) from logferry.windows where status = 'claimed'`) == 0 {
				t.Fatal("the sleeping sync holds nothing")
			}
			s.calm()
			if sum := s.sync(ferry.ExitOK); sum.Held > 0 || sum.Unfinished > 0 {
				t.Errorf("the second sync did not take over: %+v", sum)
			}
			before := s.contents()
			answer()
			zombie.signal(syscall.SIGCONT)
			r := zombie.report()
			if r.Code != ferry.ExitOK {
				t.Errorf("the woken sync ended with %d: %s", r.Code, r.Error)
			}
			if log := zombie.errs.String(); !strings.Contains(log, `"window lost to another process"`) {
				t.Errorf("the woken sync does not say that it lost its window:\n%s", log)
			}
			if diff := cmp.Diff(before, s.contents()); diff != "" {
				t.Errorf("the woken sync wrote:\n%s", diff)
			}
			s.sync(ferry.ExitOK) // for the tail, where the dead one's claim was met
			s.standings(nil)
			s.noOverlap("sync")
			s.equalAll()
		})
	}
}

// A sync whose source takes longer to answer than its leases last keeps them.
func TestD11LeasesAreRenewed(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Lease = 600 * time.Millisecond
	reached, answer := s.holdBack(20, 1)
	defer answer()
	c := s.start(order{Command: "sync"})
	<-reached
	last := query[time.Time](s.world, `select clock_timestamp() + $1::interval`, s.cfg.Lease.String())
	eventually(t, "leases are prolonged, or much time has passed", func() bool {
		return query[bool](s.world, `select coalesce(min(lease_until), now()) > $1 or now() > $1 + interval '10 s' from logferry.windows where status = 'claimed'`, last)
	})
	if s.liveClaims() == 0 {
		t.Error("its leases have run out")
	}
	answer()
	if r := c.report(); r.Code != ferry.ExitOK || r.Summary.Unfinished > 0 {
		t.Errorf("ended with %d: %s", r.Code, r.Error)
	}
	s.equalAll()
}

// holdBack makes the source keep back its answers from the n-th request for logs
// on, if that is for the page or a later one, else from the next one that is. It
// closes reached then. The answers come when answer is called.
func (s *scene) holdBack(n, page int) (reached <-chan struct{}, answer func()) {
	arrived, gate := make(chan struct{}), make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	var holding atomic.Bool
	s.busy(func(asked int, r emulator.Request) {
		if asked >= n && r.Page >= page {
			holding.Store(true)
			arrive()
		}
		if holding.Load() {
			<-gate
		}
	})
	return arrived, sync.OnceFunc(func() { close(gate) })
}

// signal sends a signal, if the child has not ended by itself.
func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Error(err)
	}
}

// sleepOutside stops the child at a moment when no transaction of its is open,
// nor on its way: an open one keeps its row locks, and with them its window.
func (w *world) sleepOutside(c *child) {
	c.signal(syscall.SIGSTOP)
	for quiet := 0; quiet < 3; quiet++ {
		<-time.After(10 * time.Millisecond)
		if query[int](w, `select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`) == 0 {
			continue
		}
		c.signal(syscall.SIGCONT)
		<-time.After(5 * time.Millisecond)
		c.signal(syscall.SIGSTOP)
		quiet = -1
	}
}

// contents are the facts and their writers, and the windows that have ended.
func (w *world) contents() []string {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(w.t.Context())
	rows, err := conn.Query(w.t.Context(), `
		select concat_ws(' ', stream_id, log_id, created_at, run_id, loaded_at, missing_upstream_at) from logferry.requests
		union all
		select concat_ws(' ', window_id, run_id, status, window_start, window_end, inserted_rows) from logferry.windows
		 where status <> 'attested' or inserted_rows > 0 order by 1`)
	if err != nil {
		w.t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}
