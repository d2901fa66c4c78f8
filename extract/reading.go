package extract

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// A Reading is what the walks over one window returned together. It is used
// by one goroutine.
type Reading struct {
	Window   Window
	Requests int       // used, retries included
	Bytes    int64     // of bodies, inflated
	Walks    int       // walks ended
	Date     time.Time // Date header of the first answer; zero: missing

	feed    *Feed
	begun   *Answer             // the answer of Begin, until the first walk takes it
	last    *walk               // the latest walk
	before  *walk               // the one before it
	all     map[string]struct{} // ids of all walks under the latest total
	quiet   int                 // walks in a row that brought no new id
	times   []time.Time         // of a walk without a total, to split by
	foreign bool                // an entry lay further outside than the bounds allow
	largest int64               // body seen so far, for the memory of pages fetched ahead
	held    int64               // bytes reserved for the page that one returned last
	large   bool                // the first page is too large to be read at once
}

// maxWalks bounds the walks over one window under one total.
const maxWalks = 20

// quietWalks in a row without a new id mean that more walks bring nothing.
const quietWalks = 3

var errBroken = errors.New("the loop broke off")

// Read starts a reading of the window.
func (f *Feed) Read(w Window) *Reading {
	return &Reading{Window: w, feed: f, all: map[string]struct{}{}}
}

// Begin asks for the window's first page and returns the total it announces,
// -1 when it gives none. The page is not lost: it is the first walk's first.
func (r *Reading) Begin(ctx context.Context) (total int64, err error) {
	a, err := r.firstPage(ctx)
	if err != nil {
		return 0, err
	}
	r.begun = &a
	return announced(a), nil
}

// announced is the total of an answer; 0 beside entries is none.
func announced(a Answer) int64 {
	if a.Total == 0 && len(a.Docs) > 0 {
		return -1
	}
	return a.Total
}

// firstPage is the answer of Begin, or a new one. A window's proof counts from
// the Date of its very first answer.
func (r *Reading) firstPage(ctx context.Context) (Answer, error) {
	if a := r.begun; a != nil {
		r.begun = nil
		return *a, nil
	}
	a, err := r.one(ctx, 1, r.feed.Dialect.PageSize)
	if r.large = KindOf(err) == TooLarge; r.large {
		return r.totalOfLarge(ctx)
	}
	return a, err
}

func (r *Reading) newWalk(first Answer) *walk {
	total := announced(first)
	if r.last == nil || r.last.total != total {
		r.all, r.quiet = map[string]struct{}{}, 0
	}
	size := r.feed.Dialect.PageSize
	if n := len(first.Docs); n > 0 && n < size && int64(n) < total {
		size = n // the source serves smaller pages than asked
	}
	r.before, r.last = r.last, &walk{reading: r, total: total, size: size, ids: map[string]int{}}
	r.times = nil
	r.Walks++
	return r.last
}

// A Verdict says what to do with a window after a walk.
type Verdict int

// The verdicts.
const (
	Again    Verdict = iota + 1 // walk over it once more
	Attested                    // the reading is proven whole
	Halve                       // cut it at SplitAt and read both parts
	Mismatch                    // it would not attest: load, don't cover
	Foreign                     // entries outside the asked bounds: the filter is not understood
)

// By says what attested a reading, in the ledger's words.
func (r *Reading) By() string {
	switch {
	case r.last == nil || len(r.last.ids) == 0 && r.last.total == 0:
		return "empty_proven"
	case r.last.total >= 0 && (int64(len(r.last.ids)) == r.last.total || int64(len(r.all)) == r.last.total):
		return "total"
	default:
		return "two_walks"
	}
}

