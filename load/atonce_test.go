package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Two processes with several workers each cover one span at once: they end
// with all of it covered and none of it attested twice.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	one := newFeed(t)
	stores := []*Store{one.Store, connect(t, one.Store)}
	_, random := seeded(t)
	var workers sync.WaitGroup
	for i := range 6 {
		w := one.want(0, 60)
		w.Run, w.Newest = one.newRun(), 7*time.Minute
		seed := random.Uint64()
		workers.Go(func() {
			if err := coverAll(t.Context(), stores[i%2], w, rand.New(rand.NewPCG(seed, 0))); err != nil {
				t.Error(err)
			}
		})
	}
	workers.Wait()
	if got := one.coverage(); got != "[0,60)" {
		t.Errorf("covered %s", got)
	}
	const attestedTwice = `select count(*) from logferry.windows a join logferry.windows b using (stream_id)
		where a.status = 'attested' and b.status = 'attested' and a.window_id < b.window_id
		and a.window_start < b.window_end and b.window_start < a.window_end`
	if n := count(t, one.Store, attestedTwice); n != 0 {
		t.Errorf("%d pairs of attested windows overlap", n)
	}
	if n := count(t, one.Store, `select count(*) from logferry.windows where status = 'attested'`); n < 10 {
		t.Errorf("only %d windows: that shows little", n)
	}
}

// coverAll is a worker: it claims, narrows, splits and attests until nothing
// is left that nobody holds.
func coverAll(ctx context.Context, s *Store, w Want, random *rand.Rand) error {
	for {
		turn, err := s.Claim(ctx, w)
		if err != nil || turn.Claim == nil && !turn.Others {
			return err
		}
		claims := []*Claim{turn.Claim}
		for len(claims) > 0 && claims[0] != nil {
			c := claims[0]
			claims = claims[1:]
			if c.To.Sub(c.From) > 5*time.Minute {
				if err := s.Narrow(ctx, c, c.From.Add(5*time.Minute)); err != nil {
					return err
				}
			}
			writing, err := s.Begin(ctx, c, source, Keep{})
			if err != nil {
				return err
			}
			if c.To.Sub(c.From) > 4*time.Minute && random.IntN(2) == 0 {
				left, right, err := writing.Split(ctx, c.From.Add(time.Minute), Outcome{})
				if err != nil {
					return err
				}
				claims = append(claims, left, right)
				continue
			}
			if err := writing.Finish(ctx, attested); err != nil {
				return err
			}
		}
	}
}
