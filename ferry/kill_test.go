package ferry_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// killOne starts a sync and kills it a while after the n-th of its requests;
// false: it was done before.
func (s *scene) killOne(n int, while time.Duration) bool {
	s.t.Helper()
	reached := s.atRequest(n, while)
	c := s.start(order{Command: "sync"})
	select {
	case <-reached:
	case <-c.done:
	}
	defer s.calm()
	return c.kill()
}

// A sync that is killed at any moment leaves nothing that the next one can't
// take up, at once or later: the warehouse ends equal to the provider.
func TestKilledSync(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	const rounds, kills = 10, 2
	var killed, live atomic.Int64
	t.Run("round", func(t *testing.T) {
		for round := range uint64(rounds) {
			t.Run(fmt.Sprint(round), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, round))
				s := scenes[round%4](t, random.Uint64(), emulator.Options{})
				s.cfg.Lease = 400 * time.Millisecond
				standings := s.standings(nil)
				for range kills {
					if s.killOne(1+random.IntN(s.requests*3/4), time.Duration(random.IntN(50))*time.Millisecond) {
						killed.Add(1)
					}
					if random.IntN(2) == 0 {
						eventually(t, "the dead one's leases run out", func() bool { return s.liveClaims() == 0 })
					}
					live.Add(s.liveClaims())
					standings = s.standings(standings)
				}
				s.sync(ferry.ExitOK)
				s.standings(standings)
				s.equalAll()
			})
		}
	})
	t.Logf("%d of %d syncs were killed before their end; the next ones met %d live claims", killed.Load(), rounds*kills, live.Load())
	if killed.Load() < rounds {
		t.Errorf("only %d syncs were killed before their end", killed.Load())
	}
}
