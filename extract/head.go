package extract

import (
	"context"
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

	Newest, Oldest Known // of the entries with id and time; zero: none
	Rows           int   // entries read

	feed *Feed
	page int
	size int
	full int // rows of the first page, when fewer than asked and not the last
}

// A Known is a log that the source was seen to list.
type Known struct {
	Mark
	Doc []byte
}

// Head starts reading a stream without a time filter.
func (f *Feed) Head() *Head {
	return &Head{Total: -1, Sorted: true, feed: f, size: f.Dialect.PageSize}
}

// Next reads the list's next page. An empty result means that the list has
// ended. identify is called for every entry, in the order given.
func (h *Head) Next(ctx context.Context, identify func(doc []byte) Mark) ([][]byte, error) {
	h.page++
	a, err := h.feed.API.Page(ctx, Ask{Container: h.feed.Container, Dialect: h.feed.Dialect, Page: h.page, Size: h.size, Newest: true})
	h.Requests += a.Requests
	if h.page > 1 && KindOf(err) == NoPage {
		h.Ended = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if h.page == 1 {
		h.Total, h.Date, h.Shape = announced(a), a.Date, a.Shape
		if n := len(a.Docs); n > 0 && n < h.size && int64(n) < h.Total {
			h.full = n
		}
	}
	h.Bytes += a.Bytes
	h.Rows += len(a.Docs)
	h.Ended = len(a.Docs) == 0 || h.Total >= 0 && int64(h.Rows) >= h.Total
	for _, doc := range a.Docs {
		h.see(Known{identify(doc), doc})
	}
	return a.Docs, nil
}

func (h *Head) see(k Known) {
	if k.ID == "" || k.At.IsZero() {
		return
	}
	if h.Newest.ID == "" {
		h.Newest, h.Oldest = k, k
		return
	}
	if k.At.After(h.Oldest.At) && !k.At.After(h.Newest.At) {
		h.Sorted = h.Sorted && k.At.Equal(h.Oldest.At)
	}
	if k.At.After(h.Newest.At) {
		// Logs that arrived while paging push others down; they do not
		// appear above what was read, so a later newest is disorder.
		h.Newest, h.Sorted = k, false
	}
	if k.At.Before(h.Oldest.At) {
		h.Oldest = k
	}
}

// PageSize is how many rows a page really holds: fewer than asked when the
// source serves smaller ones.
func (h *Head) PageSize() int {
	if h.full > 0 {
		return h.full
	}
	return h.size
}
