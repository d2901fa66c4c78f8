package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"logferry/extract"
	"logferry/load"
)

// readHead asks for the head's first page. A stream met for the first time may
// keep its time in another field than the first one asked for: then the head
// is asked again, ordered by that.
func (s *stream) readHead(ctx context.Context) ([][]byte, error) {
	var docs [][]byte
	for _, field := range s.timeFields() {
		s.use(field)
		s.head, s.listing = s.feed().Head(), nil
		var err error
		docs, err = s.nextHead(ctx)
		if err != nil && (extract.KindOf(err) != extract.Config || s.proven) {
			return nil, err
		}
		if err == nil && (len(docs) == 0 || s.head.Newest.ID != "") {
			return docs, s.saveHead(ctx)
		}
	}
	s.run.note(s.Name + ": no listed log has a usable time")
	return docs, s.saveHead(ctx)
}

// timeFields are the candidates, the proven one alone once there is one.
func (s *stream) timeFields() []string {
	if s.proven {
		return []string{s.dialect().TimeField}
	}
	var fields []string
	for _, d := range s.account.api.Dialects() {
		if !slices.Contains(fields, d.TimeField) {
			fields = append(fields, d.TimeField)
		}
	}
	return fields
}

// nextHead reads the head's next page.
func (s *stream) nextHead(ctx context.Context) ([][]byte, error) {
	s.heading.Lock()
	defer s.heading.Unlock()
	return s.head.Next(ctx, func(doc []byte) extract.Mark {
		m := s.identify(doc, s.options.TimeField)
		if !m.At.IsZero() {
			s.listing = append(s.listing, m.At)
		}
		return m
	})
}

func (s *stream) saveHead(ctx context.Context) error {
	if s.dry {
		return nil
	}
	text, err := json.Marshal(map[string]any{
		"newest_at": s.head.Newest.At, "newest_id": s.head.Newest.ID, "total": s.head.Total, "read_at": s.run.now,
	})
	if err != nil {
		return err
	}
	return s.run.store.SaveHead(ctx, s.ID, text)
}

// A footing says what a stream's head allows the run to do.
type footing int

const (
	ready footing = iota // the dialect is proven: read windows
	fresh                // no log is older than settle: nothing can be covered yet
	empty                // the source counts no log at all: all settled time is covered
)

// stand finds the stream's footing and proves its dialect where it must be.
func (s *stream) stand(ctx context.Context) (footing, error) {
	h := s.head
	switch {
	case h.Rows == 0 && h.Total == 0:
		return empty, nil
	case s.proven && (h.Rows == 0 || h.Shape == s.dialect().Shape):
		return ready, nil
	case h.Rows == 0:
		return fresh, nil
	case s.proven:
		s.run.note(fmt.Sprintf("%s answers in another form than before (%s, was %s): proving its dialect again", s.Name, h.Shape, s.dialect().Shape))
	}
	// The oldest log listed so far may be younger than settle on a busy
	// stream, which proves as well; but when the whole list is that young the
	// stream is new.
	if h.Ended && h.Oldest.ID != "" && !h.Oldest.At.Before(s.run.now.Add(-s.run.cfg.Settle)) {
		return fresh, nil
	}
	if err := s.prove(ctx); err == extract.ErrUnproven {
		return fresh, &DataError{"its time filter could not be proven against a listed log; nothing is covered"}
	} else if err != nil {
		return fresh, err
	}
	return ready, nil
}

// agrees tells whether the head supports what a filtered answer claims by
// showing nothing in the span: otherwise the dialect is proven again first. A
// filter that has stopped working must not cover anything.
func (s *stream) agrees(ctx context.Context, span load.Span) (bool, error) {
	s.heading.Lock()
	defer s.heading.Unlock()
	if s.trusts() || s.head.Rows == 0 && s.head.Total == 0 {
		return true, nil
	}
	if s.head.Sorted {
		for _, at := range s.listing {
			if !at.Before(span.From) && at.Before(span.To) {
				return s.provenAgain(ctx)
			}
		}
		if s.head.Oldest.At.Before(span.From) {
			return true, nil // the list was read below the span and shows nothing in it
		}
		return s.provenAgain(ctx)
	}
	held, err := s.run.store.Held(ctx, s.ID)
	if err != nil {
		return false, err
	}
	if s.head.Total >= 0 && s.head.Total <= held {
		return true, nil
	}
	return s.provenAgain(ctx)
}

