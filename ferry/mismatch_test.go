package ferry_test

import (
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A source whose total is always one too high never attests: what it lists is
// loaded and not covered, and holds nothing else up, not in its own stream and
// not beside it. Later passes leave it alone and say so, until somebody accepts
// it.
func TestWindowThatNeverAttests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	bad, good := w.gateway("bad"), w.gateway("good")
	bad.Insert(cloudflareLogs(1, 160, now.Add(-9*day), now.Add(-8*day))...)
	good.Insert(cloudflareLogs(2, 160, now.Add(-9*day), now.Add(-time.Hour))...)
	bad.SetFaults(emulator.Faults{TotalOff: 1})

	sum := w.saysWhat(ferry.ExitData, "the time is not covered:", func(f *ferry.Ferry) (ferry.Summary, error) { return f.Sync(t.Context()) })
	w.equal(bad)
	w.equal(good)
	if sum.Mismatch == 0 || sum.Mismatch != sum.Doubtful {
		t.Errorf("%+v", sum)
	}
	w.holes(good, []string{})
	uncovered := func() int {
		return query[int](w, `select count(*) from logferry.requests join logferry.stream_state using (stream_id) where not coverage @> created_at`)
	}
	if n := uncovered(); n != bad.Len() {
		t.Errorf("%d logs lie in uncovered time, want the bad stream's %d", n, bad.Len())
	}
	if !query[bool](w, `select upper(coverage) > $2 and lower(coverage) = starts_at
		from logferry.stream_state join logferry.streams using (stream_id) where stream_name = $1`, bad.Name(), now.Add(-11*time.Minute)) {
		t.Error("the time around the bad windows is not covered")
	}
	if query[bool](w, `select bool_or(retry_at is null or retry_at < finished_at + interval '899 seconds') from logferry.windows where status = 'mismatch'`) {
		t.Error("a mismatch does not wait")
	}

	w.emu.ForgetRequests()
	sum = w.sync(ferry.ExitOK)
	if sum.Mismatch != 0 || sum.Doubtful == 0 || sum.Inserted+sum.Changed+sum.Missing != 0 {
		t.Errorf("the next pass: %+v", sum)
	}
	if n := w.emu.CountRequests(nil); n > 1+2*3 {
		t.Errorf("the next pass made %d requests", n)
	}

	sum = w.backfill(ferry.ExitData, ferry.BackfillOptions{From: now.Add(-30 * day)})
	if sum.Mismatch == 0 {
		t.Errorf("a backfill does not wait: %+v", sum)
	}
	if n := query[int](w, `select count(*) from logferry.windows where status = 'mismatch' and retry_at > finished_at + interval '29 minutes'`); n == 0 {
		t.Error("the second mismatch of the same time does not wait longer")
	}
	sum = w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day), AcceptMismatch: true})
	if sum.Accepted == 0 || sum.Short != int64(sum.Accepted) {
		t.Errorf("accepting says %+v; each window is one log short", sum)
	}
	if n := uncovered(); n != 0 {
		t.Errorf("%d logs lie in uncovered time", n)
	}
	if n := query[int](w, `select count(*) from logferry.windows where status = 'accepted'`); n == 0 {
		t.Error("no window says that it was accepted")
	}
	if sum = w.sync(ferry.ExitOK); sum.Doubtful == 0 {
		t.Errorf("what was accepted is no longer doubtful: %+v", sum)
	}
	w.equal(bad)

	// Read again, what was accepted stays covered, and the error says so.
	force := ferry.BackfillOptions{From: now.Add(-30 * day), Force: true}
	w.saysWhat(ferry.ExitData, "the time stays covered, and is doubtful:", func(f *ferry.Ferry) (ferry.Summary, error) { return f.Backfill(t.Context(), force) })
	if n := query[int](w, `select count(*) from logferry.windows where status = 'mismatch' and detail ~ 'fewer logs than the announced total: [0-9]+ of [0-9]+$'`); n == 0 {
		t.Error("no mismatch names both numbers")
	}

	// Once the source counts right, reading it again settles it.
	bad.SetFaults(emulator.Faults{})
	if sum = w.backfill(ferry.ExitOK, force); sum.Doubtful != 0 {
		t.Errorf("read again without doubt: %+v", sum)
	}
}

