package extract

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// spellings are the dialects of the tests' sources.
func spellings(names ...string) []Dialect {
	var list []Dialect
	for _, name := range names {
		filter, field, _ := strings.Cut(name, " on ")
		list = append(list, Dialect{Filter: filter, TimeField: field, PageSize: 5, Tick: ms})
	}
	return list
}

// proverOf has read the head's first page.
func proverOf(t *testing.T, src *source) *Prover {
	t.Helper()
	f := feedOf(src, 5)
	f.Dialect = src.dialects[0]
	head := f.Head()
	head.Times = func(doc []byte) map[string]time.Time {
		times := map[string]time.Time{}
		for _, d := range src.dialects {
			times[d.TimeField] = identify(doc, d.TimeField).At
		}
		return times
	}
	if _, err := head.Next(t.Context(), func(doc []byte) Mark { return identify(doc, f.Dialect.TimeField) }); err != nil {
		t.Fatal(err)
	}
	src.asks = nil
	return &Prover{Feed: f, Head: head, Identify: identify}
}

// apart are n entries, each a second and some from the next.
func apart(n int, some time.Duration) []entry {
	rows := entries(n)
	for i := range rows {
		rows[i].at = at(0).Add(time.Duration(i) * (time.Second + some))
	}
	return rows
}

// How a source treats its bounds' own instants shows where a log lies on one;
// the tick is the finest at which the filter works.
func TestProofOfBoundsAndTick(t *testing.T) {
	t.Parallel()
	yes, no := new(true), new(false)
	for _, c := range []struct {
		name      string
		offset    time.Duration // of the logs from the whole second
		precision time.Duration
		low, top  bool // strict
		tick      time.Duration
		strictLow *bool
		strictTop *bool
		coarse    bool
	}{
		{name: "inclusive", tick: ms, strictLow: no, strictTop: no},
		{name: "strict", low: true, top: true, tick: ms, strictLow: yes, strictTop: yes},
		{name: "strict below, inclusive above", low: true, tick: ms, strictLow: yes, strictTop: no},
		{name: "inclusive below, strict above", top: true, tick: ms, strictLow: no, strictTop: yes},
		{name: "between two ticks, inclusive", offset: 250 * time.Microsecond, tick: ms},
		{name: "between two ticks, strict", offset: 250 * time.Microsecond, low: true, top: true, tick: ms},
		{name: "finer than seconds, coarser than a millisecond", precision: 10 * ms, tick: time.Second, strictLow: no, strictTop: no, coarse: true},
		{name: "seconds, strict", precision: time.Second, low: true, top: true, tick: time.Second, strictLow: yes, strictTop: yes, coarse: true},
		{name: "seconds, inclusive", precision: time.Second, tick: time.Second, strictLow: no, strictTop: no, coarse: true},
		{name: "seconds, strict, between two ticks", offset: 400 * ms, precision: time.Second, low: true, top: true, tick: time.Second,
			strictLow: yes, strictTop: yes, coarse: true},
		{name: "seconds, inclusive, between two ticks", offset: 400 * ms, precision: time.Second, tick: time.Second,
			strictLow: no, strictTop: no, coarse: true},
		{name: "seconds, strict below, inclusive above, between two ticks", offset: 400 * ms, precision: time.Second, low: true, tick: time.Second,
			strictLow: yes, strictTop: no, coarse: true},
		{name: "seconds, inclusive below, strict above, between two ticks: as if compared whole", offset: 400 * ms, precision: time.Second,
			top: true, tick: time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := &source{
				rows: apart(9, 0), dialects: spellings("range on created_at"),
				precision: c.precision, strictLow: c.low, strictTop: c.top,
			}
			for i := range src.rows {
				src.rows[i].at = src.rows[i].at.Add(c.offset)
			}
			p := proverOf(t, src)
			got, err := p.Prove(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := Dialect{
				Filter: "range", TimeField: "created_at", Shape: "logs", Tick: c.tick, PageSize: 5, Sorted: true, HasTotal: true,
				StrictLow: c.strictLow, StrictTop: c.strictTop, Coarse: c.coarse,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if p.Requests != len(src.asks) {
				t.Errorf("counted %d requests of %d", p.Requests, len(src.asks))
			}
		})
	}
}

// What a source does with a filter that it does not understand must not pass
// for a filter.
func TestProofOfTheFilter(t *testing.T) {
	t.Parallel()
	all := []string{"range on created_at", "conditions on created_at", "range on other", "conditions on other"}
	for _, c := range []struct {
		name  string
		rows  int
		treat map[string]treatment
		want  string // the dialect found, or the parameters of a NoDialectError
	}{
		{"all honoured", 9, nil, all[0]},
		{"the first ignored", 9, map[string]treatment{all[0]: ignored}, all[1]},
		{"the first ignored, and there is one log", 1, map[string]treatment{all[0]: ignored}, all[1]},
		{"the first matches nothing", 9, map[string]treatment{all[0]: nothing}, all[1]},
		{"the first refused", 9, map[string]treatment{all[0]: refused}, all[1]},
		{"the first compares with another field", 9, map[string]treatment{all[0]: onOther}, all[1]},
		{"only the last honoured", 9, map[string]treatment{all[0]: ignored, all[1]: nothing, all[2]: refused}, all[3]},
		{"none", 9, map[string]treatment{all[0]: ignored, all[1]: nothing, all[2]: refused, all[3]: ignored}, strings.Join(all, " or ")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := &source{rows: apart(c.rows, 0), dialects: spellings(all...), treat: c.treat}
			for i := range src.rows {
				src.rows[i].other = map[string]time.Time{"other": src.rows[i].at.Add(time.Hour)}
			}
			got, err := proverOf(t, src).Prove(t.Context(), nil)
			if refusal := (*NoDialectError)(nil); errors.As(err, &refusal) {
				if strings.Join(refusal.Tried, " or ") != c.want || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v; want it to name %s", err, c.want)
				}
			} else if err != nil || got.Filter+" on "+got.TimeField != c.want {
				t.Errorf("%s on %s, %v; want %s", got.Filter, got.TimeField, err, c.want)
			}
		})
	}
}

