package load

import (
	"testing"
	"time"
)

func (f *feed) stored(r Range) int64 {
	f.t.Helper()
	n, err := f.Stored(f.t.Context(), f.stream.ID, r)
	f.must(err)
	return n
}

// Rows are counted within the bounds as the source treats them.
func TestStoredWithinBounds(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, tokens("a", 1, 1), tokens("b", 2, 1), tokens("c", 2, 1), tokens("d", 3, 1))
	other := feedOn(t, f.Store, "another stream")
	other.read(0, 10, tokens("a", 2, 1))
	for _, test := range []struct {
		low, top             int
		strictLow, strictTop bool
		want                 int64
	}{
		{1, 3, false, false, 4}, {1, 3, true, false, 3}, {1, 3, false, true, 3}, {1, 3, true, true, 2},
		{2, 2, false, false, 2}, {2, 2, true, true, 0}, {4, 9, false, false, 0},
	} {
		r := Range{Low: minute(test.low), Top: minute(test.top), StrictLow: test.strictLow, StrictTop: test.strictTop}
		if n := f.stored(r); n != test.want {
			t.Errorf("%+v: %d, want %d", test, n, test.want)
		}
	}
	micro := Range{Low: minute(1).Add(time.Microsecond), Top: minute(3).Add(-time.Nanosecond)}
	if n := f.stored(micro); n != 2 {
		t.Errorf("between the outer two: %d, want 2", n)
	}
	// Cut to two minutes, "a" is at 0 and all the others at 2.
	for r, want := range map[Range]int64{
		{Low: minute(0), Top: minute(2), StrictLow: true, Tick: 2 * time.Minute}:                  3,
		{Low: minute(0), Top: minute(2), StrictTop: true, Tick: 2 * time.Minute}:                  1,
		{Low: minute(0), Top: minute(2), Tick: 2 * time.Minute}:                                   4,
		{Low: minute(0), Top: minute(2), StrictLow: true, StrictTop: true, Tick: 2 * time.Minute}: 0,
	} {
		if n := f.stored(r); n != want {
			t.Errorf("%+v: %d, want %d", r, n, want)
		}
	}
}

// Cases whose log has a time are counted within the same bounds as rows.
func TestStoredCasesWithinBounds(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""), refused("b", minute(3), ""))
	for _, test := range []struct {
		low, top             int
		strictLow, strictTop bool
		want                 int64
	}{
		{1, 3, false, false, 2}, {1, 3, true, false, 1}, {1, 3, false, true, 1}, {1, 3, true, true, 0},
		{0, 4, true, true, 2}, {2, 2, false, false, 0},
	} {
		r := Range{Low: minute(test.low), Top: minute(test.top), StrictLow: test.strictLow, StrictTop: test.strictTop}
		if n := f.stored(r); n != test.want {
			t.Errorf("%+v: %d, want %d", test, n, test.want)
		}
	}
}

// What the source counts is not only rows: it lists what waits in quarantine
// and lists some ids twice, and it does not list what is missing.
func TestStoredIsWhatTheSourceCounts(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	all := Range{Low: minute(0), Top: minute(20)}
	w := f.begin(f.claim(0, 10))
	f.write(w, tokens("a", 1, 1), tokens("b", 2, 1), decoded([]byte(`{"id":"c"}`), false), decoded([]byte(`{"no":"id"}`), false))
	f.finish(w, Outcome{Status: "attested", Total: 6, Distinct: 4}) // "a" is listed three times
	f.read(10, 20, tokens("d", 11, 1))
	for _, test := range []struct {
		r    Range
		want int64
	}{
		{all, 7}, {Range{Low: minute(0), Top: minute(10)}, 6}, {Range{Low: minute(10), Top: minute(20)}, 1},
		{Range{Low: minute(0), Top: minute(9)}, 2}, // the case's and the repeats' window reaches further
	} {
		if n := f.stored(test.r); n != test.want {
			t.Errorf("[%s, %s]: %d, want %d", test.r.Low, test.r.Top, n, test.want)
		}
	}
	execSQL(t, f.Store, `update logferry_private.quarantine set resolved_at = now(), resolution = 'discarded' where log_id is null`)
	if n := f.stored(all); n != 7 { // the source lists it all the same
		t.Errorf("with a case discarded: %d, want 7", n)
	}
	f.read(0, 10, tokens("b", 2, 1), decoded([]byte(`{"id":"c"}`), false)) // "a" is gone, nothing is listed twice
	if n := f.stored(all); n != 3 {
		t.Errorf("with a log missing and no repeats: %d, want 3", n)
	}
	if n, err := f.Held(t.Context(), f.stream.ID); err != nil || n != 3 {
		t.Errorf("held %d, %v; want 3", n, err)
	}
}

