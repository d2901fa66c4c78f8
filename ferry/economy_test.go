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
	w.countsEconomically(prod, now.Add(-30*day))
}

// countsEconomically verifies the stream: where counts agree that costs one
// request for 9,000 rows, beside the listing, the head and a look at either
// side. Then some rows are lost and some logs come late: repairing finds them.
func (w *world) countsEconomically(stream *emulator.Stream, from time.Time) {
	w.t.Helper()
	verify := func(repair bool) (map[string]int, int) {
		w.t.Helper()
		w.emu.ForgetRequests()
		f := w.ferry()
		defer f.Close()
		report, err := f.Verify(w.t.Context(), ferry.VerifyOptions{From: from, Repair: repair})
		w.exits(ferry.ExitOK, err)
		states := map[string]int{}
		for _, span := range report.Spans {
			states[span.State]++
		}
		return states, w.emu.CountRequests(nil)
	}
	rows := stream.Len()
	states, asked := verify(false)
	w.t.Logf("counted %d rows with %d requests", rows, asked)
	if most := (rows+8999)/9000 + 5; asked > most || len(states) != 1 || states[ferry.SpanEqual] == 0 {
		w.t.Errorf("counting %d rows took %d requests, want %d at most: %v", rows, asked, most, states)
	}
	w.exec(`delete from logferry.requests where (stream_id, created_at, log_id) in (
		select stream_id, created_at, log_id from logferry.requests order by log_id offset 777 limit 3)`)
	stream.Insert(cloudflareLogs(13, 3, time.Now().Add(-15*day), time.Now().Add(-14*day))...)
	states, asked = verify(true)
	w.t.Logf("found and mended three lost rows and three late logs with %d requests", asked)
	if states[ferry.SpanRepaired] == 0 || states[ferry.SpanDifferent] != 0 {
		w.t.Errorf("repaired: %v", states)
	}
	if n := query[int](w, `select count(*) from logferry.requests`); n != rows+3 {
		w.t.Errorf("%d rows after repairing, want %d", n, rows+3)
	}
}

func TestBackfillEconomyKeywordsAI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("ds1")
	set.Insert(keywordsLogs(12, 60_000, now.Add(-20*day), now.Add(-time.Hour), "ds1", "created_at")...)

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
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	more := map[*emulator.Stream]int{}
	var old []*emulator.Stream
	for id, test := range map[string]struct {
		faults emulator.Faults
		tail   int // logs younger than settle
		twice  bool
		old    bool
	}{
		"as-asked":                    {tail: 40},
		"in-no-order":                 {emulator.Faults{Order: emulator.ByID}, 40, false, false},
		"smaller-pages":               {emulator.Faults{MaxRows: 30}, 20, false, false},
		"whole-seconds":               {emulator.Faults{Precision: time.Second}, 40, false, false},
		"ids-listed-twice":            {twice: true},
		"the-oldest-logs-are-deleted": {old: true},
	} {
		prod, set := w.gateway(id), w.dataset(id)
		for stream, logs := range map[*emulator.Stream][][]emulator.Log{
			prod: {cloudflareLogs(1, 250, now.Add(-20*day), now.Add(-11*time.Minute)), cloudflareLogs(2, test.tail, now.Add(-8*time.Minute), now.Add(-time.Minute))},
			set: {keywordsLogs(3, 250, now.Add(-20*day), now.Add(-11*time.Minute), id, "created_at"),
				keywordsLogs(4, test.tail, now.Add(-8*time.Minute), now.Add(-time.Minute), id, "created_at")},
		} {
			stream.Insert(append(logs[0], logs[1]...)...)
			stream.SetFaults(test.faults)
			if test.twice {
				again := logs[0][200]
				again.ID += " again"
				stream.Insert(again)
			}
			if test.old {
				old, more[stream] = append(old, stream), 2 // asks for the oldest log, and counts above it
			}
		}
	}
	if first := w.sync(ferry.ExitOK); first.Inserted != 12*250+2*(40+40+20+40) {
		t.Errorf("inserted %d", first.Inserted)
	}
	for _, stream := range old {
		stream.DeleteOldest(240)
	}
	w.sync(ferry.ExitOK) // finds out
	w.idle(more)
	w.cfg.Settle = 30 * time.Second // time has passed
	w.idle(more)
	w.idle(more)
}

// A first page that happens to be short does not make all later ones small; a
// source that serves smaller pages than asked is taken at its word.
func TestPageSize(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults emulator.Faults
		want   int
	}{
		"a short page": {emulator.Faults{Withhold: func(n int, _ emulator.Request) int {
			if n == 1 {
				return 47
			}
			return 0
		}}, 50},
		"smaller pages": {emulator.Faults{MaxRows: 20}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			prod := w.gateway("prod")
			prod.Insert(cloudflareLogs(15, 200, time.Now().Add(-9*day), time.Now().Add(-time.Hour))...)
			prod.SetFaults(test.faults)
			w.sync(ferry.ExitOK)
			w.equal(prod)
			if got := query[int](w, `select (dialect->>'page_size')::int from logferry.stream_state`); got != test.want {
				t.Errorf("pages of %d rows, want %d", got, test.want)
			}
		})
	}
}
