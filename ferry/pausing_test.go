package ferry_test

import (
	"context"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// What waits for the budget, or for a source that asked for a pause, says so, and
// until when.
func TestProgressTellsWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		budget ferry.Budget
		faults emulator.Faults
		note   string
	}{
		"budget": {ferry.Budget{Requests: 3, Per: time.Minute}, emulator.Faults{}, `^the budget of Cloudflare, 3 of 3 used, until \d\d:\d\d:\d\dZ$`},
		"pause":  {budget, emulator.Faults{Fail: emulator.At(emulator.Throttled, 2)}, `^Cloudflare, which asked for a pause, until \d\d:\d\d:\d\dZ$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			w.gateway("prod").Insert(cloudflareLogs(1, 400, now.Add(-6*day), now.Add(-time.Hour))...)
			w.cfg.Cloudflare.Budget = test.budget
			w.emu.SetFaults(test.faults)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var said atomic.Value
			w.cfg.Progress = func(p ferry.Progress) {
				if p.Note != "" {
					said.Store(p.Note)
					stop()
				}
			}
			f := w.ferry()
			if _, err := f.Sync(ctx); !ferry.Checkpointed(err) {
				t.Errorf("stopped: %v", err)
			}
			if note, _ := said.Load().(string); !regexp.MustCompile(test.note).MatchString(note) {
				t.Errorf("said %q, want %s", note, test.note)
			}
		})
	}
}
