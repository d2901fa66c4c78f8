package emulator

import (
	"sync"
	"time"
)

// A Budget is a provider's limit on the requests of one credential, over a
// sliding window. The zero value means the provider's own; Requests below 0
// means none.
type Budget struct {
	Requests int
	Window   time.Duration
	// Block is how long every call is refused once the budget was exceeded;
	// 0: until the window has room again.
	Block time.Duration
	// BlockExtends starts the block anew with every call during it; whether
	// Cloudflare does that is not known.
	BlockExtends bool
}

// Unlimited is a budget that refuses nothing.
var Unlimited = Budget{Requests: -1, Window: time.Minute}

// A ledger holds what each credential has drawn from one budget.
type ledger struct {
	budget Budget
	mu     sync.Mutex
	drawn  map[string]*account
}

type account struct {
	granted []time.Time // within the last window, oldest first
	blocked time.Time   // every call before it is refused
}

// A draw is the answer to one request for a permit.
type draw struct {
	granted bool
	left    int           // permits left now
	wait    time.Duration // until the oldest permit returns, or the block ends
}

func newLedger(budget, provider Budget) *ledger {
	if budget.Requests == 0 {
		budget = provider
	}
	return &ledger{budget: budget, drawn: map[string]*account{}}
}

// draw takes one permit of a credential at the instant now. Refused calls use
// up nothing.
func (l *ledger) draw(credential string, now time.Time) draw {
	if l.budget.Requests < 0 {
		return draw{granted: true, left: 1_000_000, wait: l.budget.Window}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.drawn[credential]
	if a == nil {
		a = &account{}
		l.drawn[credential] = a
	}
	for len(a.granted) > 0 && !a.granted[0].After(now.Add(-l.budget.Window)) {
		a.granted = a.granted[1:]
	}
	if now.Before(a.blocked) {
		if l.budget.BlockExtends {
			a.blocked = now.Add(l.budget.Block)
		}
		return draw{wait: a.blocked.Sub(now)}
	}
	if len(a.granted) >= l.budget.Requests {
		a.blocked = now.Add(l.budget.Block)
		return draw{wait: max(l.budget.Block, a.granted[0].Add(l.budget.Window).Sub(now))}
	}
	a.granted = append(a.granted, now)
	return draw{
		granted: true,
		left:    l.budget.Requests - len(a.granted),
		wait:    a.granted[0].Add(l.budget.Window).Sub(now),
	}
}

// seconds rounds up: a hint must not be too early.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
