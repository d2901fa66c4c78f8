package extract

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// weighing makes every row weigh 1 against a limit of 50, a page of them, and
// some rows more.
func weighing(n int, more map[int]int) *source {
	src := &source{rows: entries(n), limit: 50}
	for i := range src.rows {
		src.rows[i].weight = max(1, more[i])
	}
	return src
}

// The rows of a page that is too large are asked again by divisors of its
// size, so that each is met once and in order; one that is too large alone is
// an entry without bytes.
func TestP08TooLargePages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		rows    int
		more    map[int]int // weights, by row
		size    int
		refuses bool
		zero    bool  // empty pages say that the total is 0
		lost    []int // rows that can't be read
		sizes   []int // page sizes asked, in order
	}{
		{name: "none", rows: 60, size: 50, sizes: []int{50, 50}},
		{name: "the first", rows: 60, more: map[int]int{3: 2}, size: 50, sizes: []int{50, 25, 25, 25, 50}},
		{
			name: "the second, by a page asked side by side and then alone", rows: 100, more: map[int]int{70: 2}, size: 50,
			sizes: []int{50, 50, 50, 25, 25, 50},
		},
		{name: "the last, which is short", rows: 60, more: map[int]int{55: 60}, size: 50, lost: []int{55}},
		{name: "several levels", rows: 50, more: map[int]int{10: 27, 11: 27}, size: 50},
		{name: "an entry alone", rows: 50, more: map[int]int{20: 51}, size: 50, lost: []int{20}},
		{name: "the first entry alone", rows: 50, more: map[int]int{0: 51}, size: 50, lost: []int{0}},
		{name: "neighbours, across pages", rows: 120, more: map[int]int{49: 99, 50: 99, 51: 99}, size: 50, lost: []int{49, 50, 51}},
		{name: "all", rows: 7, more: map[int]int{0: 60, 1: 60, 2: 60, 3: 60, 4: 60, 5: 60, 6: 60}, size: 10, lost: []int{0, 1, 2, 3, 4, 5, 6}},
		{name: "all, and pages past the end refused", rows: 2, more: map[int]int{0: 60, 1: 60}, size: 2, refuses: true, lost: []int{0, 1}},
		{name: "the only one", rows: 1, more: map[int]int{0: 60}, size: 100, lost: []int{0}},
		{name: "the only one, and pages past the end refused", rows: 1, more: map[int]int{0: 60}, size: 100, refuses: true, lost: []int{0}},
		{name: "the only one, and an empty page says 0", rows: 1, more: map[int]int{0: 60}, size: 100, zero: true, lost: []int{0}},
		{name: "by pages of a prime", rows: 20, more: map[int]int{9: 50}, size: 7},
		{name: "by pages of one", rows: 3, more: map[int]int{1: 60}, size: 1, lost: []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := weighing(c.rows, c.more)
			src.refuses = c.refuses
			if c.zero {
				src.total = func(int64) int64 { return 0 }
			}
			f := feedOf(src, c.size)
			r := f.Read(span(0, 1000))
			var want []string
			for i, e := range src.rows {
				if slices.Contains(c.lost, i) {
					e.id = "(too large)"
				}
				want = append(want, e.id)
			}
			total, err := r.Begin(t.Context())
			noneRead := total == -1 && len(c.lost) == c.rows // and nothing says how many there are
			if err != nil || total != int64(c.rows) && !noneRead {
				t.Fatalf("total %d, %v; want %d", total, err, c.rows)
			}
			if r.large {
				allFree(t, f) // what was read for its total is read again
			}
			for {
				position := 0
				var load []string
				for page, err := range r.Walk(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					for i, doc := range page.Docs {
						if page.Position(i) != position {
							t.Fatalf("position %d, want %d", page.Position(i), position)
						}
						position++
						m := Mark{}
						if doc != nil {
							m = identify(doc, "created_at")
						}
						page.Count(i, m)
						load = append(load, nameOf(doc, m))
					}
				}
				if diff := cmp.Diff(want, load); diff != "" {
					t.Fatal(diff)
				}
				if r.Verdict() != Again {
					break
				}
			}
			if v := r.Verdict(); v != Attested || r.Distinct() != int64(c.rows) {
				t.Errorf("%s with %d entries, want Attested with %d", v, r.Distinct(), c.rows)
			}
			var sizes []int
			for _, ask := range src.asks {
				sizes = append(sizes, ask.Size)
			}
			if c.sizes != nil && !slices.Equal(sizes, c.sizes) {
				t.Errorf("asked pages of %v, want %v", sizes, c.sizes)
			}
			if r.Requests != len(src.asks) {
				t.Errorf("counted %d requests of %d", r.Requests, len(src.asks))
			}
			allFree(t, f)
		})
	}
}

// Where the source serves fewer rows than asked, a page begins earlier than its
// number says. Its rows are met all the same, some of them twice, which proves
// nothing until the window is halved to a page.
func TestTooLargeAmongUnevenPages(t *testing.T) {
	t.Parallel()
	attested, rows := 0, 0
	for heavy := range 24 {
		src := &source{rows: entries(24), limit: 4, maxRows: 3, total: func(int64) int64 { return -1 }}
		for i := range src.rows {
			src.rows[i].weight = 1
		}
		src.rows[heavy].weight = 3
		f := feedOf(src, 8)
		f.Dialect.HasTotal = false
		for _, p := range carry(t, f, span(0, 100), 0) {
			rows += len(src.held(p.Window))
			if p.verdict == Attested {
				attested += len(p.loaded)
				src.whole(t, p)
			}
		}
	}
	if attested < rows/2 {
		t.Errorf("only %d of %d rows were attested", attested, rows)
	}
}

