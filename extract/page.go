package extract

import (
	"crypto/sha256"
	"fmt"
)

// A Page is one page of a walk, to be counted entry by entry by the loop that
// ranges over it. A doc that is nil was larger than 8 MiB and was not kept.
type Page struct {
	Docs [][]byte
	// Stub is what could be told of the page's one log when that was too large:
	// a document of its first short members; nil: nothing.
	Stub []byte

	walk  *walk
	first int                 // position of the page's first entry in the walk
	met   map[string]struct{} // keys of the entries counted
}

// Position is where the page's i-th entry stands in its walk, from 0.
func (p *Page) Position(i int) int { return p.first + i }

// Count tells the walk who the page's i-th entry is, and returns whether the
// entry lies in the window and is to be loaded. Every entry of every page is
// to be counted once, in order. An entry without an id counts by its bytes;
// one too large to read by its place among such, since its position in the
// walk changes with what stands before it. One without a time is in every
// window.
func (p *Page) Count(i int, m Mark) (load bool) {
	w := p.walk
	key := m.ID
	switch {
	case key != "":
	case p.Docs[i] == nil:
		w.large++
		key = fmt.Sprintf("\x01%d", w.large)
	default:
		sum := sha256.Sum256(p.Docs[i])
		key = "\x00" + string(sum[:])
	}
	_, again := p.met[key]
	w.apart = w.apart || w.ids[key] > 0 && !again
	p.met[key] = struct{}{}
	w.count(key, m)
	if m.At.IsZero() {
		return true
	}
	r := w.reading
	if r.Window.foreign(m.At, r.feed.Dialect.Tick) {
		r.foreign = true
	}
	return r.Window.Holds(m.At)
}

// count takes an entry in, by its key.
func (w *walk) count(key string, m Mark) {
	w.ids[key]++
	r := w.reading
	if _, known := r.all[key]; !known {
		r.all[key] = struct{}{}
		w.fresh++
	}
	if w.total < 0 && !m.At.IsZero() {
		r.times = append(r.times, m.At)
	}
}
