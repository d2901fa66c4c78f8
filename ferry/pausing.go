package ferry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"logferry/transform"
)

// A pausing is why an account's requests wait, for people who watch: what waits
// for the budget looks like what hangs.
type pausing struct {
	mu      sync.Mutex
	used    int       // of the budget, when it last granted nothing
	blocked time.Time // until when the source asked to be left alone
}

func (p *pausing) block(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.blocked) {
		p.blocked = until
	}
}

// notePause looks why the budget granted nothing. It is only to be shown: where
// it can't be found out, less is shown.
func (f *Ferry) notePause(ctx context.Context, a *account) {
	used, blocked, err := f.store.BudgetUse(ctx, a.cred, a.budget)
	if err != nil {
		return
	}
	a.pausing.block(blocked)
	a.pausing.mu.Lock()
	defer a.pausing.mu.Unlock()
	a.pausing.used = used
}

// waitsFor is what the account's requests wait for until then, in words.
func (a *account) waitsFor(until time.Time) string {
	a.pausing.mu.Lock()
	defer a.pausing.mu.Unlock()
	name, end := "Cloudflare", until.UTC().Format("15:04:05Z")
	if a.source == transform.SourceKeywordsAI {
		name = "Keywords AI"
	}
	if time.Now().Before(a.pausing.blocked) {
		return name + ", which asked for a pause, until " + end
	}
	return fmt.Sprintf("the budget of %s, %d of %d used, until %s", name, a.pausing.used, a.budget.Requests, end)
}
