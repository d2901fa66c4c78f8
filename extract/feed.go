package extract

import (
	"context"
	"log/slog"
	"slices"
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
	Memory    *semaphore.Weighted // bytes of documents in flight, over all windows; nil: no bound
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

// Totals of an Answer that count nothing.
const (
	noTotal = -1 // the source gave none
	unsaid  = -2 // it was not asked: the page was refused as past the end, or too large to be read
)

// page asks for one page of the stream. One that is refused as past the end is
// an answer without entries.
func (f *Feed) page(ctx context.Context, ask Ask) (Answer, error) {
	ask.Container = f.Container
	a, err := f.API.Page(ctx, ask)
	if ask.Page > 1 && KindOf(err) == NoPage {
		return Answer{Total: unsaid, Requests: a.Requests}, nil
	}
	return a, err
}

// announced is the total that a filtered answer gives; 0 beside entries is
// none, and so is the 0 of a source that says 0 beside entries elsewhere.
func (f *Feed) announced(a Answer) int64 {
	if a.Total == 0 && !f.Dialect.HasTotal {
		return noTotal
	}
	return announced(a)
}

func announced(a Answer) int64 {
	if a.Total == 0 && len(a.Docs) > 0 {
		return noTotal
	}
	return max(a.Total, noTotal)
}

// fewest is as few logs as a page may have at every source: an older reference of
// Cloudflare's has no page below.
const fewest = 5

// Answers tells whether the source answers for the stream: by an error if not. It
// asks for a few logs, ordered by one after the other of the times that the source
// may know.
func (f *Feed) Answers(ctx context.Context) (err error) {
	asked := map[string]bool{}
	for _, d := range f.API.Dialects() {
		if asked[d.field()] {
			continue
		}
		asked[d.field()] = true
		p := f.pages(Ask{Dialect: d, Size: fewest, Newest: true}, new(int))
		_, err = p.next(ctx)
		p.drop()
		if KindOf(err) != Config {
			return err
		}
	}
	return err
}

// Total asks how many entries the span's bounds match, exactly as given. It
// returns -1 when the source gives no total.
func (f *Feed) Total(ctx context.Context, from, to time.Time) (total int64, requests int, err error) {
	p := f.pages(Ask{Dialect: f.Dialect, From: from, To: to, Size: f.Dialect.PageSize}, &requests)
	defer p.drop()
	a, err := p.total(ctx)
	return f.announced(a), requests, err
}

// Oldest asks for the time of the stream's oldest entry that can be read. It is
// zero when the stream has none, or does not honour the asked order.
func (f *Feed) Oldest(ctx context.Context, at func(doc []byte) time.Time) (oldest time.Time, err error) {
	if !f.Dialect.Sorted {
		return oldest, nil
	}
	p := f.pages(Ask{Dialect: f.Dialect, Size: f.Dialect.PageSize}, new(int))
	defer p.drop()
	a, err := p.total(ctx)
	if err != nil {
		return oldest, err
	}
	times := timesOf(a.Docs, at)
	if len(times) == 0 || !slices.IsSortedFunc(times, time.Time.Compare) {
		return oldest, nil
	}
	return times[0], nil
}

// Lists tells whether the source lists any entry between the bounds, exactly
// as given.
func (f *Feed) Lists(ctx context.Context, from, to time.Time) (bool, error) {
	p := f.pages(Ask{Dialect: f.Dialect, From: from, To: to, Size: f.Dialect.PageSize}, new(int))
	defer p.drop()
	a, err := p.next(ctx)
	return len(a.Docs) > 0, err
}

// timesOf are the usable times of entries, in their order.
func timesOf(docs [][]byte, at func(doc []byte) time.Time) []time.Time {
	var times []time.Time
	for _, doc := range docs {
		if t := at(doc); !t.IsZero() {
			times = append(times, t)
		}
	}
	return times
}
