package ferry

import (
	"context"
	"errors"

	"logferry/extract"
	"logferry/load"
)

// A tail is the reading of what is too young to be covered. Where the source
// sorts, the head's pages are its pages.
type tail struct {
	stream   *stream
	writing  *load.Writing
	claim    *load.Claim
	requests int  // for pages beyond the head's first
	ended    bool // all of it was read
	failed   bool // the source failed at one of its pages: it is left to the next pass
	closed   bool // its ledger row is finished, or lost to another run
}

// heavyHead is the size of a head's page, in bytes, that is not kept in memory
// while the dialect is proven, for as many streams as there may be, but asked
// for again.
const heavyHead = 512 << 10

// startTail claims the tail and loads the head's first page into it, which is asked
// for again where docs is nil. It is nil when there is nothing to read, when another
// run reads it, or when the head's pages don't show it: see unsortedTail.
func (s *stream) startTail(ctx context.Context, docs [][]byte) (*tail, error) {
	if s.run.cfg.Tail && docs == nil && s.head.Rows > 0 {
		var err error
		if docs, err = s.readHead(ctx); err != nil {
			return nil, err
		}
	}
	if !s.run.cfg.Tail || len(docs) == 0 || !s.head.Sorted && !s.head.Ended {
		return nil, nil
	}
	t, err := s.claimTail(ctx)
	if t == nil || err != nil {
		return nil, err
	}
	return t, t.load(ctx, docs)
}

// maxTailRows is how many stored rows a tail is compared with at most. Under a long
// settle the newest of them are: what came besides is read once it has settled.
const maxTailRows = 100_000

// young is the span of a tail.
func (s *stream) young(ctx context.Context) (load.Span, error) {
	span := load.Span{From: s.settled(), To: s.run.now}
	at, more, err := s.run.store.NthNewest(ctx, s.ID, span, maxTailRows)
	if more {
		span.From = at
	}
	return span, err
}

func (s *stream) claimTail(ctx context.Context) (*tail, error) {
	span, err := s.young(ctx)
	if err != nil {
		return nil, err
	}
	claim, err := s.run.store.ClaimTail(ctx, load.Want{
		Stream: s.ID, Run: s.run.id, Kind: load.KindTail, Span: span,
		Tick: s.dialect().Tick, Lease: s.run.lease,
	})
	if err != nil || claim == nil {
		return nil, err
	}
	s.run.claims.add(claim)
	w, err := s.run.store.Begin(ctx, claim, s.Source, s.keep())
	return &tail{stream: s, writing: w, claim: claim}, err
}

func (s *stream) keep() load.Keep {
	return load.Keep{Raw: s.run.cfg.Raw, Payloads: s.run.cfg.Payloads, Shape: s.head.Shape}
}

// load writes the tail's part of a page, and ends the tail with its last page:
// a claim must not outlive its use.
func (t *tail) load(ctx context.Context, docs [][]byte) error {
	if err := t.write(ctx, docs); err != nil || t.closed {
		return err
	}
	h := t.stream.head
	if t.ended = h.Ended || h.Oldest.At.Before(t.claim.From); t.ended {
		return t.finish(ctx)
	}
	return nil
}

// write loads what of the documents is young. What has no time goes to
// quarantine with the window that meets it.
func (t *tail) write(ctx context.Context, docs [][]byte) error {
	s := t.stream
	done, err := s.run.alone(ctx, docs)
	if err != nil {
		return err
	}
	defer done()
	var entries []load.Entry
	for _, doc := range docs {
		e := s.decode(doc)
		if e.Record != nil && !e.Record.CreatedAt.Before(t.claim.From) && e.Record.CreatedAt.Before(t.claim.To) {
			entries = append(entries, e)
		}
	}
	before := t.writing.Inserted
	err = t.unlessLost(t.writing.Write(ctx, entries))
	s.run.progressed(int64(len(entries)), t.writing.Inserted-before)
	return err
}

// unlessLost lets go of a tail that another run has taken over; that is no
// failure of the stream.
func (t *tail) unlessLost(err error) error {
	if errors.Is(err, load.ErrLost) {
		t.ended, t.closed = true, true
		t.stream.run.claims.drop(t.claim)
		return nil
	}
	return err
}

// unlessFailed gives up the tail for a page's own failure.
func (t *tail) unlessFailed(err error) error {
	err = t.stream.aside(err)
	t.failed = err == nil
	return err
}

// staleHead is after how many pages in a row without a new log a tail ends: the
// source does not heed page numbers.
const staleHead = 3

// read reads up to n further pages. A page that the source fails at ends the tail,
// not its stream.
func (t *tail) read(ctx context.Context, n int) error {
	defer t.stream.head.Drop()
	for ; n > 0 && !t.ended && !t.failed && t.stream.head.Stale < staleHead; n-- {
		t.stream.head.Drop() // who waits for its turn at the head must hold nothing
		docs, err := t.stream.nextHead(ctx)
		if err != nil {
			return t.unlessFailed(err)
		}
		t.requests++
		if err := t.load(ctx, docs); err != nil {
			return err
		}
	}
	return nil
}

// finish ends the tail's ledger row: loaded, never covered.
func (t *tail) finish(ctx context.Context) error {
	if t.closed {
		return nil
	}
	s := t.stream
	o := load.Outcome{Status: "loaded", Total: -1, Walks: 1, Requests: s.head.Requests, Bytes: s.head.Bytes, Distinct: int64(s.head.Rows)}
	switch {
	case t.failed:
		o.Detail = "cut short: the source failed at a page"
	case !t.ended:
		o.Detail = "cut short: the gaps come first"
	}
	if err := t.unlessLost(t.writing.Finish(ctx, o)); err != nil || t.closed {
		return err
	}
	t.closed = true
	s.run.claims.drop(t.claim)
	s.run.mu.Lock()
	defer s.run.mu.Unlock()
	s.run.addCounts(t.writing.Counts)
	return nil
}

// endTail reads what is left of the tail, unless the gaps failed, and ends it.
func (s *stream) endTail(ctx context.Context, t *tail, failed error) error {
	var err error
	switch {
	case failed != nil || ctx.Err() != nil:
	case t != nil:
		err = t.read(ctx, maxTailPages)
	default:
		t, err = s.unsortedTail(ctx)
	}
	if t == nil {
		return err
	}
	finishing, cancel := s.run.ending(ctx)
	defer cancel()
	return errors.Join(err, t.finish(finishing))
}

// maxTailPages bounds one pass's tail; the next pass's windows read the rest.
const maxTailPages = 10_000

// unsortedTail reads the tail of a stream that does not sort: its head shows
// any logs, so the tail is asked for by the filter, after the gaps, and only if
// the source counts other than is stored.
func (s *stream) unsortedTail(ctx context.Context) (*tail, error) {
	if !s.run.cfg.Tail || !s.proven || s.head.Sorted || s.head.Ended {
		return nil, nil
	}
	held, err := s.run.store.Held(ctx, s.ID)
	if err != nil || s.head.Total >= 0 && s.head.Total == held {
		return nil, err
	}
	t, err := s.claimTail(ctx)
	if t == nil || err != nil {
		return nil, err
	}
	reading := s.feed().Read(extract.Window{From: t.claim.From, To: t.claim.To})
	defer reading.Drop()
	for page, err := range reading.Walk(ctx) {
		if err != nil {
			return t, t.unlessFailed(err)
		}
		for i, doc := range page.Docs {
			page.Count(i, s.identify(doc, s.options.TimeField))
		}
		if err := t.write(ctx, page.Docs); err != nil {
			return t, err
		}
	}
	t.ended = true
	return t, nil
}
