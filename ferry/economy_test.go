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

// A pass with nothing new costs at most three requests a stream and one
// listing an account: right after another one, when the tail holds logs, and
// when what it held has settled.
func TestIdlePasses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults emulator.Faults
		tail   int // logs younger than settle
	}{
		"as asked, a tail":            {emulator.Faults{}, 40},
		"in no order, a tail":         {emulator.Faults{Order: emulator.ByID}, 40},
		"smaller pages":               {emulator.Faults{MaxRows: 30}, 20},
		"whole seconds":               {emulator.Faults{Precision: time.Second}, 40},
		"ids listed twice":            {emulator.Faults{}, 0},
		"the oldest logs are deleted": {emulator.Faults{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			streams := []*emulator.Stream{w.gateway("prod"), w.gateway("stage"), w.dataset("ds1"), w.dataset("ds2")}
			for i, stream := range streams {
				set := []string{"", "", "ds1", "ds2"}[i]
				logs := func(seed uint64, n int, from, to time.Time) []emulator.Log {
					if set == "" {
						return cloudflareLogs(seed, n, from, to)
					}
					return keywordsLogs(seed, n, from, to, set, "created_at")
				}
				some := logs(uint64(i), 250, now.Add(-20*day), now.Add(-11*time.Minute))
				stream.Insert(some...)
				stream.Insert(logs(uint64(10+i), test.tail, now.Add(-8*time.Minute), now.Add(-time.Minute))...)
				stream.SetFaults(test.faults)
				if name == "ids listed twice" {
					again := some[200]
					again.ID += " again"
					stream.Insert(again)
				}
			}
			first := w.sync(ferry.ExitOK)
			if want := int64(len(streams) * (250 + test.tail)); first.Inserted != want {
				t.Errorf("inserted %d of %d", first.Inserted, want)
			}
			if name == "the oldest logs are deleted" {
				for _, stream := range streams {
					stream.DeleteOldest(240)
				}
				w.sync(ferry.ExitOK) // finds out
			}
			most := 2 + len(streams)*3
			if name == "the oldest logs are deleted" {
				most += len(streams) * 2 // asks for the oldest log, and counts above it
			}
			w.idle(most)
			w.cfg.Settle = 30 * time.Second // time has passed
			w.idle(most)
			w.idle(most)
		})
	}
}