// A dialect in use is tried first when it is proven again, and a stream keeps
// its time field for its life.
func TestProvingAgain(t *testing.T) {
	t.Parallel()
	all := []string{"range on created_at", "conditions on created_at", "range on other", "conditions on other"}
	for _, c := range []struct {
		name   string
		treat  map[string]treatment
		prefer string
		want   string
	}{
		{"the known one first", nil, all[3], all[3]},
		{"then another on the same field", map[string]treatment{all[3]: ignored}, all[3], all[2]},
		{"never another field", map[string]treatment{all[0]: ignored, all[1]: refused}, all[1], all[1] + " or " + all[0]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := &source{rows: apart(9, 0), dialects: spellings(all...), treat: c.treat}
			for i := range src.rows {
				src.rows[i].other = map[string]time.Time{"other": src.rows[i].at}
			}
			prefer := spellings(c.prefer)[0]
			got, err := proverOf(t, src).Prove(t.Context(), &prefer)
			if refusal := (*NoDialectError)(nil); errors.As(err, &refusal) {
				if tried := strings.Join(refusal.Tried, " or "); tried != c.want {
					t.Errorf("tried %s, want %s", tried, c.want)
				}
			} else if err != nil || got.Filter+" on "+got.TimeField != c.want {
				t.Errorf("%s on %s, %v; want %s", got.Filter, got.TimeField, err, c.want)
			}
		})
	}
}

// A dialect is refused only if its log is still listed afterwards.
func TestUnproven(t *testing.T) {
	t.Parallel()
	filter := "range on created_at"
	for _, c := range []struct {
		name   string
		treat  treatment
		rows   int
		field  string // of the dialects
		before func(src *source, n int)
		want   error // nil: a NoDialectError
	}{
		{name: "no log is listed", rows: 0, want: ErrUnproven},
		{name: "no log has a usable time", rows: 9, field: "other", want: ErrUnproven},
		{name: "the log is still listed", rows: 9, treat: nothing},
		{
			name: "the log is deleted during the proof", rows: 9, want: ErrUnproven,
			before: func(src *source, n int) {
				if n == 2 { // after the first request has found it
					src.rows = slices.DeleteFunc(src.rows, func(e entry) bool { return e.id == "e4" })
				}
			},
			treat: ignored,
		},
		{
			name: "the log is still listed, but on a later page by now", rows: 9, treat: nothing,
			before: func(src *source, n int) {
				if n == 2 {
					for i := range 4 {
						src.rows = append(src.rows, entry{id: many("new", 4)[i], at: at(100_000 + i)})
					}
				}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := &source{rows: apart(c.rows, 0), dialects: spellings(filter), treat: map[string]treatment{filter: c.treat}}
			p := proverOf(t, src)
			if c.field != "" {
				src.dialects = spellings("range on " + c.field)
			}
			if c.before != nil {
				src.before = func(n int) { c.before(src, n) }
			}
			_, err := p.Prove(t.Context(), nil)
			var refusal *NoDialectError
			if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &refusal) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if p.Requests != len(src.asks) {
				t.Errorf("counted %d requests of %d", p.Requests, len(src.asks))
			}
		})
	}
}