// provenAgain proves the dialect again; the caller holds heading.
func (s *stream) provenAgain(ctx context.Context) (bool, error) {
	err := s.prove(ctx)
	if err == extract.ErrUnproven {
		return false, nil
	}
	return err == nil, err
}

// A tail is the reading of what is too young to be covered. The head's pages
// are its pages.
type tail struct {
	stream   *stream
	writing  *load.Writing
	claim    *load.Claim
	sorted   bool
	requests int
	ended    bool
}

// startTail claims the tail and loads the head's first page into it. It is nil
// when there is nothing to read, or another process reads it.
func (s *stream) startTail(ctx context.Context, docs [][]byte) (*tail, error) {
	if !s.run.cfg.Tail || len(docs) == 0 {
		return nil, nil
	}
	claim, err := s.run.store.ClaimTail(ctx, load.Want{
		Stream: s.ID, Run: s.run.id, Kind: load.KindTail, Span: load.Span{From: s.settled(), To: s.run.now},
		Tick: s.dialect().Tick, Lease: s.run.lease,
	})
	if err != nil || claim == nil {
		return nil, err
	}
	s.run.claims.add(claim)
	w, err := s.run.store.Begin(ctx, claim, s.Source, s.keep())
	if err != nil {
		return nil, err
	}
	t := &tail{stream: s, writing: w, claim: claim}
	return t, t.load(ctx, docs)
}

func (s *stream) keep() load.Keep {
	return load.Keep{Raw: s.run.cfg.Raw, Payloads: s.run.cfg.Payloads, Shape: s.head.Shape}
}

// load writes the tail's part of a page.
func (t *tail) load(ctx context.Context, docs [][]byte) error {
	s := t.stream
	var entries []load.Entry
	for _, doc := range docs {
		e := s.decode(doc)
		// What has no time goes to quarantine with the window that meets it.
		if e.Record != nil && !e.Record.CreatedAt.Before(s.settled()) && e.Record.CreatedAt.Before(t.claim.To) {
			entries = append(entries, e)
		}
	}
	before := t.writing.Inserted
	err := t.writing.Write(ctx, entries)
	s.run.progressed(int64(len(entries)), t.writing.Inserted-before)
	h := s.head
	t.ended = h.Ended || !h.Sorted || h.Oldest.At.Before(s.settled())
	return err
}

// read reads up to n further pages.
func (t *tail) read(ctx context.Context, n int) error {
	for ; n > 0 && !t.ended; n-- {
		docs, err := t.stream.nextHead(ctx)
		if err != nil {
			return err
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
	s := t.stream
	o := load.Outcome{Status: "loaded", Total: -1, Walks: 1, Requests: s.head.Requests, Bytes: s.head.Bytes, Distinct: int64(s.head.Rows)}
	if !t.ended {
		o.Detail = "cut short: the gaps come first"
	}
	err := t.writing.Finish(ctx, o)
	s.run.claims.drop(t.claim)
	s.run.mu.Lock()
	s.run.addCounts(t.writing.Counts)
	s.run.mu.Unlock()
	return err
}

// unsortedTail reads the tail of a stream that does not sort: its head page
// shows any logs, so the tail is asked for by the filter, and only if the
// source counts more than is stored.
func (s *stream) unsortedTail(ctx context.Context, t *tail) error {
	held, err := s.run.store.Held(ctx, s.ID)
	if err != nil || s.head.Total >= 0 && s.head.Total <= held {
		return err
	}
	reading := s.feed().Read(extract.Window{From: s.settled(), To: t.claim.To.Add(24 * time.Hour).Truncate(s.dialect().Tick)})
	for page, err := range reading.Walk(ctx) {
		if err != nil {
			return err
		}
		for i, doc := range page.Docs {
			page.Count(i, s.identify(doc, s.options.TimeField))
		}
		if err := t.load(ctx, page.Docs); err != nil {
			return err
		}
	}
	return nil
}
