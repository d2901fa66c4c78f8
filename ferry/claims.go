package ferry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"logferry/load"
)

// A keeper renews the leases of the run's claims, every third of a lease, and
// gives up at the end what the run still holds.
type keeper struct {
	ferry *Ferry
	stop  chan struct{}
	done  chan struct{}

	mu   sync.Mutex
	held map[int64]bool
}

func keepClaims(ctx context.Context, f *Ferry) *keeper {
	k := &keeper{ferry: f, stop: make(chan struct{}), done: make(chan struct{}), held: map[int64]bool{}}
	// Leases outlive the run's context: a checkpoint still needs them.
	go k.renew(context.WithoutCancel(ctx))
	return k
}

func (k *keeper) renew(ctx context.Context) {
	defer close(k.done)
	beat := time.NewTicker(k.ferry.lease / 3)
	defer beat.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-beat.C:
		}
		limited, cancel := context.WithTimeout(ctx, k.ferry.lease)
		if err := k.ferry.store.Renew(limited, k.list(), k.ferry.lease); err != nil {
			k.ferry.log.Warn("leases could not be renewed", "err", err)
		}
		cancel()
	}
}

func (k *keeper) list() []int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.held))
}

func (k *keeper) add(claims ...*load.Claim) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range claims {
		k.held[c.ID] = true
	}
}

func (k *keeper) drop(c *load.Claim) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, c.ID)
}

// close stops renewing and releases what is left, so that the next run need
// not wait for leases to run out: also claims that the run does not know of,
// because it was cancelled before their commit was answered.
func (k *keeper) close(ctx context.Context, run int64) error {
	close(k.stop)
	<-k.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return k.ferry.store.ReleaseRun(ctx, run, "the run ended before the window did")
}
