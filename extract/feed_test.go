package extract

import (
	"errors"
	"testing"
	"time"
)

// A count is asked for exactly the bounds given, and is none where the source
// gives none.
func TestTotal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		answer   step
		hasTotal bool
		want     int64
	}{
		{"a total", page(7, "a"), true, 7},
		{"0", page(0), true, 0},
		{"none", page(-1, "a"), true, -1},
		{"0 beside rows", page(0, "a"), true, -1},
		{"0 of a source whose 0 says nothing", page(0), false, -1},
	} {
		api := answers(t, c.answer)
		f := feedOf(api, 5)
		f.Dialect.HasTotal = c.hasTotal
		got, requests, err := f.Total(t.Context(), at(3), at(9))
		if err != nil || got != c.want || requests != 1 {
			t.Errorf("%s: %d after %d requests, %v; want %d", c.name, got, requests, err, c.want)
		}
		if ask := api.asks[0]; !ask.From.Equal(at(3)) || !ask.To.Equal(at(9)) || ask.Page != 1 || ask.Container != "c" {
			t.Errorf("asked %+v", ask)
		}
	}
	if _, requests, err := feedOf(answers(t, fails(errDown)), 5).Total(t.Context(), at(3), at(9)); !errors.Is(err, errDown) || requests != 1 {
		t.Errorf("%v after %d requests, want what the source said", err, requests)
	}
}

// The oldest log is the first in the asked order, if the source honours it.
func TestOldest(t *testing.T) {
	t.Parallel()
	when := func(doc []byte) time.Time { return identify(doc, "created_at").At }
	for _, c := range []struct {
		name   string
		src    *source
		sorted bool
		want   time.Time
	}{
		{"sorted", &source{rows: entries(9)}, true, at(0)},
		{"known not to sort", &source{rows: entries(9)}, false, time.Time{}},
		{"found not to sort", &source{rows: []entry{{id: "b", at: at(2)}, {id: "a", at: at(1)}}, unsorted: true}, true, time.Time{}},
		{"empty", &source{}, true, time.Time{}},
	} {
		f := feedOf(c.src, 5)
		f.Dialect.Sorted = c.sorted
		if got, err := f.Oldest(t.Context(), when); err != nil || !got.Equal(c.want) {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
	if _, err := feedOf(answers(t, fails(errDown)), 5).Oldest(t.Context(), when); !errors.Is(err, errDown) {
		t.Errorf("%v, want what the source said", err)
	}
}