// A case whose window reaches below where the source lists anything lies above
// that.
func TestStoredAtTheSourcesFloor(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 20, decoded([]byte(`{"no":"id"}`), false), entry("a", minute(15), ""))
	r := Range{Low: minute(5), Top: minute(20)}
	if n := f.stored(r); n != 1 {
		t.Errorf("%d logs surely lie in the range, want 1", n)
	}
	if r.Floor = true; f.stored(r) != 2 {
		t.Errorf("%d logs lie above the floor, want 2", f.stored(r))
	}
	if r = (Range{Low: minute(5), Top: minute(18), Floor: true}); f.stored(r) != 1 {
		t.Errorf("%d logs surely lie below the range's top, want 1", f.stored(r))
	}
}

// A window whose end had not settled takes its undated cases with it to where it
// is covered.
func TestStoredWhereAWindowWasCut(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	w := f.begin(f.claim(0, 20))
	f.write(w, decoded([]byte(`{"no":"id"}`), false), entry("a", minute(5), ""))
	cut := attested
	cut.To, cut.Total, cut.Distinct = minute(15), 2, 2
	f.finish(w, cut)
	if n := f.stored(Range{Low: minute(0), Top: minute(15)}); n != 2 {
		t.Errorf("%d logs lie in what is covered, want 2", n)
	}
}

// A difference that a full reading left standing is counted in, until the span
// is read again.
func TestStandingDifference(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	all := Range{Low: minute(0), Top: minute(10)}
	for _, counted := range []int64{3, 1} {
		w := f.begin(f.claim(0, 10))
		f.write(w, tokens("a", 1, 1), tokens("b", 2, 1))
		f.finish(w, Outcome{Status: "attested", Total: 2, Distinct: 2})
		f.must(f.NoteStanding(t.Context(), f.stream.ID, minutes(0, 10), counted, f.stored(all)))
		if n := f.stored(all); n != counted {
			t.Errorf("stored %d, want what the source counts: %d", n, counted)
		}
	}
}

// What a later reading of a part of a window says nothing about still stands,
// until later readings hold all of the window.
func TestStandingDifferenceOutsideOfALaterReading(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	all := Range{Low: minute(0), Top: minute(10)}
	w := f.begin(f.claim(0, 10))
	f.write(w, tokens("a", 1, 1), tokens("b", 9, 1))
	f.finish(w, Outcome{Status: "attested", Total: 3, Distinct: 2}) // "a" is listed twice
	for _, step := range []struct {
		from, to int
		met      Entry
		want     int64
	}{{8, 10, tokens("b", 9, 1), 3}, {0, 8, tokens("a", 1, 1), 2}} {
		w = f.begin(f.claim(step.from, step.to))
		f.write(w, step.met)
		f.finish(w, Outcome{Status: "attested", Total: 1, Distinct: 1})
		if n := f.stored(all); n != step.want {
			t.Errorf("minutes %d to %d read again: stored %d, the source counts %d", step.from, step.to, n, step.want)
		}
	}
}

// A document that no id tells waits until all of the time where it may lie was
// read again without meeting it, be it by several windows.
func TestCasesThatAreMetNoMore(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	all := Range{Low: minute(0), Top: minute(40)}
	f.read(0, 20, decoded([]byte(`{"no":"id"}`), false), decoded([]byte(`{"cost":NaN}`), false))
	for _, step := range []struct {
		from, to int
		met      []Entry
		open     int
	}{
		{0, 10, nil, 2}, {15, 40, nil, 2}, {10, 16, []Entry{decoded([]byte(`{"cost":NaN}`), false)}, 1}, {5, 20, nil, 0},
	} {
		f.read(step.from, step.to, step.met...)
		open := count(t, f.Store, `select count(*) from logferry_private.quarantine where resolved_at is null`)
		if n := f.stored(all); open != step.open || n != int64(step.open) {
			t.Errorf("minutes %d to %d read again: %d open, %d counted, want %d", step.from, step.to, open, n, step.open)
		}
	}
}

