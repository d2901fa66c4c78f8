package extract

import (
	"context"
	"encoding/json"
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
		var stub []byte
		if e != nil {
			stub = e.stub
		}
		return Answer{Docs: [][]byte{nil}, Total: unsaid, stub: stub}, nil
	}
	flood := *e
	flood.Kind, flood.Err = Unavailable, fmt.Errorf("%d entries in a row are larger than 8 MiB", maxUnread)
	return Answer{}, &flood
}

// Bounds on the stub of an entry that is too large: how much of the answer is
// looked through, and how long a value may be.
const (
	stubHead  = 64 << 10
	stubValue = 1 << 10
)

// stubOf makes a document of the short, plain members with which the first log of
// a cut answer begins, so that its id and time are known where they come before
// what is too large; nil: there is none.
func stubOf(body []byte) []byte {
	body = body[:min(len(body), stubHead)]
	start := skip(body, 0, blanks)
	if kindOf(body) == '{' {
		start = listIn(body)
	}
	if start >= len(body) {
		return nil
	}
	start = skip(body, start+1, blanks)
	if kindOf(body[start:]) != '{' {
		return nil
	}
	stub, name := []byte{'{'}, []byte(nil)
	for _, value := range values(body[start:]) {
		if name == nil {
			name = value
			continue
		}
		if len(value) <= stubValue && value[0] != '{' && value[0] != '[' {
			if len(stub) > 1 {
				stub = append(stub, ',')
			}
			stub = append(append(append(stub, name...), ':'), value...)
		}
		name = nil
	}
	if stub = append(stub, '}'); !json.Valid(stub) {
		return nil
	}
	return stub
}

// total is the next answer that can be read, and so may announce a total.
func (p *pager) total(ctx context.Context) (Answer, error) {
	for {
		a, err := p.next(ctx)
		if err != nil || a.Total != unsaid || len(a.Docs) == 0 {
			return a, err
		}
	}
}