// Verdict judges the window after its latest walk.
//
// A total that moved, or a walk that stayed short of an unchanged one until
// more walks brought nothing new, halves the window while it spans more than
// one page and one tick; a smaller one is repeated, then a mismatch. Two walks
// of exactly total entries with the same ids and the same repeats attest: the
// source lists an id twice. Where it gives no total, two walks in a row with
// the same entries do.
func (r *Reading) Verdict() Verdict {
	w := r.last
	switch {
	case r.foreign:
		return Foreign
	case w.cut:
		return Halve
	case w.moved:
		return r.retry()
	case w.total >= 0 && (int64(len(w.ids)) == w.total || int64(len(r.all)) == w.total):
		return Attested
	case (w.total < 0 || int64(w.entries) == w.total) && r.sameAsBefore():
		return Attested
	}
	if w.fresh > 0 || r.Walks == 1 {
		r.quiet = 0
	} else {
		r.quiet++
	}
	if r.quiet < quietWalks && r.Walks < maxWalks {
		return Again
	}
	if r.divisible() {
		return Halve
	}
	return Mismatch
}

// retry is the verdict on a walk whose total moved under it.
func (r *Reading) retry() Verdict {
	switch {
	case r.divisible():
		return Halve
	case r.Walks < maxWalks:
		return Again
	default:
		return Mismatch
	}
}

// sameAsBefore tells whether the latest two walks ended by themselves with the
// same entries, repeats included.
func (r *Reading) sameAsBefore() bool {
	b := r.before
	return b != nil && !b.moved && b.total == r.last.total && b.entries == r.last.entries && maps.Equal(b.ids, r.last.ids)
}

// divisible tells a window of more than one page and more than one tick.
func (r *Reading) divisible() bool {
	rows := max(r.last.total, int64(r.last.entries))
	return rows > int64(r.last.size) && r.Window.Width() > r.feed.Dialect.Tick
}

// SplitAt is where to cut the window in two: at its middle, or, for a walk
// without a total that was cut off, at the median of the times it met, which
// finds the logs in a long empty span at once.
func (r *Reading) SplitAt() time.Time {
	tick := r.feed.Dialect.Tick
	at := r.Window.Middle(tick)
	if r.last.cut && len(r.times) > 0 {
		slices.SortFunc(r.times, time.Time.Compare)
		at = r.times[len(r.times)/2].UTC().Truncate(tick)
	}
	if !at.After(r.Window.From) {
		at = r.Window.From.Add(tick)
	}
	if !at.Before(r.Window.To) {
		at = r.Window.To.Add(-tick)
	}
	return at
}

// Cut tells that the latest walk was cut off for want of a total.
func (r *Reading) Cut() bool { return r.last.cut }

// CutAt is where to end a window whose total is too large for one reading, so
// that about aim logs are left in it; call it after Begin, whose page shows
// where logs begin at all. A total of exactly 10,000 is the usual cap and says
// only "at least": the window is halved.
func (r *Reading) CutAt(total, aim int64, at func(doc []byte) time.Time) time.Time {
	tick := r.feed.Dialect.Tick
	from := r.Window.From
	if r.feed.Dialect.Sorted && r.begun != nil && len(r.begun.Docs) > 0 {
		if first := at(r.begun.Docs[0]); first.After(from) && first.Before(r.Window.To) {
			from = first.UTC().Truncate(tick)
		}
	}
	width := r.Window.To.Sub(from)
	if total == capRows {
		width /= 2
	} else {
		width = time.Duration(float64(width) * float64(aim) / float64(total))
	}
	cut := from.Add(max(width.Truncate(tick), tick))
	if !cut.Before(r.Window.To) {
		cut = r.Window.To.Add(-tick)
	}
	return cut
}

// Total is what the latest walk's first answer announced; -1: none.
func (r *Reading) Total() int64 {
	if r.last == nil {
		return -1
	}
	return r.last.total
}

// Distinct is how many different entries the walks under the latest total met.
func (r *Reading) Distinct() int64 { return int64(len(r.all)) }

// Detail says in words why the reading does not attest.
func (r *Reading) Detail() string {
	w := r.last
	switch {
	case w == nil:
		return ""
	case r.foreign:
		return "entries outside the asked span: the time filter is not understood"
	case w.moved:
		return "the total changed while paging"
	case w.total < 0:
		return "no total, and no two walks in a row alike"
	case int64(len(r.all)) < w.total:
		return "fewer logs than the announced total"
	default:
		return "more logs than the announced total"
	}
}
