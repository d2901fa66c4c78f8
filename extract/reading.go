package extract

import (
	"context"
	"time"
)

// A Reading is what the walks over one window returned together. It is used
// by one goroutine.
type Reading struct {
	Window   Window
	Requests int       // used, retries included
	Bytes    int64     // of bodies, inflated
	Walks    int       // walks begun
	Date     time.Time // Date header of the first answer; zero: missing
	// Through lets walks go on past a total that changes: nothing is proven
	// by them, but everything is read.
	Through bool

	feed   *Feed
	begun  *Answer // the answer of Begin, until the first walk takes it
	large  bool    // the first page was too large to be read at once
	last   *walk   // the latest walk
	before *walk   // the one before it

	all     map[string]struct{} // ids of all walks under the latest total
	quiet   int                 // walks in a row that brought no new id
	times   []time.Time         // of a walk without a total, to split by
	foreign bool                // an answer does not fit the dialect

	largest int64 // bytes of the largest body met
	held    *room // for the page that one returned last
}

// Read starts a reading of the window.
func (f *Feed) Read(w Window) *Reading {
	return &Reading{Window: w, feed: f, all: map[string]struct{}{}}
}

// Begin asks for the window's first page and returns the total it announces,
// -1 when it gives none. The page is not lost: it is the first walk's first.
func (r *Reading) Begin(ctx context.Context) (total int64, err error) {
	a, err := r.firstPage(ctx)
	if err != nil {
		r.Drop()
		return 0, err
	}
	r.begun = &a
	return r.feed.announced(a), nil
}

// firstPage is the answer of Begin, or a new one. Of a page that is too large
// smaller ones tell the total, and the walk reads the rows.
func (r *Reading) firstPage(ctx context.Context) (Answer, error) {
	if a := r.begun; a != nil {
		r.begun = nil
		return *a, nil
	}
	size := r.pageSize()
	a, err := r.one(ctx, 1, size)
	if r.large = KindOf(err) == TooLarge; !r.large {
		return a, err
	}
	p := pager{ask: r.one, size: divisor(size)}
	a, err = p.total(ctx)
	r.Drop()
	if a.Total <= 0 { // there is at least one entry
		a.Total = noTotal
	}
	a.Docs = nil
	return a, err
}

// pageSize is how many rows a page the next walk asks for: every other walk one
// less. A source may deal logs of equal time by itself for each page, but alike
// each time; then a log tied across the end of a page is listed twice, and
// another never, until pages end elsewhere. Sources have a least page size too,
// of 5 or so.
func (r *Reading) pageSize() int {
	size := r.feed.Dialect.PageSize
	if r.Walks%2 == 1 && size >= 10 {
		size--
	}
	return size
}

func (r *Reading) newWalk(first Answer, yield func(*Page, error) bool) *walk {
	total := r.feed.announced(first)
	if r.last == nil || r.last.total != total || r.last.end == moved {
		r.all, r.quiet = map[string]struct{}{}, 0
	}
	asked := r.pageSize()
	size := asked
	if n := len(first.Docs); n > 0 && n < asked && int64(n) < total {
		size = n // the source serves smaller pages than asked
	}
	r.before, r.last = r.last, &walk{reading: r, yield: yield, total: total, asked: asked, size: size, ids: map[string]int{}}
	r.times = nil
	r.Walks++
	return r.last
}

// learn notes what a walk has brought.
func (r *Reading) learn(w *walk) {
	if r.quiet++; w.fresh > 0 {
		r.quiet = 0
	}
}

// Cut tells that the latest walk was cut off for want of a total.
func (r *Reading) Cut() bool { return r.last.end == cut }

// Dialect is the one that the reading asks in.
func (r *Reading) Dialect() Dialect { return r.feed.Dialect }

// Total is what the latest walk's first answer announced; -1: none.
func (r *Reading) Total() int64 {
	if r.last == nil {
		return noTotal
	}
	return r.last.total
}

// Distinct is how many different entries the walks under the latest total met.
func (r *Reading) Distinct() int64 { return int64(len(r.all)) }
