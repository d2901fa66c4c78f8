package extract

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A scene is the walks of one reading, each a list of answers. answers fails
// the test when more is asked than the scene holds; want.walks shows that all
// of it was.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	walks := func(lists ...[]step) []step { return slices.Concat(lists...) }
	short := func(third string) []step { return []step{page(5, "a", "b"), page(5, third), page(5)} }
	type want struct {
		verdict Verdict
		by      string
		walks   int
		held    int64 // distinct entries
	}
	for _, c := range []struct {
		name  string
		tick  bool
		steps []step
		want  want
	}{
		{
			name: "one walk alone", steps: []step{page(3, "a", "b"), page(3, "c")},
			want: want{Attested, "total", 1, 3},
		},
		{
			name: "an empty window", steps: []step{page(0)},
			want: want{Attested, "empty_proven", 1, 0},
		},
		{
			name: "all walks under one total add up",
			steps: walks(
				[]step{page(4, "a", "b"), page(4, "c", "b"), page(4)},
				[]step{page(4, "a", "b"), page(4, "a", "d"), page(4)}),
			want: want{Attested, "total", 2, 4},
		},
		{
			name: "under another total nothing adds up",
			steps: walks(
				[]step{page(3, "a", "b"), page(3, "b"), page(3)},
				[]step{page(4, "c", "d"), page(4, "c", "d"), page(4)},
				[]step{page(4, "c", "d"), page(4, "a", "e"), page(4)}),
			want: want{Attested, "total", 3, 4},
		},
		{
			name: "a total that moved in between is not unchanged", tick: true,
			steps: walks(
				[]step{page(4, "gone", "a"), page(5, "b", "c")},
				[]step{page(4, "a", "b"), page(4, "b", "c"), page(4)},
				[]step{page(4, "a", "b"), page(4, "c", "d"), page(4)}),
			want: want{Attested, "total", 3, 4},
		},
		{
			name:  "short until three walks in a row bring nothing new, then halved",
			steps: walks(short("c"), short("c"), short("d"), short("c"), short("d"), short("c")),
			want:  want{Halve, "", 6, 4},
		},
		{
			name: "a mismatch in one tick", tick: true,
			steps: walks([]step{page(3, "a", "b"), page(3)}, []step{page(3, "a", "b"), page(3)}, []step{page(3, "a", "b"), page(3)}, []step{page(3, "a", "b"), page(3)}),
			want:  want{Mismatch, "", 4, 2},
		},
		{
			name:  "a mismatch in one page",
			steps: []step{page(2, "a"), page(2), page(2, "a"), page(2), page(2, "a"), page(2), page(2, "a"), page(2)},
			want:  want{Mismatch, "", 4, 1},
		},
		{
			name: "an id listed twice, alike in two walks of exactly total entries",
			steps: walks(
				[]step{page(3, "b", "b"), page(3, "a"), page(3)},
				[]step{page(3, "b", "b"), page(3, "a"), page(3)}),
			want: want{Attested, "two_walks", 2, 2},
		},
		{
			name: "an id listed twice, across the end of a page in one of the two walks",
			steps: walks(
				[]step{page(3, "a", "b"), page(3, "b"), page(3)},
				[]step{page(3, "b", "b"), page(3, "a"), page(3)}),
			want: want{Attested, "two_walks", 2, 2},
		},
		{
			name:  "an id twice, only ever on two pages: another one may have been left out for it",
			steps: slices.Repeat([]step{page(3, "a", "b"), page(3, "b"), page(3)}, 4),
			want:  want{Halve, "", 4, 2},
		},
		{
			name: "alike, but the first not of exactly its total",
			steps: walks(
				[]step{page(4, "b", "b"), page(4, "a"), page(4)},
				[]step{page(3, "b", "b"), page(3, "a"), page(3)},
				[]step{page(3, "b", "b"), page(3, "a"), page(3)}),
			want: want{Attested, "two_walks", 3, 2},
		},
		{
			name: "other ids twice in each walk", tick: true,
			steps: walks(
				[]step{page(3, "a", "b"), page(3, "b"), page(3)},
				[]step{page(3, "a", "b"), page(3, "a"), page(3)},
				[]step{page(3, "a", "b"), page(3, "b"), page(3)},
				[]step{page(3, "a", "b"), page(3, "a"), page(3)}),
			want: want{Mismatch, "", 4, 2},
		},
		{
			name: "alike, but not of total entries",
			steps: walks(
				[]step{page(4, "a", "b"), page(4, "b"), page(4)}, []step{page(4, "a", "b"), page(4, "b"), page(4)},
				[]step{page(4, "a", "b"), page(4, "b"), page(4)}, []step{page(4, "a", "b"), page(4, "b"), page(4)}),
			want: want{Halve, "", 4, 2},
		},
		{
			name: "alike, but with a walk between them whose total moved", tick: true,
			steps: walks(
				[]step{page(3, "b", "b"), page(3, "a"), page(3)},
				[]step{page(3, "b", "b"), page(4, "a")},
				[]step{page(3, "b", "b"), page(3, "a"), page(3)},
				[]step{page(3, "b", "b"), page(3, "a"), page(3)}),
			want: want{Attested, "two_walks", 4, 2},
		},
		{
			name:  "the same page for ever never attests, alike or not",
			steps: slices.Repeat([]step{page(2, "a", "b")}, 16),
			want:  want{Halve, "", 4, 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			api := answers(t, c.steps...)
			f := feedOf(api, 2)
			r := f.Read(span(0, 10))
			if c.tick {
				r = f.Read(span(5, 6))
			}
			got := want{}
			got.verdict, _ = readAll(t, r)
			got.walks, got.held = r.Walks, r.Distinct()
			if got.verdict == Attested {
				got.by = r.By()
			} else if r.Detail() == "" {
				t.Error("the ledger would not say why")
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("after requests for pages %v: %s", api.pagesAsked(), diff)
			}
			if again := r.Verdict(); again != got.verdict {
				t.Errorf("asked twice, the verdict is %s and then %s", got.verdict, again)
			}
			allFree(t, f)
		})
	}
}

