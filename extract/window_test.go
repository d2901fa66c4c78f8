package extract

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	w := span(0, 10)
	for n, want := range map[int]bool{-1: false, 0: true, 9: true, 10: false} {
		if w.Holds(at(n)) != want {
			t.Errorf("%s holds %s: %t", w, at(n), !want)
		}
	}
	if got := w.String(); got != "[2026-11-01T12:00:00Z, 2026-11-01T12:00:00.01Z)" {
		t.Error(got)
	}
	if got := span(0, 9).Middle(ms); !got.Equal(at(4)) {
		t.Errorf("middle of 9 ms: %s", got)
	}
	if got := span(0, 9000).Middle(time.Second); !got.Equal(at(4000)) {
		t.Errorf("middle of 9 s: %s", got)
	}
}

// Wherever a window is cut, both parts are whole ticks, and neither is empty.
func TestCutsAreWholeTicks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tick := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second}).Draw(t, "tick")
		ticks := rapid.OneOf(rapid.IntRange(2, 9), rapid.IntRange(2, 400_000_000)).Draw(t, "ticks")
		w := Window{at(0), at(0).Add(time.Duration(ticks) * tick)}
		f := feedOf(nil, 5)
		f.Dialect.Tick, f.Dialect.Sorted = tick, rapid.Bool().Draw(t, "sorted")
		r := f.Read(w)
		first := w.From.Add(time.Duration(rapid.Int64Range(-int64(tick), int64(w.Width()+tick)).Draw(t, "first")))
		r.begun = &Answer{Docs: [][]byte{doc("first", first)}}
		r.last = &walk{end: rapid.SampledFrom([]ending{moved, cut}).Draw(t, "end")}
		for range rapid.IntRange(0, 5).Draw(t, "times") {
			r.times = append(r.times, w.From.Add(time.Duration(rapid.Int64Range(-int64(tick), int64(w.Width())).Draw(t, "time"))))
		}
		total := rapid.Int64Range(10_000, 1<<40).Draw(t, "total")
		for name, got := range map[string]time.Time{
			"SplitAt": r.SplitAt(),
			"CutAt":   r.CutAt(total, 8_500, func(doc []byte) time.Time { return identify(doc, "created_at").At }),
		} {
			if !got.After(w.From) || !got.Before(w.To) || !got.Equal(got.Truncate(tick)) {
				t.Errorf("%s of %s at %s, a tick being %s", name, w, got, tick)
			}
		}
	})
}

// The first log of a sorted page shows where logs begin: the width is taken
// from there.
func TestCutAt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		total  int64
		first  int // of the page's logs; -1: it has none
		sorted bool
		want   int
	}{
		{"to what the total suggests", 85_000, 0, true, 1_000},
		{"from the first log on", 17_000, 8_000, true, 9_000},
		{"from the window's start where the first log is not the oldest", 17_000, 8_000, false, 5_000},
		{"from the window's start where no page was read", 17_000, -1, true, 5_000},
		{"halved at the usual cap", 10_000, 0, true, 5_000},
		{"halved at the usual cap, from the first log on", 10_000, 8_000, true, 9_000},
		{"just above the cap", 10_001, 0, true, 8_499},
	} {
		f := feedOf(nil, 5)
		f.Dialect.Sorted = c.sorted
		r := f.Read(span(0, 10_000))
		r.begun = &Answer{}
		if c.first >= 0 {
			r.begun.Docs = [][]byte{doc("first", at(c.first)), doc("later", at(9_999))}
		}
		got := r.CutAt(c.total, 8_500, func(doc []byte) time.Time { return identify(doc, "created_at").At })
		if !got.Equal(at(c.want)) {
			t.Errorf("%s: cut at %s, want %s", c.name, got, at(c.want))
		}
	}
}

// A page in no order of time is a sample of where logs lie; one that comes
// newest first, although oldest first was asked, shows only where they end.
func TestCutAtOfAnUnsortedPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		times []int
		want  int
	}{
		"a sample":     {[]int{8_500, 8_100, 8_900, 8_200, 8_700, 8_000, 8_999, 8_300, 8_800, 8_400}, 8_500},
		"newest first": {[]int{7_999, 7_998, 7_997, 7_996, 7_995, 7_994, 7_993, 7_992, 7_991, 7_990}, 4_000},
		"too few":      {[]int{8_500, 8_100, 8_900}, 5_000},
	} {
		for _, sorted := range []bool{true, false} {
			f := feedOf(nil, 10)
			f.Dialect.Sorted = sorted
			r := f.Read(span(0, 10_000))
			r.begun = &Answer{}
			for _, n := range c.times {
				r.begun.Docs = append(r.begun.Docs, doc("log", at(n)))
			}
			if got := r.CutAt(17_000, 8_500, func(doc []byte) time.Time { return identify(doc, "created_at").At }); !got.Equal(at(c.want)) {
				t.Errorf("%s, sorted %t: cut at %s, want %s", name, sorted, got, at(c.want))
			}
		}
	}
}