// Hundreds of logs in the known log's tick hide it; a window full of them alone
// still proves the filter, but nothing about the bounds' own instants.
func TestProofAmongTies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		treat treatment
		want  bool
	}{{honoured, true}, {ignored, false}, {nothing, false}} {
		src := &source{dialects: spellings("range on created_at"), treat: map[string]treatment{"range on created_at": c.treat}}
		for _, id := range many("tied", 40) {
			src.rows = append(src.rows, entry{id: id, at: at(0)})
		}
		src.rows = append(src.rows, apart(9, 0)[1:]...)
		p := proverOf(t, src)
		p.Head.Oldest = Known{Mark: Mark{"tied39", at(0)}}
		p.Head.Rows = len(src.rows)
		got, err := p.Prove(t.Context(), nil)
		if (err == nil) != c.want {
			t.Errorf("treatment %d: %v", c.treat, err)
		}
		if err == nil && (got.StrictLow != nil || got.StrictTop != nil) {
			t.Errorf("bounds strict: %t and %t; want neither known", *got.StrictLow, *got.StrictTop)
		}
	}
}

// A short page need not be the last: among ties the known log may be on the
// next one. An empty one is, whatever the total.
func TestProofOnShortPages(t *testing.T) {
	t.Parallel()
	for _, more := range []int64{0, 1} {
		src := &source{
			dialects: spellings("range on created_at"), maxRows: 2, rows: apart(9, 0),
			total: func(n int64) int64 { return n + more },
		}
		for _, id := range []string{"tied1", "tied2", "tied3"} {
			src.rows = append(src.rows, entry{id: id, at: at(0)})
		}
		p := proverOf(t, src)
		p.Head.Oldest = Known{Mark: Mark{"tied3", at(0)}}
		p.Head.full = 0 // the head's own page was no shorter than asked
		if _, err := p.Prove(t.Context(), nil); err != nil {
			t.Errorf("%d more announced than there are: %v", more, err)
		}
	}
}

// The dialect takes from the head what the head shows, and an error of the
// source is not a proof of anything.
func TestProofTakesTheHeadsWord(t *testing.T) {
	t.Parallel()
	src := &source{rows: apart(9, 0), dialects: spellings("range on created_at"), unsorted: true, maxRows: 3}
	slices.Reverse(src.rows[2:])
	got, err := proverOf(t, src).Prove(t.Context(), nil)
	if err != nil || got.Sorted || got.PageSize != 3 || !got.HasTotal {
		t.Errorf("sorted %t, %d rows a page, total %t, %v; want unsorted, 3, with a total", got.Sorted, got.PageSize, got.HasTotal, err)
	}
	src = &source{rows: apart(9, 0), dialects: spellings("range on created_at"), total: func(int64) int64 { return 0 }}
	if got, err := proverOf(t, src).Prove(t.Context(), nil); err != nil || got.HasTotal {
		t.Errorf("total %t, %v; want none, it says 0 beside rows", got.HasTotal, err)
	}
	for n := 1; n <= 5; n++ {
		src := &source{rows: apart(9, 0), dialects: spellings("range on created_at")}
		p := proverOf(t, src)
		p.Feed.API = &scripted{answer: func(i int, ask Ask) (Answer, error) {
			if i == n {
				return Answer{}, errDown
			}
			return src.Page(t.Context(), ask)
		}, dialects: src.dialects}
		if _, err := p.Prove(t.Context(), nil); !errors.Is(err, errDown) || p.Requests != n {
			t.Errorf("request %d failed: %v after %d requests", n, err, p.Requests)
		}
	}
}
