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
	stop  context.CancelFunc
	done  chan struct{}

	mu   sync.Mutex
	held map[int64]bool
}

func keepClaims(ctx context.Context, f *Ferry) *keeper {
	// Leases outlive the run's context: a checkpoint still needs them.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &keeper{ferry: f, stop: stop, done: make(chan struct{}), held: map[int64]bool{}}
	go k.renew(ctx)
	return k
}

func (k *keeper) renew(ctx context.Context) {
	defer close(k.done)
	beat := time.NewTicker(k.ferry.lease / 3)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		limited, cancel := context.WithTimeout(ctx, k.ferry.lease)
		if err := k.ferry.store.Renew(limited, k.list(), k.ferry.lease); err != nil && ctx.Err() == nil {
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

// close stops renewing.
func (k *keeper) close() {
	k.stop()
	<-k.done
}
