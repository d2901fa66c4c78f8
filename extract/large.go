package extract

import "context"

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
	page int // asked last; 0: none yet
	size int // rows a page
}

// pages is a pager over what the ask matches; it adds to requests.
func (f *Feed) pages(ask Ask, requests *int) *pager {
	return &pager{size: ask.Size, ask: func(ctx context.Context, page, size int) (Answer, error) {
		ask.Page, ask.Size = page, size
		a, err := f.page(ctx, ask)
		*requests += a.Requests
		return a, err
	}}
}

// next asks for the next page.
func (p *pager) next(ctx context.Context) (Answer, error) {
	p.page++
	for {
		a, err := p.ask(ctx, p.page, p.size)
		switch {
		case KindOf(err) != TooLarge:
			return a, err
		case p.size == 1:
			return tooLarge(), nil
		}
		d := divisor(p.size)
		p.page, _ = within(p.page, p.size, d)
		p.size = d
	}
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
