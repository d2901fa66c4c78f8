package ferry_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
	"logferry/ferry"
)

// fingerprint changes when any row of the facts or of the raw documents is
// written, even if to the same values.
func (w *world) fingerprint() string {
	w.t.Helper()
	return query[string](w, `
		select (select md5(string_agg(tableoid || ' ' || ctid || ' ' || xmin, ',' order by tableoid, ctid)) from logferry.requests)
		       || (select md5(coalesce(string_agg(tableoid || ' ' || ctid || ' ' || xmin, ',' order by tableoid, ctid), '')) from logferry_private.raw_logs)`)
}

// Reading everything again writes no row; a mended mapping rewrites every one,
// once.
func TestP11ReadingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, set := w.gateway("prod"), w.dataset("ds1")
	prod.Insert(cloudflareLogs(1, 600, now.Add(-9*day), now)...)
	set.Insert(keywordsLogs(2, 400, now.Add(-90*day), now.Add(-time.Hour), "ds1", "created_at")...)
	w.sync(ferry.ExitOK)
	all := ferry.BackfillOptions{From: now.Add(-100 * day), Force: true}
	rows := int64(query[int](w, `select count(*) from logferry.requests where created_at < $1`, now.Add(-11*time.Minute)))

	before := w.fingerprint()
	if sum := w.backfill(ferry.ExitOK, all); sum.Inserted+sum.Changed+sum.Missing != 0 || sum.Unchanged < rows {
		t.Errorf("read again: %+v", sum)
	}
	w.sync(ferry.ExitOK)
	if after := w.fingerprint(); after != before {
		t.Error("an unchanged row was written")
	}

	w.cfg.MappingVersion = 2
	if sum := w.sync(ferry.ExitOK); sum.Changed > 50 {
		t.Errorf("a pass rewrote %d rows that nobody asked for", sum.Changed)
	}
	sum := w.backfill(ferry.ExitOK, all)
	if sum.Inserted != 0 || sum.Changed < rows-50 {
		t.Errorf("after the mapping was mended, of %d rows: %+v", rows, sum)
	}
	w.equal(prod)
	w.holdsExactly(set, "created_at")
	if sum := w.backfill(ferry.ExitOK, all); sum.Inserted+sum.Changed != 0 {
		t.Errorf("after the mapping was mended, again: %+v", sum)
	}
}

// A log whose time the source changes is one row, at the time that was read
// last, and says so.
func TestMovedTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now().Truncate(time.Millisecond)
	prod := w.gateway("prod")
	logs := cloudflareLogs(1, 300, now.Add(-20*time.Hour), now.Add(-12*time.Minute))
	prod.Insert(logs...)
	w.sync(ferry.ExitOK)

	// One moves within what is covered, one from there into what settles next,
	// one into the tail.
	within, next, tail := logs[100].ID, logs[120].ID, logs[140].ID
	born := map[string]time.Time{}
	for _, id := range []string{within, next, tail} {
		born[id] = query[time.Time](w, `select first_loaded_at from logferry.requests where log_id = $1`, id)
	}
	prod.MoveTime(within, now.Add(-3*time.Hour))
	prod.MoveTime(next, now.Add(-9*time.Minute))
	prod.MoveTime(tail, now.Add(-time.Minute))
	w.cfg.Settle = 2 * time.Minute
	w.sync(ferry.ExitOK)
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-day), Force: true})
	w.equal(prod)
	for name, id := range map[string]string{"within": within, "next": next, "tail": tail} {
		if issues := query[[]string](w, `select coalesce(load_issues, '{}') from logferry.requests where log_id = $1`, id); !slices.Contains(issues, "time_moved") {
			t.Errorf("moved %s: issues are %v", name, issues)
		}
		if at := query[time.Time](w, `select first_loaded_at from logferry.requests where log_id = $1`, id); !at.Equal(born[id]) {
			t.Errorf("moved %s: first loaded %s, not %s", name, at, born[id])
		}
	}
	before := w.fingerprint()
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-day), Force: true})
	if w.fingerprint() != before {
		t.Error("an unchanged row was written")
	}
}

// Late logs in covered time are found by counting, and cost little.
func TestP11LateLogsAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 3000, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.Insert(cloudflareLogs(2, 1, now.Add(-15*time.Hour), now.Add(-14*time.Hour))...)
	prod.Insert(cloudflareLogs(3, 5, now.Add(-5*time.Hour), now.Add(-4*time.Hour))...)
	w.emu.ForgetRequests()
	if sum := w.sync(ferry.ExitOK); sum.Inserted != 6 || sum.Changed != 0 {
		t.Errorf("%+v", sum)
	}
	w.equal(prod)
	// Reading the lookback whole would take 60 pages; how far bisecting goes
	// depends on where the seeded logs lie in today's hours.
	if n := w.emu.CountRequests(nil); n > 50 {
		t.Errorf("finding six late logs took %d requests, little less than reading everything", n)
	}
	w.idle(nil)
}

