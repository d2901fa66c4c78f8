package extract

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
)

// A Page is one page of a walk, to be counted entry by entry by the loop that
// ranges over it. A doc that is nil was larger than 8 MiB and was not kept.
type Page struct {
	Docs [][]byte

	walk  *walk
	first int // position of the page's first entry in the walk
}

// Position is where the page's i-th entry stands in its walk, from 0.
func (p *Page) Position(i int) int { return p.first + i }

// Count tells the walk who the page's i-th entry is, and returns whether the
// entry lies in the window and is to be loaded. Every entry of every page is
// to be counted once, in order. An entry without an id counts by its bytes, one
// too large to read by its position; one without a time is in every window.
func (p *Page) Count(i int, m Mark) (load bool) {
	r := p.walk.reading
	key := m.ID
	switch {
	case key != "":
	case p.Docs[i] == nil:
		key = fmt.Sprintf("\x01%d", p.Position(i))
	default:
		sum := sha256.Sum256(p.Docs[i])
		key = "\x00" + string(sum[:])
	}
	p.walk.count(key, m)
	if m.At.IsZero() {
		return true
	}
	if r.Window.foreign(m.At, r.feed.Dialect.Tick) {
		r.foreign = true
	}
	return r.Window.Holds(m.At)
}

// A walk is one pass of paging over a reading's window.
type walk struct {
	reading *Reading
	total   int64          // of its first answer; -1: none given
	size    int            // rows a page, as the first answer shows them
	ids     map[string]int // entries by key
	entries int
	fresh   int  // ids that no earlier walk under this total had
	moved   bool // a later answer announced another total
	cut     bool // it read capRows entries without a total, and there is more
	stale   int  // pages in a row without an id new to this walk
}

// capRows is where sources are known to cap a search, and where a walk
// without a total is split.
const capRows = 10_000

// stalePages in a row that bring no id new to the walk mean that the source
// serves the same page for ever.
const stalePages = 3

func (w *walk) count(key string, m Mark) {
	w.entries++
	w.ids[key]++
	if w.ids[key] == 1 {
		w.stale = 0
	}
	if _, known := w.reading.all[key]; !known {
		w.reading.all[key] = struct{}{}
		w.fresh++
	}
	if w.total < 0 && !m.At.IsZero() {
		w.reading.times = append(w.reading.times, m.At)
	}
}

// page hands one answer to the loop; false: the loop broke off.
func (w *walk) page(a Answer, yield func(*Page, error) bool) bool {
	if len(a.Docs) == 0 {
		return true
	}
	w.stale++
	w.reading.Bytes += a.Bytes
	goOn := yield(&Page{Docs: a.Docs, walk: w, first: w.entries}, nil)
	w.reading.Drop()
	return goOn
}

// Walk pages once over the window. The page that [Reading.Begin] read is the
// first walk's first. It ends at the first answer whose total differs; after
// it, ask [Reading.Verdict].
func (r *Reading) Walk(ctx context.Context) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		first, err := r.firstPage(ctx)
		if err == nil {
			err = r.newWalk(first).run(ctx, first, yield)
		}
		if err != nil && err != errBroken {
			yield(nil, err)
		}
	}
}

// run is the walk, its first answer in hand.
func (w *walk) run(ctx context.Context, first Answer, yield func(*Page, error) bool) error {
	goOn, err := true, error(nil)
	if w.reading.large {
		goOn, err = w.smaller(ctx, 1, w.size, yield)
	} else if !w.page(first, yield) {
		return errBroken
	}
	switch {
	case err != nil || !goOn:
		return err
	case w.total >= 0:
		return w.rest(ctx, yield)
	default:
		return w.untilEmpty(ctx, w.entries, yield)
	}
}

// rest reads the pages that the total promises, side by side, and then, when
// the last one was full, further pages until one is empty or refused: a total
// may be capped, and a page beyond the last may exist.
func (w *walk) rest(ctx context.Context, yield func(*Page, error) bool) error {
	last := int((w.total + int64(w.size) - 1) / int64(w.size))
	rows := w.entries
	page := 1
	for a, err := range w.reading.fetch(ctx, 2, last) {
		page++
		goOn := false
		if KindOf(err) == TooLarge {
			rows = w.size
			goOn, err = w.smaller(ctx, page, w.reading.feed.Dialect.PageSize, yield)
		} else if err == nil {
			rows = len(a.Docs)
			goOn, err = w.take(a, yield)
		}
		if err != nil || !goOn {
			return err
		}
	}
	for page := last + 1; w.total > 0 && rows >= w.size; page++ {
		a, err := w.reading.one(ctx, page, w.reading.feed.Dialect.PageSize)
		if err != nil {
			return err
		}
		if a.Total == refused && w.total == capRows {
			w.moved = true // refused at the usual cap proves no end
			return nil
		}
		if rows = len(a.Docs); rows == 0 {
			return nil
		}
		if goOn, err := w.take(a, yield); !goOn {
			return err
		}
	}
	return nil
}

// take hands on an answer and tells whether the walk goes on.
func (w *walk) take(a Answer, yield func(*Page, error) bool) (bool, error) {
	if !w.page(a, yield) {
		return false, errBroken
	}
	if a.Total != refused && w.total >= 0 && a.Total != w.total {
		w.moved = true
	}
	return !w.moved && w.stale < stalePages, nil
}

// untilEmpty reads page after page of a source that gives no total.
func (w *walk) untilEmpty(ctx context.Context, rows int, yield func(*Page, error) bool) error {
	tick := w.reading.feed.Dialect.Tick
	for page := 2; rows > 0; page++ {
		if w.entries >= capRows && w.reading.Window.Width() > tick {
			w.cut = true
			return nil
		}
		had := w.entries
		a, err := w.reading.one(ctx, page, w.reading.feed.Dialect.PageSize)
		if KindOf(err) == TooLarge {
			_, err = w.smaller(ctx, page, w.reading.feed.Dialect.PageSize, yield)
		} else if err == nil && !w.page(a, yield) {
			return errBroken
		}
		if err != nil || w.stale >= stalePages {
			return err
		}
		rows = w.entries - had
	}
	return nil
}
