package extract

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
)

// A walk is one pass of paging over a reading's window.
type walk struct {
	reading *Reading
	yield   func(*Page, error) bool // hands a page to the loop; false: it broke off
	total   int64                   // of its first answer; noTotal: none given
	asked   int                     // rows asked a page
	size    int                     // rows a page as the first answer shows them

	page    int // pages read
	busy    int // of them, those that had rows
	rows    int // of the latest
	entries int
	uneven  bool // a page had fewer rows than asked: page numbers tell no positions
	astray  bool // it went on past another total
	end     ending

	ids    map[string]int // entries by key
	apart  bool           // one of them stood on two pages
	large  int            // entries too large to be read
	unread int            // of them, the latest ones in a row
	fresh  int            // ids that no earlier walk under this total had
	known  int            // ids when the latest page was read that brought one
	stale  int            // pages in a row since then
}

// An ending is what a walk ended at.
type ending int

const (
	nowhere ending = iota // it is still going, was broken off, or went in circles
	listEnd               // the end of the list
	moved                 // an answer that announced another total
	capped                // a page refused at the usual cap of a total
	cut                   // capRows entries of a source without totals
)

// capRows is where sources are known to cap a search, and where a walk
// without a total is split.
const capRows = 10_000

// stalePages in a row that bring no id new to the walk mean that the source
// serves the same page for ever.
const stalePages = 3

// endless is how many entries more than announced a walk reads. A total may be
// capped, and one tick hold more logs than that; but a source that makes up new
// ones for every page would be read for ever.
const endless = 200_000

var errBroken = errors.New("the loop broke off")

// Walk pages once over the window. The page that [Reading.Begin] read is the
// first walk's first. It ends at the first answer whose total differs, unless
// it is to go through; after it, ask [Reading.Verdict]. An error is yielded once, as the last thing.
func (r *Reading) Walk(ctx context.Context) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		defer r.Drop()
		first, err := r.firstPage(ctx)
		if err == nil {
			err = r.newWalk(first, yield).run(ctx, first)
		}
		if err != nil && !errors.Is(err, errBroken) {
			yield(nil, err)
		}
	}
}

// run is the walk, its first answer in hand: then the pages that the total
// promises, then further ones until the list ends, since a total may be capped
// and a page beyond the last may exist.
func (w *walk) run(ctx context.Context, first Answer) error {
	defer w.reading.learn(w)
	err := w.first(ctx, first)
	last := int((max(w.total, 0) + int64(w.size) - 1) / int64(w.size))
	if err == nil {
		err = w.ahead(ctx, last)
	}
	for err == nil && !w.over() && !w.listEnded() {
		err = w.turn(w.read(ctx, w.page+1, w.asked))
	}
	switch {
	case w.end == nowhere && w.astray:
		w.end = moved
	case w.end == nowhere && w.listEnded():
		w.end = listEnd
	}
	return err
}

// first hands on the first page.
func (w *walk) first(ctx context.Context, a Answer) error {
	if w.reading.large {
		return w.turn(w.divide(ctx, 1, w.asked))
	}
	return w.turn(len(a.Docs), w.take(a, w.asked))
}

// ahead reads promised pages side by side, up to one that is too large: where
// bodies are so large, few have room side by side.
func (w *walk) ahead(ctx context.Context, last int) error {
	for a, err := range w.reading.fetch(ctx, 2, last, w.asked) {
		if KindOf(err) == TooLarge {
			return nil
		}
		if err == nil {
			err = w.turn(len(a.Docs), w.take(a, w.asked))
		}
		if err != nil || w.over() {
			return err
		}
	}
	return nil
}

// read reads one page, and returns its rows.
func (w *walk) read(ctx context.Context, page, size int) (rows int, err error) {
	a, err := w.reading.one(ctx, page, size)
	switch {
	case KindOf(err) != TooLarge:
		w.unread = 0
	case size == 1:
		w.unread++
		a, err = unreadable(w.unread, err)
	default:
		return w.divide(ctx, page, size)
	}
	if err != nil {
		return 0, err
	}
	return len(a.Docs), w.take(a, size)
}

// divide reads the rows of a page that was too large by smaller ones. Where
// pages are uneven it begins earlier than its number says, but not before as
// many rows as were met.
func (w *walk) divide(ctx context.Context, page, size int) (rows int, err error) {
	d := divisor(size)
	first, last := within(page, size, d)
	if w.uneven {
		first = min(first, len(w.ids)/d+1)
	}
	for p := first; p <= last && w.end == nowhere; p++ {
		n, err := w.read(ctx, p, d)
		rows += n
		if err != nil || n == 0 {
			return rows, err
		}
	}
	return rows, nil
}

// take hands on an answer for which so many rows were asked.
func (w *walk) take(a Answer, asked int) error {
	w.uneven = w.uneven || len(a.Docs) < asked
	if len(a.Docs) > 0 && !w.hand(a) {
		return errBroken
	}
	if int64(w.entries) > max(w.total, 0)+endless {
		return &Error{Kind: Unavailable, Op: "list logs", Status: http.StatusOK,
			Err: fmt.Errorf("its list goes on for %d logs more than it announced", endless)}
	}
	w.end = w.endAt(a)
	return nil
}

// endAt tells whether the walk must end at an answer. An empty page past the
// end may say 0, or nothing, of the total.
func (w *walk) endAt(a Answer) ending {
	empty := len(a.Docs) == 0
	switch {
	case w.total < 0:
		if w.entries >= capRows && w.reading.Window.Width() > w.reading.feed.Dialect.Tick {
			return cut
		}
	case a.Total == unsaid:
		if empty && w.total == capRows {
			return capped
		}
	case empty && a.Total <= 0:
	case a.Total != w.total && w.reading.Through:
		w.astray = true
	case a.Total != w.total:
		return moved
	}
	return nowhere
}

// hand hands an answer's entries to the loop; false: it broke off.
func (w *walk) hand(a Answer) bool {
	r := w.reading
	if shape := r.feed.Dialect.Shape; a.Shape != "" && shape != "" && a.Shape != shape {
		r.foreign = true
	}
	page := &Page{Docs: a.Docs, Stub: a.stub, walk: w, first: w.entries, met: make(map[string]struct{}, len(a.Docs))}
	w.entries += len(a.Docs)
	goOn := w.yield(page, nil)
	r.Drop()
	return goOn
}

// turn notes that a page was read, and passes its error on.
func (w *walk) turn(rows int, err error) error {
	w.page++
	w.rows = rows
	if rows > 0 {
		w.busy++
	}
	if w.stale++; len(w.ids) > w.known {
		w.stale, w.known = 0, len(w.ids)
	}
	return err
}

// over tells a walk that must not go on.
func (w *walk) over() bool { return w.end != nowhere || w.stale >= stalePages }

// listEnded tells whether the latest page was the list's last: an empty one
// is, or one that isn't full once all that was announced has been met.
func (w *walk) listEnded() bool {
	return w.rows == 0 || w.total >= 0 && w.rows < w.size && int64(len(w.ids)) >= w.total
}
