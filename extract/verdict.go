package extract

import (
	"fmt"
	"maps"
)

// A Verdict says what to do with a window after a walk.
type Verdict int

// The verdicts.
const (
	Again    Verdict = iota + 1 // walk over it once more
	Attested                    // the reading is proven whole
	Halve                       // cut it at SplitAt and read both parts
	Mismatch                    // it would not attest: load, don't cover
	Foreign                     // answers that don't fit the dialect: the filter is not understood
)

// maxWalks bounds the walks over one window.
const maxWalks = 20

// quietWalks in a row without a new id mean that more walks bring nothing.
const quietWalks = 3

// Verdict judges the window after its latest walk.
//
// Only a walk that came to the list's end attests. It does when it alone, or
// all walks under its total, hold exactly that many ids. Two walks of exactly
// total entries with the same ids and the same repeats attest too: the source
// lists an id twice. Where it gives no total, two walks in a row with the same
// entries do. Repeats are believed where they stood on one page, in one of the
// two walks at least: one answer is of one moment, while a source that deals
// logs of equal time anew for each page lists one twice for another that it
// leaves out, and may do so twice alike.
//
// A total that moved halves the window while it spans more than one page and
// one tick; a smaller one is repeated. So does a walk that stayed short of an
// unchanged total, once more walks bring nothing new.
func (r *Reading) Verdict() Verdict {
	end, last := r.last.end, r.Walks >= maxWalks
	switch {
	case r.foreign:
		return Foreign
	case end == cut, (end == moved || end == capped) && r.divisible():
		return Halve
	case end == moved && !last:
		return Again
	case end == listEnd && (r.counted() || r.alike()):
		return Attested
	case r.quiet < quietWalks && !last:
		return Again
	case r.divisible():
		return Halve
	default:
		return Mismatch
	}
}

// counted tells whether the latest walk alone, or all walks under its total,
// hold exactly as many ids as it announced.
func (r *Reading) counted() bool {
	total := r.last.total
	return total >= 0 && (int64(len(r.last.ids)) == total || int64(len(r.all)) == total)
}

// alike tells whether the latest two walks came to the list's end with the
// same entries, repeats included, exactly as many as announced if anything was.
func (r *Reading) alike() bool {
	w, b := r.last, r.before
	return b != nil && (!b.apart || !w.apart) && b.end == listEnd && b.total == w.total && (w.total < 0 || int64(w.entries) == w.total) &&
		maps.Equal(b.ids, w.ids)
}

// divisible tells a window of more than one page and more than one tick. What
// would be one page is more where the source serves smaller ones than asked.
func (r *Reading) divisible() bool {
	w, d := r.last, r.feed.Dialect
	rows := max(w.total, int64(w.entries))
	pages := rows > int64(d.PageSize) || w.size < w.asked && w.busy > 1
	return pages && r.Window.Width() > d.Tick
}

// By says what attested a reading, in the ledger's words.
func (r *Reading) By() string {
	switch {
	case r.last == nil || len(r.last.ids) == 0 && r.last.total == 0:
		return "empty_proven"
	case r.counted():
		return "total"
	default:
		return "two_walks"
	}
}

// Detail says in words why the reading does not attest.
func (r *Reading) Detail() string {
	w := r.last
	switch {
	case w == nil:
		return ""
	case r.foreign:
		return "answers outside the asked span or in another form than proven: the time filter is not understood"
	case w.end == moved:
		return "the total changed while paging"
	case w.end == capped:
		return "a total at the usual cap, and no page after its last"
	case w.end == nowhere:
		return "the same page again and again"
	case w.total < 0:
		return "no total, and no two walks in a row alike"
	case int64(len(r.all)) < w.total:
		return fmt.Sprintf("fewer logs than the announced total: %d of %d", len(r.all), w.total)
	default:
		return fmt.Sprintf("more logs than the announced total: %d of %d", len(r.all), w.total)
	}
}
