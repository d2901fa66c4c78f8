package extract

import (
	"context"
	"errors"
	"fmt"
)

// A body over 8 MiB is not read to its end: the page's rows are asked again by
// pages of a divisor of its size, whose rows are exactly the same ones. A
// single row that is too large is an entry without bytes.

// divisor is the largest proper divisor of a page size; of 1 it is 1.
func divisor(size int) int {
	for d := size / 2; d > 1; d-- {
		if size%d == 0 {
			return d
		}
	}
	return 1
}

// within are the pages of a divisor d that hold the rows of a page of size.
func within(page, size, d int) (first, last int) {
	return (page-1)*(size/d) + 1, page * (size / d)
}

// A pager asks for one page after another, for what looks at few rows: a head,
// a proof, a count. Once a page was too large it goes on with smaller ones.
type pager struct {
	ask  func(ctx context.Context, page, size int) (Answer, error)
	page int   // asked last; 0: none yet
	size int   // rows a page
	held *room // for the page that was asked last

	unread int // entries in a row that were too large
}

// pages is a pager over what the ask matches; it adds to requests. The latest
// page is in flight until the next is asked for, or drop is called.
func (f *Feed) pages(ask Ask, requests *int) *pager {
	p := &pager{size: ask.Size}
	first := int64(littleRoom)
	p.ask = func(ctx context.Context, page, size int) (Answer, error) {
		for {
			p.drop()
			var err error
			if p.held, err = f.hold(ctx, first); err != nil {
				return Answer{}, err
			}
			ask.Page, ask.Size, ask.room = page, size, p.held
			a, err := f.page(ctx, ask)
			*requests += a.Requests
			p.held.fit(a.Bytes)
			if KindOf(err) == TooLarge {
				first = MaxBody
			}
			if !errors.Is(err, errOutgrown) {
				return a, err
			}
		}
	}
	return p
}

// drop gives back what the latest page holds of the memory for documents.
func (p *pager) drop() {
	p.held.free()
	p.held = nil
}

// next asks for the next page.
func (p *pager) next(ctx context.Context) (Answer, error) {
	p.page++
	for {
		a, err := p.ask(ctx, p.page, p.size)
		switch {
		case KindOf(err) != TooLarge:
			p.unread = 0
			return a, err
		case p.size == 1:
			p.unread++
			return unreadable(p.unread, err)
		}
		d := divisor(p.size)
		p.page, _ = within(p.page, p.size, d)
		p.size = d
	}
}

// maxUnread is how many entries in a row may be too large. What answers with a
// flood to every request has no entries, and no end.
const maxUnread = 1000

// unreadable is the answer for one more entry that is too large, of so many in
// a row.
func unreadable(inRow int, err error) (Answer, error) {
	e, _ := errors.AsType[*Error](err)
	if inRow <= maxUnread || e == nil {
		return tooLarge(), nil
	}
	flood := *e
	flood.Kind, flood.Err = Unavailable, fmt.Errorf("%d entries in a row are larger than 8 MiB", maxUnread)
	return Answer{}, &flood
}

// tooLarge stands for the answer of a page of one row that can't be read.
func tooLarge() Answer { return Answer{Docs: [][]byte{nil}, Total: unsaid} }

// total is the next answer that can be read, and so may announce a total.
func (p *pager) total(ctx context.Context) (Answer, error) {
	for {
		a, err := p.next(ctx)
		if err != nil || a.Total != unsaid || len(a.Docs) == 0 {
			return a, err
		}
	}
}