// A late log may come between the reading of a span that differs and the count
// after it. That is no difference which the reading left standing: it is read
// too, at once or by the next pass.
func TestP11LateLogsComeDuringARecheck(t *testing.T) {
	t.Parallel()
	for _, times := range []int{1, 3} { // that one comes after a reading
		w := newWorld(t, emulator.Options{})
		now := time.Now()
		prod := w.gateway("prod")
		prod.Insert(cloudflareLogs(1, 1000, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
		w.sync(ferry.ExitOK)
		prod.Insert(cloudflareLogs(2, 3, now.Add(-15*time.Hour), now.Add(-14*time.Hour))...)
		var asked sync.Map // how often, by bounds: a count, then in turns a reading and a count
		var came atomic.Int32
		prod.SetFaults(emulator.Faults{OnRequest: func(_ int, r emulator.Request) {
			n, _ := asked.LoadOrStore(r.From.String()+r.To.String(), new(atomic.Int32))
			if r.Filtered && r.Page == 1 && n.(*atomic.Int32).Add(1)%2 == 1 && n.(*atomic.Int32).Load() > 1 && int(came.Load()) < times {
				prod.Insert(cloudflareLogs(uint64(2+came.Add(1)), 1, r.From, r.To)...)
			}
		}})
		w.sync(ferry.ExitOK)
		if came.Load() != int32(times) {
			t.Fatalf("%d logs came between a reading and a count, want %d", came.Load(), times)
		}
		if times == 1 {
			w.equal(prod)
		}
		w.sync(ferry.ExitOK)
		w.equal(prod)
	}
}

// What can't be a row waits in quarantine, the rest goes in, and nothing about
// it is asked again; once the source has mended it, it is a row and the case is
// closed.
func TestP10BadLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	set := w.dataset("ds1")
	logs := keywordsLogs(1, 900, now.Add(-20*time.Hour), now.Add(-time.Hour), "ds1", "created_at")
	set.Insert(logs...)
	replace := func(old, new string) func([]byte) []byte {
		return func(doc []byte) []byte {
			bad := bytes.Replace(doc, []byte(old), []byte(new), 1)
			if bytes.Equal(bad, doc) {
				t.Errorf("no %s to replace", old)
			}
			return bad
		}
	}
	for i, breaks := range []struct{ old, new string }{
		{`"created_at":"20`, `"created_at":"in 20`},
		{`"created_at":"2`, `"created_at":"1`},
		{`"dataset_id":"ds1"`, `"dataset_id":"another"`},
	} {
		set.Edit(logs[100*i].ID, replace(breaks.old, breaks.new))
	}
	set.Edit(logs[400].ID, func(doc []byte) []byte {
		doc = bytes.Replace(doc, []byte(`"id":"`), []byte(`"no_id":"`), 1)
		return bytes.Replace(doc, []byte(`"unique_id":"`), []byte(`"no_unique_id":"`), 1)
	})
	sum := w.sync(ferry.ExitOK)
	if sum.Rejected != 4 || sum.Inserted != 896 || sum.Unfinished != 0 {
		t.Errorf("%+v", sum)
	}
	reasons := query[[]string](w, `select array_agg(reason_code order by reason_code) from logferry_private.quarantine where resolved_at is null`)
	if diff := cmp.Diff([]string{"created_at_out_of_range", "no_created_at", "no_id", "wrong_container"}, reasons); diff != "" {
		t.Error(diff)
	}
	w.sync(ferry.ExitOK) // may narrow down where the cases lie
	w.idle(nil)

	for _, i := range []int{0, 100, 200, 400} {
		set.Edit(logs[i].ID, func([]byte) []byte { return logs[i].Doc })
	}
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-day), Force: true})
	w.holdsExactly(set, "created_at")
	if open := query[int](w, `select count(*) from logferry_private.quarantine where resolved_at is null`); open > 0 {
		t.Errorf("%d cases are still open", open)
	}
	w.idle(nil)
}

// More than 1 % and more than ten bad logs are an error; what is good is in.
func TestTooManyBadLogs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ logs, bad, code int }{
		"ten of many":         {100, 10, ferry.ExitOK},
		"eleven of a hundred": {100, 11, ferry.ExitData},
		"eleven of 1,200":     {1200, 11, ferry.ExitOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			prod := w.gateway("prod")
			logs := cloudflareLogs(1, test.logs, now.Add(-20*time.Hour), now.Add(-time.Hour))
			prod.Insert(logs...)
			for i := range test.bad {
				prod.Edit(logs[i*9].ID, func(doc []byte) []byte { return bytes.Replace(doc, []byte(`"id":`), []byte(`"ID":`), 1) })
			}
			f := w.ferry()
			sum, err := f.Sync(context.Background())
			w.exits(test.code, err)
			if sum.Rejected != int64(test.bad) || sum.Inserted != int64(test.logs-test.bad) || sum.Unfinished != 0 {
				t.Errorf("%+v", sum)
			}
		})
	}
}

// Cases that were discarded are dealt with: met again, they don't end the run, nor
// does its summary point to them.
func TestDiscardedLogsAreNotTooMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	logs := cloudflareLogs(1, 200, now.Add(-20*time.Hour), now.Add(-2*time.Hour))
	prod.Insert(logs...)
	for _, l := range logs[:20] {
		prod.Edit(l.ID, func(doc []byte) []byte { return bytes.Replace(doc, []byte(`"id":`), []byte(`"ID":`), 1) })
	}
	w.sync(ferry.ExitData)
	again := func(code int, rejected int64) {
		t.Helper()
		sum := w.backfill(code, ferry.BackfillOptions{From: now.Add(-21 * time.Hour), Force: true})
		if sum.Rejected != rejected || sum.Rows != 200 {
			t.Errorf("%d of %d logs rejected, want %d of 200", sum.Rejected, sum.Rows, rejected)
		}
	}
	again(ferry.ExitData, 20)
	f := w.ferry()
	cases, err := f.Quarantine(t.Context(), "", false)
	if err != nil || len(cases) != 20 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for i, c := range cases {
		if _, _, err := f.QuarantineDiscard(t.Context(), []int64{c.ID}); err != nil {
			t.Fatal(err)
		}
		if i == 8 {
			again(ferry.ExitData, 11) // are still open
		}
	}
	again(ferry.ExitOK, 0)
}
