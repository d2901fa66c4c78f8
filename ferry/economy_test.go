package ferry_test

import (
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// economical checks that reading rows took at most 3 % more requests than
// there are pages of them, everything that a backfill asks included.
func (w *world) economical(rows, pageSize int) {
	w.t.Helper()
	pages := (rows + pageSize - 1) / pageSize
	used := w.emu.CountRequests(nil)
	w.t.Logf("%d logs at %d a page: %d requests, %+.2f %% of %d pages", rows, pageSize, used, 100*float64(used-pages)/float64(pages), pages)
	if used*100 > pages*103 {
		w.t.Errorf("more than 3 %% above %d pages", pages)
	}
}

// Uneven traffic of 100,000 logs costs few requests beside its pages.
func TestBackfillEconomyCloudflare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(11, 100_000, now.Add(-20*day), now.Add(-time.Hour))...)

	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
	if n := query[int](w, `select count(*) from logferry.requests`); n != prod.Len() {
		t.Errorf("%d rows of %d logs", n, prod.Len())
	}
	w.invariants()
	w.economical(prod.Len(), 50)
}

func TestBackfillEconomyKeywordsAI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("ds1")
	set.Insert(keywordsLogs(12, 100_000, now.Add(-20*day), now.Add(-time.Hour), "ds1", "created_at")...)

	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
	if n := query[int](w, `select count(*) from logferry.requests`); n != set.Len() {
		t.Errorf("%d rows of %d logs", n, set.Len())
	}
	w.invariants()
	w.economical(set.Len(), 100)
}
