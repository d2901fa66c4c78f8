package extract

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// list is an answer of a head: ids with the times that they are listed by.
func list(total int64, rows ...entry) step {
	a := Answer{Total: total, Shape: "logs", Date: at(1), Bytes: 10}
	for _, e := range rows {
		a.Docs = append(a.Docs, e.doc())
	}
	return step{Answer: a}
}

func TestHead(t *testing.T) {
	t.Parallel()
	// Logs a to h, a the newest.
	var a, b, c, d, e, f entry
	for i, p := range []*entry{&a, &b, &c, &d, &e, &f} {
		*p = entry{id: string(rune('a' + i)), at: at(100 - i)}
	}
	tied := func(x, y entry) entry { y.at = x.at; return y }
	type shown struct {
		Pages          string
		Newest, Oldest string
		Total          int64
		Rows, PageSize int
		Sorted, Ended  bool
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  shown
	}{
		{
			"newest first, to the total", []step{list(4, a, b, c), list(4, d)},
			shown{"a b c | d", "a", "d", 4, 4, 3, true, true},
		},
		{
			"without a total, to an empty page", []step{list(-1, a, b), list(-1, c), list(-1)},
			shown{"a b | c | ", "a", "c", -1, 3, 3, true, true},
		},
		{
			"to a page that is refused", []step{list(9, a, b, c), fails(errNoPage)},
			shown{"a b c | ", "a", "c", 9, 3, 3, true, true},
		},
		{"an empty stream", []step{list(0)}, shown{"", "", "", 0, 0, 3, true, true}},
		{
			"0 beside rows is no total", []step{list(0, a), list(0)},
			shown{"a | ", "a", "a", -1, 1, 3, true, true},
		},
		{
			"ties are in order", []step{list(3, a, tied(a, b), tied(a, c))},
			shown{"a b c", "a", "c", 3, 3, 3, true, true},
		},
		{"out of order on a page", []step{list(3, a, c, b)}, shown{"a c b", "a", "c", 3, 3, 3, false, true}},
		{"oldest first", []step{list(3, c, b, a)}, shown{"c b a", "a", "c", 3, 3, 3, false, true}},
		{
			"out of order across pages", []step{list(4, a, c), list(4, b, d)},
			shown{"a c | b d", "a", "d", 4, 4, 2, false, true},
		},
		{
			"pushed down by what arrived meanwhile", []step{list(5, a, b, c), list(7, b, c, d), list(7, e)},
			shown{"a b c | b c d | e", "a", "e", 5, 7, 3, true, true},
		},
		{
			"pulled up by what was deleted meanwhile", []step{list(5, a, b, c), list(4, e), list(4)},
			shown{"a b c | e | ", "a", "e", 5, 4, 3, true, true},
		},
		{
			"the same page again", []step{list(9, a, b, c), list(9, a, b, c), fails(errNoPage)},
			shown{"a b c | a b c | ", "a", "c", 9, 6, 3, false, true},
		},
		{
			"smaller pages than asked", []step{list(4, a, b), list(4, c, d)},
			shown{"a b | c d", "a", "d", 4, 4, 2, true, true},
		},
		{
			"entries without id or time", []step{list(4, a, entry{note: "x", at: at(500)}, entry{id: "y"}), list(4, b)},
			shown{"a {\"created_at\":\"2026-11-01T12:00:00.5Z\",\"id\":\"\",\"note\":\"x\"} y | b", "a", "b", 4, 4, 3, true, true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			api := answers(t, c.steps...)
			h := feedOf(api, 3).Head()
			var got shown
			for !h.Ended {
				if got.Pages != "" {
					got.Pages += " | "
				}
				docs, err := h.Next(t.Context(), func(doc []byte) Mark { return identify(doc, "created_at") })
				if err != nil {
					t.Fatal(err)
				}
				var ids []string
				for _, doc := range docs {
					ids = append(ids, nameOf(doc, identify(doc, "")))
				}
				got.Pages += joined(ids)
			}
			got.Newest, got.Oldest, got.Total, got.Rows = h.Newest.ID, h.Oldest.ID, h.Total, h.Rows
			got.PageSize, got.Sorted, got.Ended = h.PageSize(), h.Sorted, h.Ended
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if h.Requests != len(api.asks) || len(api.asks) != len(c.steps) || !h.Date.Equal(at(1)) || h.Shape != "logs" {
				t.Errorf("%d requests of %d, date %s, shape %q", h.Requests, len(c.steps), h.Date, h.Shape)
			}
			if ask := api.asks[0]; !ask.From.IsZero() || !ask.To.IsZero() || !ask.Newest {
				t.Errorf("asked %+v; want no filter, newest first", ask)
			}
			if docs, err := h.Next(t.Context(), nil); docs != nil || err != nil || len(api.asks) != len(c.steps) {
				t.Errorf("after the end: %v, %v, %d requests", docs, err, len(api.asks))
			}
		})
	}
}

// A total of exactly 10,000 is the usual cap, so as many rows are no end.
func TestHeadBeyondTheUsualCap(t *testing.T) {
	t.Parallel()
	rows := entries(10_050)
	slices.Reverse(rows)
	src := &source{rows: rows, total: func(int64) int64 { return 10_000 }}
	h := feedOf(src, 5_000).Head()
	for !h.Ended {
		if _, err := h.Next(t.Context(), func(doc []byte) Mark { return identify(doc, "created_at") }); err != nil {
			t.Fatal(err)
		}
	}
	if h.Rows != 10_050 || h.Oldest.ID != "e0" {
		t.Errorf("%d rows, oldest %s; want all", h.Rows, h.Oldest.ID)
	}
}

func TestHeadsErrors(t *testing.T) {
	t.Parallel()
	for _, want := range []error{errDown, errConfig, errNoPage} {
		h := feedOf(answers(t, fails(want)), 3).Head()
		if _, err := h.Next(t.Context(), nil); !errors.Is(err, want) || h.Requests != 1 || h.Ended {
			t.Errorf("%v after %d requests, ended %t; want %v", err, h.Requests, h.Ended, want)
		}
	}
}
