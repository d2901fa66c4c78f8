package extract

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each case is one walk over a window of 10 ms, by pages of two unless said
// otherwise, and what the rules make of it. answers fails the test when the
// walk asks for more; want.pages shows that it did not ask for less.
func TestOneWalk(t *testing.T) {
	t.Parallel()
	type want struct {
		loaded  string
		pages   []int
		verdict Verdict
	}
	for _, c := range []struct {
		name    string
		size    int
		tick    bool // the window is one tick wide
		through bool // the walk is to go on past another total
		steps   []step
		want    want
	}{
		{
			name: "a last page that is not full ends it", steps: []step{page(3, "a", "b"), page(3, "c")},
			want: want{"a b c", []int{1, 2}, Attested},
		},
		{
			name: "a full last page: the next is asked for and empty", steps: []step{page(4, "a", "b"), page(4, "c", "d"), page(4)},
			want: want{"a b c d", []int{1, 2, 3}, Attested},
		},
		{
			name: "a full last page: the next is refused", steps: []step{page(2, "a", "b"), fails(errNoPage)},
			want: want{"a b", []int{1, 2}, Attested},
		},
		{
			name: "an empty page may say nothing of the total", steps: []step{page(2, "a", "b"), page(0)},
			want: want{"a b", []int{1, 2}, Attested},
		},
		{
			name: "an empty page that announces another total", steps: []step{page(2, "a", "b"), page(3)},
			want: want{"a b", []int{1, 2}, Again},
		},
		{
			name: "another total on page 2: its rows are handed on, and it ends", steps: []step{page(5, "a", "b"), page(6, "c", "d")},
			want: want{"a b c d", []int{1, 2}, Halve},
		},
		{
			name: "a total that is lost on page 2", steps: []step{page(5, "a", "b"), page(-1, "c", "d")},
			want: want{"a b c d", []int{1, 2}, Halve},
		},
		{
			name: "another total, but one tick", tick: true, steps: []step{page(5, "a", "b"), page(6, "c", "d")},
			want: want{"a b c d", []int{1, 2}, Again},
		},
		{
			name: "another total, but one page", size: 4, steps: []step{page(4, "a", "b", "c", "d"), page(3)},
			want: want{"a b c d", []int{1, 2}, Again},
		},
		{
			name: "another total, but gone through", through: true, steps: []step{page(3, "a", "b"), page(4, "c", "d"), page(3, "e")},
			want: want{"a b c d e", []int{1, 2, 3}, Halve},
		},
		{
			name: "another total in a window of one page, had the source not served smaller ones", size: 4,
			steps: []step{page(4, "a", "b"), page(5, "c", "d")},
			want:  want{"a b c d", []int{1, 2}, Halve},
		},
		{
			name: "one page that another followed", steps: []step{page(2, "a", "b"), page(3, "c")},
			want: want{"a b c", []int{1, 2}, Halve},
		},
		{
			name: "pages beyond the total are read until one is empty", steps: []step{page(2, "a", "b"), page(2, "c", "d"), page(2)},
			want: want{"a b c d", []int{1, 2, 3}, Again},
		},
		{
			name: "nothing", steps: []step{page(0)},
			want: want{"", []int{1}, Attested},
		},
		{
			name: "fewer than announced", steps: []step{page(3, "a", "b"), page(3)},
			want: want{"a b", []int{1, 2}, Again},
		},
		{
			name: "an empty page before the end", steps: []step{page(5, "a", "b"), page(5), page(5, "c", "d"), page(5, "e")},
			want: want{"a b c d e", []int{1, 2, 3, 4}, Attested},
		},
		{
			name: "a short page before the end", steps: []step{page(4, "a", "b"), page(4, "c"), page(4, "d")},
			want: want{"a b c d", []int{1, 2, 3}, Attested},
		},
		{
			name: "smaller pages than asked", size: 50, steps: []step{page(5, "a", "b"), page(5, "c", "d"), page(5, "e")},
			want: want{"a b c d e", []int{1, 2, 3}, Attested},
		},
		{
			name: "smaller pages than asked, the last of them full", size: 50, steps: []step{page(4, "a", "b"), page(4, "c", "d"), page(4)},
			want: want{"a b c d", []int{1, 2, 3}, Attested},
		},
		{
			name: "the same page for ever", steps: []step{page(9, "a", "b"), page(9, "a", "b"), page(9, "a", "b"), page(9, "a", "b")},
			want: want{"a b", []int{1, 2, 3, 4}, Again},
		},
		{
			name:  "the same page for ever, of exactly total logs, proves no end",
			steps: []step{page(2, "a", "b"), page(2, "a", "b"), page(2, "a", "b"), page(2, "a", "b")},
			want:  want{"a b", []int{1, 2, 3, 4}, Again},
		},
		{
			name: "empty pages for ever", steps: []step{page(99, "a", "b"), page(99), page(99), page(99)},
			want: want{"a b", []int{1, 2, 3, 4}, Again},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.size == 0 {
				c.size = 2
			}
			api := answers(t, c.steps...)
			f := feedOf(api, c.size)
			r := f.Read(span(0, 10))
			if c.tick {
				r = f.Read(span(5, 6))
			}
			r.Through = c.through
			loaded, err := walkOnce(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			got := want{joined(distinct(loaded)), api.pagesAsked(), r.Verdict()}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Error(diff)
			}
			if r.Requests != len(api.asks) {
				t.Errorf("counted %d requests of %d", r.Requests, len(api.asks))
			}
			allFree(t, f)
		})
	}
}

