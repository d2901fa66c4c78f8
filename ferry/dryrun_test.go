package ferry_test

import (
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A plan does not take a total at the usual cap for a count: it says at least, and
// asks no more for that.
func TestPlanOfATotalAtItsCap(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		held, limit int
		logs        int64
		atLeast     bool
	}{
		"capped":     {12_000, 10_000, 10_000, true},
		"not capped": {12_000, 0, 12_000, false},
		"few":        {300, 10_000, 300, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			prod := w.gateway("prod")
			prod.Insert(cloudflareLogs(1, test.held, now.Add(-20*day), now.Add(-2*time.Hour))...)
			prod.SetFaults(emulator.Faults{TotalCap: test.limit})
			sum := w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-21 * day), DryRun: true})
			p := sum.Plan[0]
			if p.Logs != test.logs || p.AtLeast != test.atLeast || p.Requests < test.logs/50 || sum.Requests > 10 {
				t.Errorf("after %d requests the plan is %+v", sum.Requests, p)
			}
		})
	}
}
