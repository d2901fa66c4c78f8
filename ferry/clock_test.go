package ferry_test

import (
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// TestBackfillUpToTheSourcesClock: the end of a backfill without --to is now
// less settle by both clocks. A source whose clock is behind, if only by the
// fraction of a second that a Date header lacks, leaves nothing unfinished.
func TestBackfillUpToTheSourcesClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	gateway := w.gateway("behind")
	gateway.Insert(cloudflareLogs(1, 200, now.Add(-2*day), now.Add(-time.Hour))...)
	w.emu.SetFaults(emulator.Faults{DateOff: -5 * time.Second})
	sum := w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-day)})
	if sum.Unfinished != 0 {
		t.Errorf("%s unfinished", sum.Unfinished)
	}
}
