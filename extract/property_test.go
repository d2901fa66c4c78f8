package extract

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A part is what became of a window, or of a part that it was split into.
type part struct {
	Window
	verdict Verdict
	by      string
	walks   int
	loaded  []string
}

// carry reads a window and what it is halved into, as the flow does.
func carry(t testing.TB, f *Feed, w Window, depth int) []part {
	r := f.Read(w)
	v, loaded := readAll(t, r)
	if v == Halve && depth < 12 {
		middle := r.SplitAt()
		return append(carry(t, f, Window{w.From, middle}, depth+1), carry(t, f, Window{middle, w.To}, depth+1)...)
	}
	return []part{{w, v, r.By(), r.Walks, loaded}}
}

// drawn is a source with random content that stands still, and what makes it
// hard to read. Ids are listed twice at most twice over.
func drawn(t *rapid.T) (src *source, twice bool) {
	src = &source{
		strictLow: rapid.Bool().Draw(t, "strict low"), strictTop: rapid.Bool().Draw(t, "strict top"),
		unsorted: rapid.Bool().Draw(t, "unsorted"), refuses: rapid.Bool().Draw(t, "refuses"),
		maxRows: rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "rows a page at most"),
	}
	rows := rapid.SampledFrom([]int{0, 1, 2, 5, 12, 24, 40}).Draw(t, "rows")
	for i, n := range rapid.SliceOfN(rapid.IntRange(-3, 33), rows, rows).Draw(t, "times") {
		e := entry{id: fmt.Sprintf("e%d", i), at: at(n), weight: 1}
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			e.id, e.note = "", fmt.Sprintf("nameless %d", i)
		}
		src.rows = append(src.rows, e)
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "ids listed twice") {
		if len(src.rows) > 0 {
			twice = true
			i := rapid.IntRange(0, len(src.rows)-1).Draw(t, "which")
			where := rapid.IntRange(0, len(src.rows)).Draw(t, "where")
			src.rows = slices.Insert(src.rows, where, src.rows[i])
		}
	}
	return src, twice
}

// lots makes bodies weigh, and some entries too large to be read.
func lots(t *rapid.T, src *source) {
	src.limit = rapid.SampledFrom([]int{0, 0, 4}).Draw(t, "limit")
	for i := range src.rows {
		if src.limit > 0 && rapid.IntRange(0, 7).Draw(t, "weight") == 0 {
			src.rows[i].weight = rapid.SampledFrom([]int{3, 5}).Draw(t, "heavy")
		}
	}
}

// What stands still and is listed in the same order each time attests at once,
// and then exactly what the source holds was met: whatever order that is,
// however its bounds are treated, and with or without a total.
func TestStaticSourceAttestsExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		src, twice := drawn(rt)
		lots(rt, src)
		f := feedOf(src, rapid.IntRange(1, 12).Draw(rt, "page size"))
		f.Ahead = rapid.IntRange(1, 3).Draw(rt, "ahead")
		counts := rapid.SampledFrom([]string{"total", "none", "0"}).Draw(rt, "counts")
		walks := 1
		switch counts {
		case "none":
			src.total = func(int64) int64 { return -1 }
		case "0":
			src.total = func(int64) int64 { return 0 }
		}
		if f.Dialect.HasTotal = counts == "total"; !f.Dialect.HasTotal || twice {
			walks = 2 // an id listed twice may lie outside the window
		}
		from := rapid.IntRange(0, 30).Draw(rt, "from")
		parts := carry(t, f, span(from, rapid.IntRange(from+1, 31).Draw(rt, "to")), 0)
		for _, p := range parts {
			if p.verdict == Attested {
				src.whole(rt, p)
			}
		}
		p := parts[0]
		if src.limit > 0 && len(src.readable(p.Window)) == 0 {
			walks = 2 // all are too large: no answer tells the total
		}
		// Uneven pages that are too large are read with overlaps, which may look
		// like ids listed twice or like the same page for ever.
		overlaps := src.limit > 0 && src.maxRows > 0
		// Repeats that are never on one page are not believed.
		if !overlaps && !twice && (len(parts) != 1 || p.verdict != Attested || p.walks > walks) {
			rt.Fatalf("%d parts, the first %s after %d walks; want one, Attested after %d", len(parts), p.verdict, p.walks, walks)
		}
		allFree(t, f)
	})
}

// Ties that are dealt anew each request add up. What is attested by its total
// is whole then too, and so is what two alike walks attest: by chance both can
// list one of the tied logs twice and never another, but not on one page.
func TestUnstableTiesAddUp(t *testing.T) {
	t.Parallel()
	attested := 0
	rapid.Check(t, func(rt *rapid.T) {
		src, _ := drawn(rt)
		src.deal = rapid.Uint64Range(1, 1<<60).Draw(rt, "deal")
		f := feedOf(src, rapid.IntRange(1, 12).Draw(rt, "page size"))
		for _, p := range carry(t, f, span(0, 31), 0) {
			want := src.readable(p.Window)
			switch {
			case p.verdict == Foreign:
				rt.Errorf("%s is %s", p.Window, p.verdict)
			case p.verdict == Attested:
				attested++
				if !slices.Equal(p.loaded, want) {
					rt.Errorf("%s attested by %s: met %v, the source holds %v", p.Window, p.by, p.loaded, want)
				}
			case len(without(p.loaded, want...)) > 0:
				rt.Errorf("%s: met %v, the source holds %v", p.Window, p.loaded, want)
			}
		}
	})
	if attested == 0 {
		t.Error("nothing was attested")
	}
}

// A server that deals ties by itself for every page, but alike each time, lists
// some logs twice and others never, in every walk by the same pages. Walks that
// end their pages elsewhere show it.
func TestTiesDealtAlike(t *testing.T) {
	t.Parallel()
	wrong, right := 0, 0
	for seed := range uint64(200) {
		src := &source{deal: seed + 1, alike: true}
		for i, id := range many("e", 36) {
			src.rows = append(src.rows, entry{id: id, at: at(i / 3)})
		}
		for _, p := range carry(t, feedOf(src, 10), span(0, 31), 0) {
			switch {
			case p.verdict != Attested:
			case slices.Equal(p.loaded, src.held(p.Window)):
				right++
			default:
				wrong++
			}
		}
	}
	if wrong > 0 || right < 200 {
		t.Errorf("attested %d times with all logs, %d times without some", right, wrong)
	}
}

// whole checks that a part holds exactly what the source does.
func (s *source) whole(t rapid.TB, p part) {
	if want := s.readable(p.Window); !slices.Equal(without(p.loaded, "(too large)"), want) {
		t.Errorf("%s attested by %s: met %v, the source holds %v", p.Window, p.by, p.loaded, want)
	}
	if s.holdsTooLarge(p.Window) && !slices.Contains(p.loaded, "(too large)") {
		t.Errorf("%s attested by %s: an entry too large to be read was lost", p.Window, p.by)
	}
}

// readable are the names of the window's rows that are not too large.
func (s *source) readable(w Window) []string {
	rest := &source{}
	for _, e := range s.rows {
		if s.limit == 0 || e.weight <= s.limit {
			rest.rows = append(rest.rows, e)
		}
	}
	return rest.held(w)
}

func (s *source) holdsTooLarge(w Window) bool {
	return slices.ContainsFunc(s.rows, func(e entry) bool { return s.limit > 0 && e.weight > s.limit && w.Holds(e.at) })
}

// without are the names that are not among others.
func without(names []string, others ...string) []string {
	rest := []string{}
	for _, name := range names {
		if !slices.Contains(others, name) {
			rest = append(rest, name)
		}
	}
	return rest
}
