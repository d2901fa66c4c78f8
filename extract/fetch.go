package extract

import (
	"context"
	"iter"
)

// one requests one page of the window. Its documents are in flight until the
// walk has handed them on.
func (r *Reading) one(ctx context.Context, page, size int) (Answer, error) {
	r.Drop()
	r.held, _ = r.reserve(ctx, true)
	a, err := r.feed.ask(ctx, r.Window, page, size)
	r.note(a)
	if err == nil && r.Date.IsZero() && r.Walks == 0 {
		r.Date = a.Date
	}
	return a, err
}

// Drop gives back what an unread page holds of the memory for documents. Call
// it when a reading is given up after Begin.
func (r *Reading) Drop() {
	r.feed.release(r.held)
	r.held = 0
}

func (r *Reading) note(a Answer) {
	r.Requests += a.Requests
	r.largest = max(r.largest, a.Bytes)
}

// A fetched page waits in its channel until its turn comes.
type fetched struct {
	Answer
	err    error
	weight int64 // bytes reserved while it is in flight
}

// fetch requests pages from..to side by side and yields their answers in
// order. Documents in flight are bounded over all windows: a page is fetched
// ahead only while there is room, and the next one in turn always.
func (r *Reading) fetch(ctx context.Context, from, to int) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var queue []chan fetched
		defer func() {
			cancel()
			for _, c := range queue {
				f := <-c
				r.note(f.Answer)
				r.feed.release(f.weight)
			}
		}()
		for next := from; next <= to || len(queue) > 0; {
			for next <= to && len(queue) < max(1, r.feed.Ahead) {
				weight, room := r.reserve(ctx, len(queue) == 0)
				if !room {
					break
				}
				queue = append(queue, r.start(ctx, next, weight))
				next++
			}
			f := <-queue[0]
			queue = queue[1:]
			r.note(f.Answer)
			goOn := yield(f.Answer, f.err)
			r.feed.release(f.weight)
			if !goOn {
				return
			}
		}
	}
}

func (r *Reading) start(ctx context.Context, page int, weight int64) chan fetched {
	c := make(chan fetched, 1)
	go func() {
		a, err := r.feed.ask(ctx, r.Window, page, r.feed.Dialect.PageSize)
		c <- fetched{a, err, weight}
	}()
	return c
}

// reserve takes room for one page of twice the size seen so far. Only the page
// whose turn is next may wait for it, and its reading holds nothing else then,
// so waiting always ends.
func (r *Reading) reserve(ctx context.Context, wait bool) (weight int64, ok bool) {
	weight = MaxBody / 8
	if r.largest > 0 {
		weight = min(max(2*r.largest, 64<<10), MaxBody)
	}
	if r.feed.Memory == nil || r.feed.Memory.TryAcquire(weight) {
		return weight, true
	}
	if !wait {
		return 0, false
	}
	if err := r.feed.Memory.Acquire(ctx, weight); err != nil {
		return 0, true // cancelled: the request itself will say so
	}
	return weight, true
}

func (f *Feed) release(weight int64) {
	if f.Memory != nil && weight > 0 {
		f.Memory.Release(weight)
	}
}

// divisor is the largest proper divisor of a page size: rows of one page of
// the size are exactly the rows of size/divisor pages of the divisor.
func divisor(size int) int {
	for d := size / 2; d > 1; d-- {
		if size%d == 0 {
			return d
		}
	}
	return 1
}

// smaller reads the rows of a page that was too large at this size by pages of
// a divisor of it. A single row that is too large is an entry without bytes.
func (w *walk) smaller(ctx context.Context, page, size int, yield func(*Page, error) bool) (goOn bool, err error) {
	if size == 1 {
		return w.take(Answer{Docs: [][]byte{nil}, Total: w.total}, yield)
	}
	d := divisor(size)
	for p := (page-1)*(size/d) + 1; p <= page*(size/d); p++ {
		a, err := w.reading.one(ctx, p, d)
		switch {
		case KindOf(err) == TooLarge:
			goOn, err = w.smaller(ctx, p, d, yield)
		case err == nil && len(a.Docs) == 0:
			return true, nil
		case err == nil:
			goOn, err = w.take(a, yield)
		}
		if err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

// total finds what a window announces whose first page is too large, by
// smaller first pages.
func (r *Reading) totalOfLarge(ctx context.Context) (Answer, error) {
	for size := divisor(r.feed.Dialect.PageSize); ; size = divisor(size) {
		a, err := r.one(ctx, 1, size)
		if KindOf(err) != TooLarge || size == 1 {
			a.Docs = nil
			return a, err
		}
	}
}
