package extract

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"
)

// A Feed is one stream to read, in its proven dialect.
type Feed struct {
	API       API
	Container string
	Name      string // for messages: cloudflare/<account>/<gateway>, keywordsai/<dataset>
	Dialect   Dialect
	Ahead     int                 // pages to fetch side by side, at least 1
	Memory    *semaphore.Weighted // bytes of documents in flight, over all windows
	Log       *slog.Logger
}

// MaxInFlight bounds the documents in flight over all windows, in bytes: make
// the semaphore of [Feed.Memory] this large.
const MaxInFlight = 16 << 20

// A Mark is what identifies one entry, as far as transform can tell.
type Mark struct {
	ID string    // "": it has none
	At time.Time // zero: it has no usable time in the stream's time field
}

// refused is the total of a page that the source refused as past the end: no
// statement about the total at all.
const refused = -2

// ask requests one page of the window. A page refused as past the end is an
// answer without entries.
func (f *Feed) ask(ctx context.Context, w Window, page, size int) (Answer, error) {
	from, to := w.asked(f.Dialect.Tick)
	a, err := f.API.Page(ctx, Ask{Container: f.Container, Dialect: f.Dialect, From: from, To: to, Page: page, Size: size})
	if page > 1 && KindOf(err) == NoPage {
		return Answer{Total: refused, Requests: a.Requests}, nil
	}
	return a, err
}

// Total asks how many entries the span's bounds match, exactly as given. It
// returns -1 when the source gives no total.
func (f *Feed) Total(ctx context.Context, from, to time.Time) (total int64, requests int, err error) {
	a, err := f.API.Page(ctx, Ask{Container: f.Container, Dialect: f.Dialect, From: from, To: to, Page: 1, Size: f.Dialect.PageSize})
	if err == nil && a.Total == 0 && len(a.Docs) > 0 {
		a.Total = -1
	}
	return a.Total, a.Requests, err
}

// Oldest asks for the stream's oldest entry; nil when it has none or does not
// honour the asked order.
func (f *Feed) Oldest(ctx context.Context) (doc []byte, requests int, err error) {
	if !f.Dialect.Sorted {
		return nil, 0, nil
	}
	a, err := f.API.Page(ctx, Ask{Container: f.Container, Dialect: f.Dialect, Page: 1, Size: f.Dialect.PageSize})
	if err != nil || len(a.Docs) == 0 {
		return nil, a.Requests, err
	}
	return a.Docs[0], a.Requests, nil
}
