package emulator

import (
	"math/rand/v2"
	"slices"
	"time"
)

// A window is what filters select: the half-open span [from, to) of time, zero
// being open, and in it the logs that match.
type window struct {
	from, to time.Time
	timed    bool            // a time filter was understood
	nothing  bool            // selects no log at all
	match    func(*Log) bool // nil: all
}

// and narrows the window to logs that also match.
func (w *window) and(match func(*Log) bool) {
	before := w.match
	w.match = func(l *Log) bool { return (before == nil || before(l)) && match(l) }
}

// atLeast and atMost narrow the window to one side of a bound. Bounds become
// half-open: with both sides cut to a precision p, "not before b" is every
// instant from cut(b) on, and "after b" every instant from cut(b)+p on.

func (w *window) atLeast(bound time.Time, strict bool, f Faults) {
	bound = f.edge(bound, isStrict(strict, f.LowBound))
	if bound.After(w.from) {
		w.from = bound
	}
	w.timed = true
}

func (w *window) atMost(bound time.Time, strict bool, f Faults) {
	bound = f.edge(bound, !isStrict(strict, f.TopBound))
	if w.to.IsZero() || bound.Before(w.to) {
		w.to = bound
	}
	w.timed = true
}

func isStrict(spelt bool, forced Bound) bool {
	if forced == "" {
		return spelt
	}
	return forced == Strict
}

// edge is the first instant from a bound on, or after it.
func (f Faults) edge(bound time.Time, after bool) time.Time {
	step := max(f.Precision, time.Nanosecond)
	bound = bound.UTC().Truncate(step)
	if after {
		return bound.Add(step)
	}
	return bound
}

// A listing is one request for a page of logs, understood.
type listing struct {
	window
	order Order
	page  int // from 1
	size  int // rows a page, clamped
}

// A cut is the page that answers a listing.
type cut struct {
	docs    [][]byte
	matched int  // logs that the window selects
	total   int  // the total to announce; -1: none
	pastEnd bool // no row is left for this page or any after it, and it is not the first
}

// cut runs OnRequest and takes the page out of the stream, in one moment of it.
func (x *exchange) cut(q listing, asked int) cut {
	r := x.note(func(r *Request) {
		r.Page, r.Size, r.Filtered, r.From, r.To = q.page, asked, q.timed, q.from, q.to
	})
	if x.faults.OnRequest != nil {
		x.faults.OnRequest(x.n, r)
	}
	now := x.Emulator.now()
	x.stream.mu.Lock()
	defer x.stream.mu.Unlock()
	x.stream.logs.settle(now)
	rows := x.selected(q)
	start, held := x.faults.offset(q.page, q.size)
	start = min(start, len(rows))
	held = min(held, len(rows)-start)
	if x.faults.Withhold != nil {
		held = max(0, held-x.faults.Withhold(x.n, r))
	}
	answer := cut{matched: len(rows), total: x.faults.total(len(rows), x.n), pastEnd: q.page > 1 && start == len(rows)}
	for i := start; i < start+held; i++ {
		row := rows[i]
		if q.order == Newest {
			row = rows[len(rows)-1-i]
		}
		answer.docs = append(answer.docs, x.padded(row, x.faults.served(row, now)))
	}
	return answer
}

// selected are the rows of a listing; for Newest they are to be read backwards.
func (x *exchange) selected(q listing) []*Log {
	if q.nothing {
		return nil
	}
	shelf := &x.stream.logs
	low, high := shelf.span(q.window)
	rows := shelf.rows[low:high]
	if q.order == ByID {
		rows = shelf.sortedByID(low, high)
	}
	if q.match != nil {
		rows = slices.DeleteFunc(slices.Clone(rows), func(l *Log) bool { return !q.match(l) })
	}
	if x.faults.UnstableTies && q.order != ByID {
		rows = shuffleTies(rows, rand.New(rand.NewPCG(x.faults.Seed, uint64(x.n))))
	}
	return rows
}