// A page that is too large neither stops the head, nor counts, nor the floor.
func TestLookingAtTooLargePages(t *testing.T) {
	t.Parallel()
	src := weighing(120, map[int]int{0: 99, 59: 99, 58: 20, 57: 20, 56: 20})
	f := feedOf(src, 50)
	head := f.Head()
	var got []string
	for !head.Ended {
		docs, err := head.Next(t.Context(), func(doc []byte) Mark { return identify(doc, "created_at") })
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			got = append(got, identify(doc, "created_at").ID)
		}
	}
	want := slices.DeleteFunc(many("e", 120), func(id string) bool { return id == "e0" || id == "e59" })
	slices.Reverse(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if head.Total != 120 || head.Rows != 120 || !head.Sorted || head.PageSize() != 50 || head.Requests != len(src.asks) {
		t.Errorf("total %d, %d rows, sorted %t, page size %d, %d requests of %d",
			head.Total, head.Rows, head.Sorted, head.PageSize(), head.Requests, len(src.asks))
	}
	before := len(src.asks)
	total, requests, err := f.Total(t.Context(), at(-1), at(30))
	if err != nil || total != 31 || requests != len(src.asks)-before {
		t.Errorf("total %d after %d requests, %v; want 31", total, requests, err)
	}
	when := func(doc []byte) time.Time { return identify(doc, "created_at").At }
	if oldest, err := f.Oldest(t.Context(), when); err != nil || !oldest.Equal(at(1)) {
		t.Errorf("oldest at %s, %v; want %s, the oldest that can be read", oldest, err, at(1))
	}
	if listed, err := f.Lists(t.Context(), at(-1), at(0)); err != nil || !listed {
		t.Errorf("an entry that is too large is not listed: %v", err)
	}
}

// A source that answers with a flood to every request is given up: there is no
// entry in it, and no end.
func TestP08BombsForEver(t *testing.T) {
	t.Parallel()
	api := &scripted{answer: func(int, Ask) (Answer, error) { return Answer{}, errTooLarge }}
	f := feedOf(api, 50)
	head := f.Head()
	_, err := head.Next(t.Context(), nil)
	if KindOf(err) != Unavailable || len(api.asks) > maxUnread+10 {
		t.Errorf("the head: %v after %d requests", err, len(api.asks))
	}
	head.Drop()
	api.asks = nil
	r := f.Read(span(0, 1000))
	if _, err := r.Begin(t.Context()); KindOf(err) != Unavailable || len(api.asks) > maxUnread+10 {
		t.Errorf("a window: %v after %d requests", err, len(api.asks))
	}
	api.asks, api.answer = nil, func(n int, ask Ask) (Answer, error) {
		if n == 1 {
			return Answer{Total: 3000, Docs: [][]byte{doc("a", at(1))}}, nil
		}
		return Answer{}, errTooLarge
	}
	f.Dialect.PageSize = 1
	load, err := walkOnce(t.Context(), f.Read(span(0, 1000)))
	if KindOf(err) != Unavailable || len(load) != maxUnread+1 {
		t.Errorf("a walk: %v after %d entries", err, len(load))
	}
	allFree(t, f)
}

func TestDivisor(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{100: 50, 50: 25, 25: 5, 5: 1, 7: 1, 4: 2, 2: 1, 1: 1} {
		if got := divisor(size); got != want {
			t.Errorf("divisor(%d) = %d, want %d", size, got, want)
		}
	}
	first, last := within(3, 50, 25)
	if first != 5 || last != 6 {
		t.Errorf("rows 100 to 149 are on pages %d to %d of 25, want 5 to 6", first, last)
	}
}

// What comes before the cut tells who a log is that is too large.
func TestStubOfALargeLog(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2*stubHead)
	for name, c := range map[string]struct{ body, want string }{
		"before what is large":  {`{"result":[{"id":"a","n":1,"created_at":"t","request":"` + long, `{"id":"a","n":1,"created_at":"t"}`},
		"any shape":             {` {"count":1,"results" : [ {"id":"a" , "input":"` + long, `{"id":"a"}`},
		"a bare array":          {`[{"id":"a","input":["` + long, `{"id":"a"}`},
		"after what is nested":  {`{"logs":[{"metadata":{"id":"b"},"id":"a","x":[1],"input":"` + long, `{"id":"a"}`},
		"long values are left":  {`[{"system":"` + long[:stubValue] + `","id":"a","input":"` + long, `{"id":"a"}`},
		"after what is large":   {`{"result":[{"request":"` + long + `","id":"a"}`, `{}`},
		"not an object":         {`{"result":["` + long, ``},
		"no list":               {`{"success":true,"text":"` + long, ``},
		"not valid":             {`{"result":[{"id":NaN,"input":"` + long, ``},
		"nothing but its start": {`{"result":[`, ``},
		"empty":                 {``, ``},
	} {
		if got := string(stubOf([]byte(c.body))); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
