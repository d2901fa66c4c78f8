package ferry_test

import (
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A first pass carries everything, the second writes nothing and costs three
// requests a stream and one for discovery.
func TestSyncTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, stage := w.gateway("prod"), w.gateway("stage")
	prod.Insert(cloudflareLogs(1, 3000, now.Add(-20*day), now)...)
	stage.Insert(cloudflareLogs(2, 500, now.Add(-2*day), now.Add(-time.Hour))...)

	first := w.sync(ferry.ExitOK)
	w.equal(prod)
	w.equal(stage)
	if first.Inserted != 3500 || first.Mismatch != 0 || first.Unfinished != 0 {
		t.Errorf("first pass: %+v", first)
	}
	before := w.watermark(prod)
	w.emu.ForgetRequests()
	second := w.sync(ferry.ExitOK)
	if second.Inserted != 0 || second.Changed != 0 {
		t.Errorf("second pass wrote: %+v", second)
	}
	if n := w.emu.CountRequests(nil); n > 1+2*3 {
		t.Errorf("a pass with nothing new cost %d requests, want at most 7", n)
	}
	if after := w.watermark(prod); after.Before(before) {
		t.Errorf("the watermark went back from %s to %s", before, after)
	}
}
