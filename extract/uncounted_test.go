package extract

import (
	"slices"
	"testing"
)

// Where the source gives no total, or 0 beside rows, only an empty or refused
// page ends a walk, and two walks in a row with the same ids attest.
func TestWithoutTotals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		steps []step
		want  Verdict
		walks int
		by    string
	}{
		{"a short page does not end it", []step{page(-1, "a"), page(-1, "b"), page(-1), page(-1, "a", "b"), page(-1)}, Attested, 2, "two_walks"},
		{"0 beside rows", []step{page(0, "a"), page(0), page(0, "a"), page(0)}, Attested, 2, "two_walks"},
		{"a refused page ends it", []step{page(-1, "a"), fails(errNoPage), page(-1, "a"), fails(errNoPage)}, Attested, 2, "two_walks"},
		{"nothing, twice", []step{page(-1), page(-1)}, Attested, 2, "two_walks"},
		{"0 means nothing here either", []step{page(0), page(0)}, Attested, 2, "two_walks"},
		{
			"one id more the second time",
			[]step{page(-1, "a"), page(-1), page(-1, "a", "b"), page(-1), page(-1, "a", "b"), page(-1)}, Attested, 3, "two_walks",
		},
		{
			"the same ids, but not in a row",
			[]step{page(-1, "a"), page(-1), page(-1, "b"), page(-1), page(-1, "a"), page(-1), page(-1, "b"), page(-1), page(-1, "a"), page(-1)},
			Mismatch, 5, "",
		},
		{"the same page for ever proves nothing", slices.Repeat([]step{page(-1, "a", "b")}, 16), Halve, 4, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := feedOf(answers(t, c.steps...), 2)
			f.Dialect.HasTotal = false
			r := f.Read(span(0, 10))
			v, _ := readAll(t, r)
			if v != c.want || r.Walks != c.walks || v == Attested && r.By() != c.by {
				t.Errorf("%s after %d walks by %s, want %s after %d by %s", v, r.Walks, r.By(), c.want, c.walks, c.by)
			}
			allFree(t, f)
		})
	}
}

// A walk without a total is cut off once it has read 10,000 logs, and its
// window split at the median of their times; one tick can't be.
func TestCutOffWithoutTotal(t *testing.T) {
	t.Parallel()
	src := &source{total: func(int64) int64 { return -1 }}
	for i, id := range many("e", 12_000) {
		src.rows = append(src.rows, entry{id: id, at: at(1000 + max(0, i-10_500))})
	}
	f := feedOf(src, 2500)
	f.Dialect.HasTotal = false
	r := f.Read(span(0, 1_000_000))
	if v, _ := readAll(t, r); v != Halve || !r.Cut() || len(src.asks) != 4 {
		t.Fatalf("%s, cut off: %t, after %d requests; want Halve after 4", v, r.Cut(), len(src.asks))
	}
	if got := r.SplitAt(); !got.Equal(at(1000)) {
		t.Errorf("split at %s, want the median, %s", got, at(1000))
	}
	r = f.Read(span(1000, 1001))
	if v, load := readAll(t, r); v != Attested || r.Cut() || len(load) != 10_501 {
		t.Errorf("one tick: %s, cut off: %t, %d logs; want it read to its end", v, r.Cut(), len(load))
	}
}