// 10,000 is where totals are usually capped: there only an empty page shows
// that nothing follows.
func TestTheUsualCap(t *testing.T) {
	t.Parallel()
	const size = 5000
	one, two := many("a", size), many("b", size)
	for _, c := range []struct {
		name string
		last step
		tick bool
		want Verdict
	}{
		{"empty", page(10_000), false, Attested},
		{"refused", fails(errNoPage), false, Halve},
		{"refused in one tick", fails(errNoPage), true, Again},
		{"one more", page(10_000, "c"), false, Again},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := feedOf(answers(t, page(10_000, one...), page(10_000, two...), c.last), size).Read(span(0, 10))
			if c.tick {
				r.Window = span(5, 6)
			}
			if _, err := walkOnce(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if got := r.Verdict(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// What was asked is one tick wider than the window; the rows beyond it are
// counted, but not to be loaded.
func TestBoundsAreAskedWider(t *testing.T) {
	t.Parallel()
	for _, tick := range []int{1, 1000} {
		low, top := at(10*tick), at(20*tick)
		three := Answer{Total: 3, Docs: [][]byte{doc("before", at(9*tick)), doc("in", low), doc("end", top)}}
		api := answers(t, step{Answer: three})
		f := feedOf(api, 5)
		f.Dialect.Tick = time.Duration(tick) * ms
		r := f.Read(Window{low, top})
		loaded, err := walkOnce(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Verdict(); joined(loaded) != "in" || v != Attested || r.Distinct() != 3 {
			t.Errorf("tick %d ms: loaded %v of %d, %s; want only the one inside of 3, Attested", tick, loaded, r.Distinct(), v)
		}
		if ask := api.asks[0]; !ask.From.Equal(at(9*tick)) || !ask.To.Equal(top) {
			t.Errorf("tick %d ms: asked [%s, %s]", tick, ask.From, ask.To)
		}
	}
}

// A row further outside than the bounds' own ticks can't come from a filter
// that was understood, nor an answer in another form than the proven one.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id    string
		at    int
		shape string
		want  Verdict
	}{
		"two ticks below":    {"x", -2, "logs", Foreign},
		"one tick below":     {"x", -1, "logs", Attested},
		"within the top's":   {"x", 10, "logs", Attested},
		"one tick above":     {"x", 11, "logs", Foreign},
		"far away, no id":    {"", 100_000, "logs", Foreign},
		"in another form":    {"x", 5, "results", Foreign},
		"without saying one": {"x", 5, "", Attested},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := feedOf(answers(t, step{Answer: Answer{Total: 1, Shape: c.shape, Docs: [][]byte{doc(c.id, at(c.at))}}}), 5)
			f.Dialect.Shape = "logs"
			r := f.Read(span(0, 10))
			if _, err := walkOnce(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if v := r.Verdict(); v != c.want {
				t.Errorf("%s, want %s", v, c.want)
			}
			if detail := r.Detail(); c.want == Foreign && !strings.Contains(detail, "not understood") {
				t.Errorf("the ledger would say %q", detail)
			}
		})
	}
}

// A source that lists new logs on every page, whatever it announced, is not
// read for ever.
func TestP09EndlessLists(t *testing.T) {
	t.Parallel()
	for _, total := range []int64{3, 0, -1} {
		next := 0
		api := &scripted{answer: func(int, Ask) (Answer, error) {
			a := Answer{Total: total, Bytes: 1000}
			for range 5000 {
				next++
				a.Docs = append(a.Docs, []byte{byte(next), byte(next >> 8), byte(next >> 16)})
			}
			return a, nil
		}}
		f := feedOf(api, 5000)
		_, err := walkOnce(t.Context(), f.Read(span(0, 1))) // one tick: it can't be cut
		if KindOf(err) != Unavailable || next > endless+20_000 {
			t.Errorf("total %d: %v after %d entries", total, err, next)
		}
		allFree(t, f)
	}
}