// saysWhat runs a command whose error has the code and says what is said.
func (w *world) saysWhat(code int, said string, command func(*ferry.Ferry) (ferry.Summary, error)) ferry.Summary {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	sum, err := command(f)
	w.exits(code, err)
	if !strings.Contains(strings.Join(ferry.Reasons(err), "\n"), said) {
		w.t.Errorf("%v; want %q", err, said)
	}
	return sum
}

// A source without totals attests by two walks alike, and is split where it
// holds too many logs for one.
func TestTwoWalks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	missing, zero := emulator.Faults{TotalMissing: true}, emulator.Faults{TotalZero: true}
	streams := map[*emulator.Stream]emulator.Faults{w.gateway("missing"): missing, w.gateway("zero"): zero}
	for stream := range streams {
		stream.Insert(cloudflareLogs(7, 400, now.Add(-20*day), now)...)
	}
	dataset := func(id string, n int, d emulator.Dialect, f emulator.Faults) *emulator.Stream {
		set := w.dataset(id)
		set.SetDialect(d)
		set.Insert(keywordsLogs(7, n, now.Add(-20*day), now, id, "timestamp")...)
		streams[set] = f
		return set
	}
	dataset("missing", 400, emulator.LiveDialect, missing)
	dataset("zero", 400, emulator.LiveDialect, zero)
	array := emulator.Dialect{Shape: emulator.ShapeArray, TimeField: "timestamp"}
	large := dataset("array", 12_000, array, emulator.Faults{Order: emulator.ByID})
	for stream, faults := range streams {
		stream.SetFaults(faults)
	}
	w.sync(ferry.ExitOK)
	for stream := range streams {
		w.holdsExactly(stream, "timestamp")
	}
	if n := query[int](w, `select count(*) from logferry.windows where status = 'attested' and attested_by <> 'two_walks' and distinct_rows > 0`); n > 0 {
		t.Errorf("%d windows are attested otherwise", n)
	}
	split := query[[]string](w, `select array_agg(distinct stream_name) from logferry.windows join logferry.streams using (stream_id) where status = 'split'`)
	if len(split) != 1 || split[0] != large.Name() {
		t.Errorf("split: %v, want %s", split, large.Name())
	}
}

// Totals that come to be far too high differ wherever there are logs: that is
// found out by a few readings, not by many for each log.
func TestWrongTotalsCostLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("ds1")
	set.Insert(keywordsLogs(1, 60, now.Add(-9*day), now.Add(-time.Hour), "ds1", "created_at")...)
	w.sync(ferry.ExitOK)
	set.SetFaults(emulator.Faults{TotalOff: 500})
	w.emu.ForgetRequests()
	w.sync(ferry.ExitData)
	if n := w.emu.CountRequests(nil); n > 1000 {
		t.Errorf("a pass: %d requests about %d logs", n, set.Len())
	}
	w.emu.ForgetRequests()
	w.backfill(ferry.ExitData, ferry.BackfillOptions{From: now.Add(-30 * day), Force: true})
	if n := w.emu.CountRequests(nil); n > 2500 {
		t.Errorf("a backfill: %d requests about %d logs", n, set.Len())
	}
	set.SetFaults(emulator.Faults{})
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day), Force: true})
	w.holdsExactly(set, "created_at")
}

// A filter that is ignored counts the same everywhere, down to the last tick:
// verify says so before it has asked for each.
func TestVerifyWithoutFilterEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 250, now.Add(-9*day), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.Insert(cloudflareLogs(2, 1, now.Add(-9*day), now.Add(-time.Hour))...)
	prod.SetFaults(emulator.Faults{Filters: emulator.Ignored, Dates: emulator.Ignored})
	w.emu.ForgetRequests()
	f := w.ferry()
	_, err := f.Verify(t.Context(), ferry.VerifyOptions{From: now.Add(-20 * day)})
	w.exits(ferry.ExitData, err)
	if n := w.emu.CountRequests(nil); n > 500 {
		t.Errorf("%d requests", n)
	}
}
