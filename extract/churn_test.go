package extract

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What a total that does not change promises, others inserting and deleting
// meanwhile. Let a reading be attested by its total T, M the ids met under it,
// and S what the source held in the asked span at the last answer of T. (An
// empty page past the end may say 0, or nothing, and attests all the same.)
//
//   - M and S have T ids each, so as many ids of S were missed as ids of M are
//     gone. None is missed unless something was deleted, and something else
//     inserted, between two of the requests: if all changes are inserts, or all
//     are deletes, any of them changes the total, and M is exactly S.
//   - An id deleted and another inserted between two requests leave the total as
//     it was but move rows across pages, and an id that was there all the time can
//     be missed: see TestWhatATotalDoesNotPromise. Windows end where the source has
//     settled, so this takes a straggler and a deletion at once; the full reading of
//     what leaves the lookback finds it.
//
// Where the source gives no total, two alike walks hold every id that was there
// all the time, unless inserts and deletes mix.

// A churning source is one that others change between its requests.
type churning struct {
	*source
	held             [][]string // what it holds at each request
	inserts, deletes int
}

// churn plans changes before some requests: inserts (+) and deletes (-), all
// within the window that the tests read.
func churn(t *rapid.T, kinds []rune) *churning {
	c := &churning{source: &source{unsorted: rapid.Bool().Draw(t, "unsorted")}}
	rows := rapid.IntRange(1, 14).Draw(t, "rows")
	for i, n := range rapid.SliceOfN(rapid.IntRange(0, 30), rows, rows).Draw(t, "times") {
		c.rows = append(c.rows, entry{id: fmt.Sprintf("e%d", i), at: at(n)})
	}
	type change struct {
		kind        rune
		time, place int
	}
	plan := map[int][]change{}
	for range rapid.IntRange(0, 5).Draw(t, "changes") {
		n := rapid.IntRange(2, 12).Draw(t, "before request")
		plan[n] = append(plan[n], change{
			rapid.SampledFrom(kinds).Draw(t, "change"), rapid.IntRange(0, 30).Draw(t, "time"), rapid.IntRange(0, 99).Draw(t, "place"),
		})
	}
	c.before = func(n int) {
		for i, change := range plan[n] {
			switch {
			case change.kind == '+':
				c.inserts++
				place := change.place % (len(c.rows) + 1)
				c.rows = slices.Insert(c.rows, place, entry{id: fmt.Sprintf("new%d.%d", n, i), at: at(change.time)})
			case len(c.rows) > 0:
				c.deletes++
				place := change.place % len(c.rows)
				c.rows = slices.Delete(c.rows, place, place+1)
			}
		}
		c.held = append(c.held, c.source.held(span(0, 31)))
	}
	return c
}

// holding is what it held when it last held so many.
func (c *churning) holding(n int) []string {
	for _, held := range slices.Backward(c.held) {
		if len(held) == n {
			return held
		}
	}
	return nil
}

// mixes are the kinds of changes that a test draws from.
var mixes = map[string][]rune{"inserts": {'+'}, "deletes": {'-'}, "both": {'+', '-'}}

func TestAnUnchangedTotal(t *testing.T) {
	t.Parallel()
	for mix, kinds := range mixes {
		t.Run(mix, func(t *testing.T) {
			t.Parallel()
			attested := 0
			rapid.Check(t, func(rt *rapid.T) {
				src := churn(rt, kinds)
				r := feedOf(src, rapid.SampledFrom([]int{1, 2, 3, 4, 5, 10, 11}).Draw(rt, "page size")).Read(span(0, 31))
				v, loaded := readAll(t, r)
				if v != Attested {
					return
				}
				if by := r.By(); by == "two_walks" {
					rt.Fatal("attested by two walks, though no id is listed twice")
				}
				attested++
				met := sorted(r.last.ids)
				if len(met) != int(r.Total()) {
					met = sorted(r.all)
				}
				last := src.holding(len(met))
				missed, gone := without(last, met...), without(met, last...)
				if len(missed) != len(gone) || len(gone) > src.deletes || len(missed) > src.inserts+src.deletes {
					rt.Errorf("met %v of %v, after %d inserts and %d deletes", met, last, src.inserts, src.deletes)
				}
				if len(kinds) == 1 && len(missed) > 0 {
					rt.Errorf("met %v, the source holds %v", met, last)
				}
				if lost := without(met, loaded...); len(lost) > 0 {
					rt.Errorf("met, but not loaded: %v", lost)
				}
			})
			if attested == 0 {
				t.Error("nothing attested")
			}
		})
	}
}

func TestAlikeWalksWithoutTotal(t *testing.T) {
	t.Parallel()
	for _, mix := range []string{"inserts", "deletes"} {
		t.Run(mix, func(t *testing.T) {
			t.Parallel()
			attested := 0
			rapid.Check(t, func(rt *rapid.T) {
				src := churn(rt, mixes[mix])
				src.total = func(int64) int64 { return -1 }
				f := feedOf(src, rapid.SampledFrom([]int{1, 2, 3, 4, 5, 10, 11}).Draw(rt, "page size"))
				f.Dialect.HasTotal = false
				r := f.Read(span(0, 31))
				v, _ := readAll(t, r)
				if v != Attested {
					return
				}
				attested++
				met := sorted(r.last.ids)
				for _, id := range src.held[0] {
					throughout := !slices.ContainsFunc(src.held, func(held []string) bool { return !slices.Contains(held, id) })
					if throughout && !slices.Contains(met, id) {
						rt.Errorf("%s was there all the time; met only %v", id, met)
					}
				}
			})
			if attested == 0 {
				t.Error("nothing attested")
			}
		})
	}
}

// One log deleted and another inserted between two requests: the total is the
// same, log c moves to the page that was read, and is missed.
func TestWhatATotalDoesNotPromise(t *testing.T) {
	t.Parallel()
	r := feedOf(answers(t, page(4, "a", "b"), page(4, "d", "e"), page(4)), 2).Read(span(0, 10))
	if v, loaded := readAll(t, r); v != Attested || joined(loaded) != "a b d e" {
		t.Errorf("%s with %v: if this rule has become stricter, say so above and in the package's doc", v, loaded)
	}
}

func sorted[V any](set map[string]V) []string { return slices.Sorted(maps.Keys(set)) }
