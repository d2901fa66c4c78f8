package extract

import (
	"context"
	"slices"
	"time"
)

// A Head is what a stream shows without a time filter, newest first where the
// source sorts: the control of everything that filtered answers claim.
type Head struct {
	Total    int64     // entries in all; -1: the source gives no total
	Date     time.Time // Date header of the first answer; zero: missing
	Shape    string    // response form of the answers
	Sorted   bool      // so far, entries came newest first
	Ended    bool      // the whole list was read
	Requests int
	Bytes    int64

	Newest Mark  // of the entries with id and time; zero: none
	Oldest Known // likewise
	Rows   int   // entries read, repeats and such without bytes included
	Stale  int   // latest pages in a row that brought nothing new

	// Times reads the times of an entry by all fields that may carry one, for
	// [Known.Times]; nil: it is known which one counts.
	Times func(doc []byte) map[string]time.Time

	feed  *Feed
	pages *pager
	known map[string]struct{} // ids met
	told  bool                // an answer was read that could tell Total and Shape
	again int                 // entries met once more, pushed down by what arrived since
	full  int                 // rows of the first page, when that says how many a page holds; 0: it doesn't
}

// A Known is a log that the source was seen to list. Its document, which may
// be large, is not held on to.
type Known struct {
	Mark
	// Times are its usable times by the field that carries them, while it is
	// not known yet which one counts; nil: At is the only one.
	Times map[string]time.Time
}

// at is its time in a field; zero: it has none there.
func (k Known) at(field string) time.Time {
	if k.Times == nil {
		return k.At
	}
	return k.Times[field]
}

// Head starts reading a stream without a time filter.
func (f *Feed) Head() *Head {
	h := &Head{Total: noTotal, Sorted: true, feed: f, known: map[string]struct{}{}}
	h.pages = f.pages(Ask{Dialect: f.Dialect, Size: f.largestPage(), Newest: true}, &h.Requests)
	return h
}

// largestPage is how many rows a page the source may serve: more than the dialect
// was proven with, if it served less at that time.
func (f *Feed) largestPage() int {
	size := f.Dialect.PageSize
	for _, d := range f.API.Dialects() {
		size = max(size, d.PageSize)
	}
	return size
}

// Next reads on and returns the list's next entries, without those that are
// too large to be read. An empty result means that the list has ended.
// identify is called for every entry returned, in the order given.
func (h *Head) Next(ctx context.Context, identify func(doc []byte) Mark) ([][]byte, error) {
	for !h.Ended {
		a, err := h.pages.next(ctx)
		if err != nil {
			return nil, err
		}
		h.note(a)
		docs := slices.DeleteFunc(a.Docs, func(doc []byte) bool { return doc == nil })
		ids := len(h.known)
		var oldest []byte
		for _, doc := range docs {
			if h.see(identify(doc)) {
				oldest = doc
			}
		}
		if oldest != nil && h.Times != nil {
			h.Oldest.Times = h.Times(oldest)
		}
		if h.Stale++; len(h.known) > ids {
			h.Stale = 0
		}
		if h.pages.page > 1 && len(docs) > 0 && len(h.known) == ids {
			h.Sorted = false // nothing new: page numbers lead nowhere, let alone down in time
		}
		h.Ended = len(a.Docs) == 0 || h.Total >= 0 && h.Total != capRows && int64(h.Rows-h.again) >= h.Total
		if len(docs) > 0 {
			return docs, nil
		}
	}
	return nil, nil
}

// Drop gives back what the latest page holds of the memory for documents. Call
// it when its documents are done with, and before anything else is asked for.
func (h *Head) Drop() { h.pages.drop() }

// note takes from an answer what it says of the whole list.
func (h *Head) note(a Answer) {
	h.Bytes += a.Bytes
	h.Rows += len(a.Docs)
	if h.told || a.Total == unsaid {
		return
	}
	h.told = true
	h.Total, h.Date, h.Shape = announced(a), a.Date, a.Shape
	// One short page alone shows no page size where the answer names another, and
	// a proven one is no more than what was served at that time.
	n := max(len(a.Docs), a.Size)
	if less := n > 0 && n < h.pages.size && int64(n) < h.Total; less || n > h.feed.Dialect.PageSize {
		h.full = min(n, h.pages.size)
	}
}

// see takes an entry in, and tells whether it is the oldest so far. One that
// was met before says nothing of the order: logs that arrived since push it
// down. They don't appear below what was read.
func (h *Head) see(m Mark) (oldest bool) {
	if m.ID == "" {
		return false
	}
	if _, met := h.known[m.ID]; met {
		h.again++
		return false
	}
	h.known[m.ID] = struct{}{}
	switch {
	case m.At.IsZero():
		return false
	case h.Newest.ID == "":
		h.Newest = m
	case m.At.After(h.Oldest.At):
		h.Sorted = false
		if m.At.After(h.Newest.At) {
			h.Newest = m
		}
		return false
	}
	h.Oldest = Known{Mark: m}
	return true
}

// PageSize is how many rows a page really holds, as far as the first one shows:
// fewer than asked when the source serves smaller ones.
func (h *Head) PageSize() int {
	if h.full > 0 {
		return h.full
	}
	return h.feed.Dialect.PageSize
}