// Settled time is covered and its latest reading stands without doubt.
func TestSettled(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		given          func(f *feed)
		want, doubtful string // within minutes 0 to 100
	}{
		"nothing is covered":           {func(*feed) {}, "", ""},
		"a mismatch is not covered":    {func(f *feed) { f.cover(0, 20); f.mark(20, 30, "mismatch") }, "[0,20)", "[20,30)"},
		"what is covered":              {func(f *feed) { f.cover(-5, 20); f.cover(30, 200) }, "[0,20) [30,100)", ""},
		"less what was accepted":       {func(f *feed) { f.cover(0, 100); f.mark(20, 30, "accepted") }, "[0,20) [30,100)", "[20,30)"},
		"less a mismatch since":        {func(f *feed) { f.cover(0, 100); f.mark(-5, 30, "mismatch") }, "[30,100)", "[0,30)"},
		"with what was attested again": {func(f *feed) { f.cover(0, 100); f.mark(20, 30, "accepted"); f.mark(10, 40, "attested") }, "[0,100)", ""},
		"with what parts attested": {func(f *feed) {
			f.cover(0, 100)
			f.mark(20, 30, "mismatch")
			f.mark(20, 26, "attested")
			f.mark(26, 30, "attested")
		}, "[0,100)", ""},
		"not what attested before":         {func(f *feed) { f.cover(0, 100); f.mark(10, 40, "attested"); f.mark(20, 30, "accepted") }, "[0,20) [30,100)", "[20,30)"},
		"failures and splits are no doubt": {func(f *feed) { f.cover(0, 100); f.mark(10, 40, "failed"); f.mark(20, 30, "split") }, "[0,100)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			test.given(f)
			spans, err := f.Settled(t.Context(), f.stream.ID, minutes(0, 100))
			if got := inMinutes(spans...); err != nil || got != test.want {
				t.Errorf("settled %q, %v; want %q", got, err, test.want)
			}
			spans, err = f.InDoubt(t.Context(), f.stream.ID, minutes(0, 100))
			if got := inMinutes(spans...); err != nil || got != test.doubtful {
				t.Errorf("doubtful %q, %v; want %q", got, err, test.doubtful)
			}
		})
	}
}

func TestAskingForStoredLogs(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	if _, covered, err := f.CoverageEnd(t.Context(), f.stream.ID); err != nil || covered {
		t.Errorf("covered %t, %v", covered, err)
	}
	f.read(0, 10, tokens("b", 2, 1), tokens("a", 1, 1), tokens("c", 3, 1), decoded([]byte(`{"id":"q"}`), false))
	f.cover(20, 30)
	if end, covered, err := f.CoverageEnd(t.Context(), f.stream.ID); err != nil || !covered || !end.Equal(minute(30)) {
		t.Errorf("coverage ends %s, %t, %v", end, covered, err)
	}
	for n, want := range []time.Time{minute(2), minute(3), {}} {
		at, found, err := f.NthStored(t.Context(), f.stream.ID, minutes(2, 10), n)
		if err != nil || !at.Equal(want) || found == want.IsZero() {
			t.Errorf("log %d is at %s, %t, %v; want %s", n, at, found, err, want)
		}
	}
	for id, at := range map[string]time.Time{"a": minute(1), "q": minute(9)} {
		if has, err := f.Has(t.Context(), f.stream.ID, id, at); err != nil || !has {
			t.Errorf("has %s: %t, %v", id, has, err)
		}
	}
	if has, err := f.Has(t.Context(), f.stream.ID, "a", minute(2)); err != nil || has {
		t.Errorf("has a log under another time: %t, %v", has, err)
	}
	for at, want := range map[time.Time]bool{minute(1): true, minute(4): false} {
		if there, err := f.StoredAt(t.Context(), f.stream.ID, at); err != nil || there != want {
			t.Errorf("stored at %s: %t, %v", at, there, err)
		}
	}
}
