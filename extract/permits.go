package extract

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// permitLife is how long a drawn permit may wait to be used. After that the
// request would fall into a later span than the one it was counted in.
const permitLife = 5 * time.Second

// A Budget is a credential's request budget, shared by every process that
// uses the credential. A nil func means no shared limit.
type Budget struct {
	// Draw asks for want permits, one a request, and returns how many are
	// granted now. With none granted, wait is how long until asking again
	// makes sense.
	Draw func(ctx context.Context, want int) (granted int, wait time.Duration, err error)
	// Block stops everybody's requests for d from now.
	Block func(ctx context.Context, d time.Duration) error
}

// permits is a client's side of its Budget. Of the requests that wait, one
// draws for all of them; what it gets is handed out, what nobody uses within
// permitLife lapses; when nothing is granted, all wait.
type permits struct {
	budget Budget

	mu      sync.Mutex
	waiting int           // requests in take
	resting int           // calls between two tries
	drawing bool          // one of them is in Draw
	drawn   []time.Time   // permits in hand, by the instant they were drawn
	until   time.Time     // nothing is drawn or handed out before
	changed chan struct{} // closed when a Draw has ended
}

func newPermits(b Budget) *permits {
	return &permits{budget: b, changed: make(chan struct{})}
}

// take waits for a permit. It returns ErrNoTime at once if the wait would
// outlast ctx, and whatever error Draw returns.
func (p *permits) take(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	defer func() { p.waiting-- }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		switch now := time.Now(); {
		case now.Before(p.until):
			err = p.sleep(ctx, p.until.Sub(now))
		case p.hand(now):
			return nil
		case p.drawing:
			err = p.await(ctx)
		default:
			err = p.draw(ctx, now)
		}
		if err != nil {
			return err
		}
	}
}

// awaited is until when nothing is sent although something waits to be; zero:
// nothing waits.
func (p *permits) awaited() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting+p.resting == 0 || !time.Now().Before(p.until) {
		return time.Time{}
	}
	return p.until
}

// rest is sleep for a call between two tries.
func (p *permits) rest(ctx context.Context, d time.Duration) error {
	count := func(by int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.resting += by
	}
	count(1)
	defer count(-1)
	return sleep(ctx, d)
}

// hand gives out a permit in hand, dropping those that lapsed.
func (p *permits) hand(now time.Time) bool {
	if p.budget.Draw == nil {
		return true
	}
	for len(p.drawn) > 0 {
		at := p.drawn[0]
		p.drawn = p.drawn[1:]
		if now.Sub(at) < permitLife {
			return true
		}
	}
	return false
}

// draw asks the budget for as many permits as requests wait right now.
func (p *permits) draw(ctx context.Context, now time.Time) error {
	want := p.waiting
	p.drawing = true
	p.mu.Unlock()
	granted, wait, err := p.budget.Draw(ctx, want)
	p.mu.Lock()
	p.drawing = false
	close(p.changed)
	p.changed = make(chan struct{})
	if err != nil {
		return fmt.Errorf("draw from the request budget: %w", err)
	}
	if granted == 0 {
		// The jitter keeps processes from asking in step.
		p.stop(max(wait, 0) + 10*time.Millisecond + rand.N(50*time.Millisecond))
		return nil
	}
	if time.Now().Before(p.until) { // blocked while drawing: don't use them
		return nil
	}
	for range granted {
		p.drawn = append(p.drawn, now)
	}
	return nil
}

// block stops everybody, this client at once, for d.
func (p *permits) block(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	p.mu.Lock()
	p.drawn = nil
	p.stop(d)
	p.mu.Unlock()
	if p.budget.Block == nil {
		return nil
	}
	if err := p.budget.Block(ctx, d); err != nil {
		return fmt.Errorf("block the request budget: %w", err)
	}
	return nil
}

// stop moves until to d from now, never back.
func (p *permits) stop(d time.Duration) {
	if at := time.Now().Add(d); at.After(p.until) {
		p.until = at
	}
}

// sleep waits for d without the lock.
func (p *permits) sleep(ctx context.Context, d time.Duration) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	err := sleep(ctx, d)
	if errors.Is(err, ErrNoTime) {
		return fmt.Errorf("the request budget allows the next request in %s: %w", d.Round(time.Second), err)
	}
	return err
}

// await waits without the lock until the Draw under way has ended.
func (p *permits) await(ctx context.Context) error {
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sleep waits for d. A wait that would outlast ctx is not begun: ErrNoTime.
func sleep(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return ErrNoTime
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