// A window that never settles is given up after 20 walks.
func TestAtMostTwentyWalks(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int, ask Ask) (Answer, error){
		"a total that always moves": func(n int, _ Ask) (Answer, error) {
			return page(int64(1000+n), "a", "b").Answer, nil
		},
		"another total each walk": func(n int, ask Ask) (Answer, error) {
			if ask.Page > 1 {
				return Answer{Total: int64(1000 + n - 1)}, nil
			}
			return page(int64(1000+n), many("a", n+1)...).Answer, nil
		},
		"always another new id": func(n int, ask Ask) (Answer, error) {
			if ask.Page > 1 {
				return Answer{Total: 1000}, nil
			}
			return page(1000, many("a", n)...).Answer, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := feedOf(&scripted{answer: answer}, 100).Read(span(5, 6))
			if v, _ := readAll(t, r); v != Mismatch || r.Walks != 20 {
				t.Errorf("%s after %d walks, want Mismatch after 20", v, r.Walks)
			}
		})
	}
}

// Without an id an entry counts by its bytes, and one too large to read by its
// place: equal bytes count once, however often they are listed.
func TestEntriesWithoutIdentity(t *testing.T) {
	t.Parallel()
	nameless := func(total int64, docs ...string) step {
		a := Answer{Total: total}
		for _, text := range docs {
			if text == "" {
				a.Docs = append(a.Docs, nil)
				continue
			}
			a.Docs = append(a.Docs, []byte(text))
		}
		return step{Answer: a}
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  Verdict
		held  int64
	}{
		{"by their bytes", []step{nameless(2, "not JSON", "{}")}, Attested, 2},
		{"equal bytes count once", slices.Repeat([]step{nameless(3, "{}", "{}", "x"), nameless(3)}, 2), Attested, 2},
		{"equal bytes in two walks add nothing", slices.Repeat([]step{nameless(2, "{}"), nameless(2)}, 4), Mismatch, 1},
		{"too large, by their place", []step{nameless(3, "", "x", "")}, Attested, 3},
		{
			"one too large that moved is still one",
			slices.Repeat([]step{nameless(3, "", "x"), nameless(3), nameless(3, "x", ""), nameless(3)}, 2), Mismatch, 2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := feedOf(answers(t, c.steps...), 4).Read(span(0, 10))
			v, load := readAll(t, r)
			if v != c.want || r.Distinct() != c.held {
				t.Errorf("%s with %d of them, want %s with %d", v, r.Distinct(), c.want, c.held)
			}
			if len(load) == 0 {
				t.Error("an entry without a time is in every window, but none was to be loaded")
			}
		})
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		first    step
		hasTotal bool
		want     int64
	}{
		{"a total", page(3, "a", "b"), true, 3},
		{"none", page(-1, "a", "b"), false, -1},
		{"0 beside rows is none", page(0, "a", "b"), true, -1},
		{"0", page(0), true, 0},
		{"0 of a source whose 0 says nothing", page(0), false, -1},
	} {
		first := c.first
		first.Date = date
		f := feedOf(answers(t, first, page(-1)), 2)
		f.Dialect.HasTotal = c.hasTotal
		r := f.Read(span(0, 10))
		got, err := r.Begin(t.Context())
		if err != nil || got != c.want || !r.Date.Equal(date) || r.Requests != 1 {
			t.Errorf("%s: total %d, date %s, %d requests, %v; want %d", c.name, got, r.Date, r.Requests, err, c.want)
		}
		r.Drop()
		allFree(t, f)
	}
	f := feedOf(answers(t, step{Answer{Bytes: 1000}, errDown}), 2)
	if _, err := f.Read(span(0, 10)).Begin(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("%v, want what the source said", err)
	}
	allFree(t, f)
}

// The page that Begin read is the first walk's first, and not asked for again;
// the reading's Date is that of the very first answer, and missing if it is
// missing there.
func TestBeginsPageIsTheFirstWalksFirst(t *testing.T) {
	t.Parallel()
	for _, date := range []time.Time{at(1), {}} {
		first, again, later := page(3, "a", "b"), page(3, "a", "b"), page(3, "c")
		first.Date, again.Date, later.Date = date, at(2), at(3)
		api := answers(t, first, page(3), again, later)
		r := feedOf(api, 2).Read(span(0, 10))
		if _, err := r.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, load := readAll(t, r)
		if v != Attested || joined(load) != "a b c" || !slices.Equal(api.pagesAsked(), []int{1, 2, 1, 2}) {
			t.Errorf("%s, loaded %v, asked for pages %v", v, load, api.pagesAsked())
		}
		if !r.Date.Equal(date) || r.Requests != 4 || r.Total() != 3 || r.Bytes != 4000 {
			t.Errorf("date %s, %d requests, total %d, %d bytes", r.Date, r.Requests, r.Total(), r.Bytes)
		}
	}
}
