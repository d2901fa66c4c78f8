package extract

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A ledger is a Budget that grants up to left permits a Draw and notes what it
// was asked for.
type ledger struct {
	mu     sync.Mutex
	left   int
	wait   time.Duration
	takes  time.Duration // how long a Draw takes
	wanted []int
	blocks []time.Duration
}

func (l *ledger) budget() Budget {
	return Budget{
		Draw: func(_ context.Context, want int) (int, time.Duration, error) {
			time.Sleep(l.takes) // inside synctest: the database's answer time
			l.mu.Lock()
			defer l.mu.Unlock()
			l.wanted = append(l.wanted, want)
			granted := min(want, l.left)
			l.left -= granted
			return granted, l.wait, nil
		},
		Block: func(_ context.Context, d time.Duration) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.blocks = append(l.blocks, d)
			return nil
		},
	}
}

func TestPermitsAreDrawnForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: 100, takes: 20 * time.Millisecond}
		p := newPermits(l.budget())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := p.take(t.Context()); err != nil {
					t.Errorf("take: %v", err)
				}
			})
		}
		wg.Wait()
		// The first draws for whoever is there already, the next for the rest.
		sum := 0
		for _, n := range l.wanted {
			sum += n
		}
		if sum != 8 || len(l.wanted) > 2 {
			t.Errorf("drew %v, want 8 permits in at most two draws", l.wanted)
		}
	})
}

func TestPermitsLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: 100}
		p := newPermits(l.budget())
		p.drawn = []time.Time{time.Now(), time.Now()}
		for _, after := range []time.Duration{4999 * time.Millisecond, 5 * time.Second} {
			start := p.drawn[0]
			time.Sleep(time.Until(start.Add(after)))
			if err := p.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]int{1}, l.wanted); diff != "" {
			t.Errorf("draws (-want +got): a permit of 4.999 s is good, one of 5 s is not\n%s", diff)
		}
	})
}

func TestPermitsWaitAsLongAsTheBudgetSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{wait: time.Minute}
		p := newPermits(l.budget())
		time.AfterFunc(90*time.Second, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.left = 2
		})
		start := time.Now()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := p.take(t.Context()); err != nil {
					t.Errorf("take: %v", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took < 2*time.Minute || took > 2*time.Minute+time.Second {
			t.Errorf("waited %s, want two waits of a minute", took)
		}
		if len(l.wanted) > 4 {
			t.Errorf("%d draws while everybody waits: %v", len(l.wanted), l.wanted)
		}
	})
}

func TestPermitsDoNotWaitForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPermits((&ledger{wait: time.Hour}).budget())
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Minute)
		defer cancel()
		start := time.Now()
		err := p.take(ctx)
		if !errors.Is(err, ErrNoTime) || time.Since(start) != 0 {
			t.Errorf("take = %v after %s, want ErrNoTime at once", err, time.Since(start))
		}
	})
}

func TestPermitsHeedCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPermits((&ledger{wait: time.Hour}).budget())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if err := p.take(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("take = %v after %s, want cancelled after 1s", err, time.Since(start))
		}
		if p.waiting != 0 {
			t.Errorf("%d still counted as waiting", p.waiting)
		}
	})
}

func TestBlockStopsEverybodyAndDropsPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: 100}
		p := newPermits(l.budget())
		p.drawn = []time.Time{time.Now()}
		if err := p.block(t.Context(), 3*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := p.block(t.Context(), time.Second); err != nil { // never back
			t.Fatal(err)
		}
		start := time.Now()
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the next permit came after %s, want 3s", took)
		}
		if diff := cmp.Diff([]int{1}, l.wanted); diff != "" {
			t.Errorf("the permit in hand was used (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{3 * time.Second, time.Second}, l.blocks); diff != "" {
			t.Errorf("blocks (-want +got):\n%s", diff)
		}
	})
}

func TestPermitsDrawnWhileBlockedAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: 100, takes: 2 * time.Second}
		p := newPermits(l.budget())
		time.AfterFunc(time.Second, func() {
			if err := p.block(t.Context(), 3*time.Second); err != nil {
				t.Errorf("block: %v", err)
			}
		})
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{1, 1}, l.wanted); diff != "" {
			t.Errorf("draws (-want +got): the first one's permit must not outlive the block\n%s", diff)
		}
	})
}

func TestPermitsReportABudgetThatFails(t *testing.T) {
	down := errors.New("database down")
	fail := Budget{
		Draw:  func(context.Context, int) (int, time.Duration, error) { return 0, 0, down },
		Block: func(context.Context, time.Duration) error { return down },
	}
	p := newPermits(fail)
	if err := p.take(t.Context()); !errors.Is(err, down) || KindOf(err) != 0 {
		t.Errorf("take = %v, want the database's error, not one of the source", err)
	}
	if err := p.block(t.Context(), time.Second); !errors.Is(err, down) {
		t.Errorf("block = %v, want the database's error", err)
	}
}
