//go:build unix

package ferry_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

var blowsFlag = flag.Int("blows", 20, "how many processes TestD01KilledAtAnyMoment strikes, and TestD07KilledSync")

// A striking is one round of blows: against a world, from a generator.
type striking struct {
	*scene
	random *rand.Rand
	count  *[3]atomic.Int64 // of all rounds: by blow, struck before their end
}

// What befalls a process.
const (
	killed     = iota // kill -9
	slept             // SIGSTOP for longer than its leases last, then SIGCONT
	terminated        // SIGTERM
)

// Processes that are killed, put to sleep or told to end, at any moment of a
// sync or of a backfill that several share, leave nothing that the next one can't
// take up: after each blow the ledger's sums are right, no watermark has gone back
// and what is covered is held; and the warehouse ends equal to the provider.
func TestD01KilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	strikeMany(t, func(*scene) {})
}

// strikeMany is TestD01KilledAtAnyMoment, on scenes that are placed somewhere.
func strikeMany(t *testing.T, place func(*scene)) {
	t.Helper()
	seed, _ := seeded(t)
	const each = 2
	var count [3]atomic.Int64
	t.Run("round", func(t *testing.T) {
		for round := range uint64(*blowsFlag / each) {
			t.Run(fmt.Sprint(round), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, round))
				s := striking{scene: scenes[round%4](t, random.Uint64(), emulator.Options{}), random: random, count: &count}
				s.cfg.Lease = 400 * time.Millisecond
				place(s.scene)
				standings, before := s.standings(nil), s.servedNow()
				for range each {
					s.strike()
					s.coveredIsHeld(before)
					if random.IntN(2) == 0 {
						eventually(t, "the dead one's leases run out", func() bool { return s.liveClaims() == 0 })
					}
					standings = s.standings(standings)
				}
				// A tail that a dead one holds is nobody's until its lease has run out.
				eventually(t, "the last one's leases run out", func() bool { return s.liveClaims() == 0 })
				s.sync(ferry.ExitOK)
				s.standings(standings)
				s.equalAll()
			})
		}
	})
	struck := count[killed].Load() + count[slept].Load() + count[terminated].Load()
	t.Logf("tried %d blows", struck)
	t.Logf("seed %d: %d of %d processes were struck before their end: %d killed, %d slept beyond their leases, %d terminated; every warehouse ended equal to its provider: %t",
		seed, struck, *blowsFlag, count[killed].Load(), count[slept].Load(), count[terminated].Load(), !t.Failed())
	if struck < int64(*blowsFlag/3) {
		t.Errorf("only %d of %d processes were struck before their end", struck, *blowsFlag)
	}
}

// strike lets a sync, or a backfill of two or three processes, begin, and strikes
// one of them somewhere on its way. The others must end well.
func (s striking) strike() {
	s.t.Helper()
	o, processes := order{Command: "sync"}, 1
	if s.random.IntN(2) == 0 {
		now := time.Now()
		o, processes = order{Command: "backfill", From: now.Add(-s.cfg.Start), To: now.Add(-time.Hour)}, 2+s.random.IntN(2)
	}
	reached := s.atRequest(1+s.random.IntN(s.requests*3/4), time.Duration(s.random.IntN(50))*time.Millisecond)
	children := make([]*child, processes)
	for i := range children {
		children[i] = s.start(o)
	}
	victim := children[s.random.IntN(processes)]
	select {
	case <-reached:
	case <-victim.done:
	}
	s.blow(s.random.IntN(3), victim)
	s.calm()
	for _, c := range children {
		if c == victim {
			continue
		}
		if r := c.report(); r.Code != ferry.ExitOK {
			s.t.Errorf("a %s beside the one that was struck ended with %d: %s", o.Command, r.Code, r.Error)
		}
	}
}

// blow strikes one process, and waits for its end.
func (s striking) blow(how int, c *child) {
	s.t.Helper()
	struck := c.running()
	switch how {
	case killed:
		struck = c.kill()
	case slept:
		beside := s.random.IntN(2) == 0
		if beside { // what it locks would stay locked
			s.sleepOutside(c)
		} else {
			c.signal(syscall.SIGSTOP)
		}
		woken := query[time.Time](s.world, `select clock_timestamp() + 1.5 * $1::interval`, s.cfg.Lease.String())
		eventually(s.t, "it has slept longer than its leases last", func() bool {
			return query[bool](s.world, `select clock_timestamp() > $1`, woken)
		})
		if beside {
			s.calm()
			s.syncAny(ferry.ExitOK)
		}
		c.signal(syscall.SIGCONT)
		if r := c.report(); r.Code != ferry.ExitOK {
			s.t.Errorf("woken, it ended with %d: %s", r.Code, r.Error)
		}
	case terminated:
		c.signal(syscall.SIGTERM)
		r := c.report()
		if n := query[int](s.world, `select count(*) from logferry.windows where run_id = $1 and status = 'claimed'`, r.Summary.RunID); n > 0 {
			s.t.Errorf("told to end, it left %d claims behind", n)
		}
	}
	if struck {
		s.count[how].Add(1)
	}
}
