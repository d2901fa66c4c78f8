//go:build unix

package ferry_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// A sync that was asleep for longer than its leases, as a laptop or a starved
// container is, finds its windows taken over and writes nothing into them.
func TestZombieSync(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for round, set := range scenes[1:] {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			s := set(t, seed, emulator.Options{})
			s.cfg.Lease = 400 * time.Millisecond
			reached := s.atRequest(s.requests/2+random.IntN(s.requests/4), 0)
			c := s.start(order{Command: "sync"})
			<-reached
			s.sleepOutside(c)
			if query[int](s.world, `select count(*) from logferry.windows where status = 'claimed'`) == 0 {
				t.Fatal("the sleeping sync holds nothing")
			}
			s.calm()
			if sum := s.sync(ferry.ExitOK); sum.Held > 0 || sum.Unfinished > 0 {
				t.Errorf("the second sync did not take over: %+v", sum)
			}
			before := s.contents()
			c.signal(syscall.SIGCONT)
			r := c.report()
			if r.Code != ferry.ExitOK {
				t.Errorf("the woken sync ended with %d: %s", r.Code, r.Error)
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

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Error(err)
	}
}

// sleepOutside stops the child at a moment when no transaction of its is open:
// an open one keeps its row locks, and with them its window.
func (w *world) sleepOutside(c *child) {
	for open := 1; open > 0; {
		c.signal(syscall.SIGSTOP)
		open = query[int](w, `select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`)
		if open > 0 {
			c.signal(syscall.SIGCONT)
		}
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
