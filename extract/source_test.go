package extract

import (
	"cmp"
	"context"
	"encoding/json"
	"hash/fnv"
	"slices"
	"sync"
	"time"
)

// An entry is one row of a simulated source.
type entry struct {
	id     string // "": it has none
	at     time.Time
	other  map[string]time.Time // further time fields
	note   string               // makes the bytes of entries without an id differ
	weight int                  // its share of a body, against source.limit
}

func (e entry) doc() []byte {
	members := map[string]string{"id": e.id, "created_at": e.at.Format(time.RFC3339Nano), "note": e.note}
	for field, when := range e.other {
		members[field] = when.Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return text
}

// when is the entry's time in a field.
func (e entry) when(field string) time.Time {
	if field == "created_at" {
		return e.at
	}
	return e.other[field]
}

// A treatment is what a source does with a time filter.
type treatment int

const (
	honoured treatment = iota
	ignored
	nothing // it matches nothing
	refused // 400
	onOther // it compares with another time field than named
)

// A source is a simulated log list, filtered, ordered and paged as its fields
// say. It may be asked from several goroutines.
type source struct {
	rows                 []entry
	dialects             []Dialect
	treat                map[string]treatment // by filter and field: "range on created_at"
	strictLow, strictTop bool
	precision            time.Duration       // to which times and bounds are cut; 0: none
	unsorted             bool                // it ignores the asked order
	deal                 uint64              // not 0: ties are dealt anew each request, seeded by this
	alike                bool                // they are dealt alike each time a page is asked
	total                func(n int64) int64 // what it announces; nil: the truth
	maxRows              int                 // rows a page at most; 0: as asked
	refuses              bool                // pages past the end, rather than serve them empty
	limit                int                 // weight of a body beyond which it is too large; 0: none
	before               func(n int)         // what happens before the n-th request, from 1

	mu    sync.Mutex
	asks  []Ask
	times map[Ask]int // how often each was asked
}

func (s *source) Streams(context.Context) ([]Stream, error) { return nil, nil }

func (s *source) Dialects() []Dialect { return slices.Clone(s.dialects) }

func (s *source) Page(ctx context.Context, ask Ask) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, ask)
	if s.before != nil {
		s.before(len(s.asks))
	}
	a := Answer{Shape: "logs", Bytes: 1000, Requests: 1}
	matched, ok := s.matched(ask)
	if !ok {
		return a, errConfig
	}
	a.Total = int64(len(matched))
	if s.total != nil {
		a.Total = s.total(a.Total)
	}
	size := ask.Size
	if s.maxRows > 0 {
		size = min(size, s.maxRows)
	}
	from := (ask.Page - 1) * size
	if from >= len(matched) {
		if s.refuses && ask.Page > 1 {
			return a, errNoPage
		}
		return a, nil
	}
	weight := 0
	for _, e := range matched[from:min(from+size, len(matched))] {
		weight += e.weight
		a.Docs = append(a.Docs, e.doc())
	}
	if s.limit > 0 && weight > s.limit {
		return Answer{Requests: 1}, errTooLarge
	}
	return a, nil
}

// matched is what the ask's filter lets through, in order.
func (s *source) matched(ask Ask) (rows []entry, ok bool) {
	field := ask.Dialect.TimeField
	unfiltered := ask.From.IsZero() && ask.To.IsZero()
	if !unfiltered {
		switch s.treat[ask.Dialect.Filter+" on "+field] {
		case ignored:
			unfiltered = true
		case nothing:
			return nil, true
		case refused:
			return nil, false
		case onOther:
			field = "other"
		}
	}
	for _, e := range s.rows {
		if unfiltered || s.between(e.when(field), ask.From, ask.To) {
			rows = append(rows, e)
		}
	}
	s.sort(rows, ask)
	return rows, true
}

func (s *source) between(when, from, to time.Time) bool {
	if step := s.precision; step > 0 {
		when, from, to = when.Truncate(step), from.Truncate(step), to.Truncate(step)
	}
	low, top := when.Compare(from), when.Compare(to)
	return (low > 0 || low == 0 && !s.strictLow) && (top < 0 || top == 0 && !s.strictTop)
}

// sort orders by time as asked, ties as they stand or as they are dealt.
func (s *source) sort(rows []entry, ask Ask) {
	if s.deal != 0 {
		if s.times == nil {
			s.times = map[Ask]int{}
		}
		if !s.alike {
			s.times[ask]++
		}
		seed := s.deal + uint64(ask.Page)<<32 + uint64(s.times[ask])
		slices.SortStableFunc(rows, func(a, b entry) int { return cmp.Compare(dealt(a, seed), dealt(b, seed)) })
	}
	if s.unsorted {
		return
	}
	slices.SortStableFunc(rows, func(a, b entry) int {
		if ask.Newest {
			return b.at.Compare(a.at)
		}
		return a.at.Compare(b.at)
	})
}

func dealt(e entry, seed uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(e.id + e.note))
	x := h.Sum64() ^ seed*0x9e3779b97f4a7c15
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	return x ^ x>>32
}

// entries are n of them, one a tick, from at(0).
func entries(n int) []entry {
	var rows []entry
	for i, id := range many("e", n) {
		rows = append(rows, entry{id: id, at: at(i)})
	}
	return rows
}

// held are the names of the rows in the window.
func (s *source) held(w Window) []string {
	var ids []string
	for _, e := range s.rows {
		if w.Holds(e.at) {
			ids = append(ids, nameOf(e.doc(), Mark{ID: e.id}))
		}
	}
	return distinct(ids)
}
