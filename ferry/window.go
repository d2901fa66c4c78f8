package ferry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"logferry/extract"
	"logferry/load"
)

// maxHalvings bounds how often one planned window is halved before what is
// left of it is a mismatch.
const maxHalvings = 12

// flushAfter bounds how long read rows wait for their chunk to fill.
const flushAfter = 5 * time.Second

// A piece is a claimed window and how often the planned one was halved for it.
type piece struct {
	claim *load.Claim
	depth int
}

// carry reads a claimed window, and the parts it is split into, oldest first,
// until each has an outcome.
func (s *stream) carry(ctx context.Context, planned *load.Claim) error {
	s.run.claims.add(planned)
	queue := []piece{{planned, 0}}
	for len(queue) > 0 {
		p := queue[0]
		parts, err := s.carryPiece(ctx, p)
		if err != nil {
			for _, left := range queue[1:] {
				s.giveUp(ctx, left.claim, "an earlier part of the window failed")
			}
			return err
		}
		queue = append(parts, queue[1:]...)
	}
	return nil
}

// carryPiece is carry for one piece. A claim that was lost to another process
// is theirs now, and no error.
func (s *stream) carryPiece(ctx context.Context, p piece) ([]piece, error) {
	c := &carrying{stream: s, piece: p}
	parts, err := c.run(ctx)
	s.run.claims.drop(p.claim)
	if len(parts) > 0 {
		return parts, nil
	}
	if errors.Is(err, load.ErrLost) {
		s.lose()
		s.run.log.Warn("window lost to another process", "stream", s.Name, "from", p.claim.From, "to", p.claim.To)
		s.wake()
		return nil, nil
	}
	if err != nil {
		c.fail(ctx, err)
		if !isEnd(err) {
			s.finished(p.claim.Span)
		}
	}
	return nil, err
}

// giveUp ends a claim without a result; its lease would do so later.
func (s *stream) giveUp(ctx context.Context, c *load.Claim, why string) {
	s.let(ctx, c, func(ctx context.Context) error { return s.run.store.Release(ctx, []int64{c.ID}, why) })
}

// fail gives up a piece. Where the source failed at it the ledger tells so.
func (c *carrying) fail(ctx context.Context, err error) {
	s, claim := c.stream, c.piece.claim
	if extract.KindOf(err) != extract.Unavailable || isEnd(err) {
		s.giveUp(ctx, claim, err.Error())
		return
	}
	requests := c.requests
	if c.reading != nil {
		requests += c.reading.Requests
	}
	s.let(ctx, claim, func(ctx context.Context) error { return s.run.store.Fail(ctx, claim.ID, requests, err.Error()) })
}

// let lets a claim go, in the way that end does.
func (s *stream) let(ctx context.Context, c *load.Claim, end func(context.Context) error) {
	ctx, cancel := s.run.ending(ctx)
	defer cancel()
	s.run.claims.drop(c)
	if err := end(ctx); err != nil {
		s.run.log.Warn("a claim could not be released; its lease will run out", "stream", s.Name, "err", err)
	}
	s.wake()
}

// A carrying is one piece on its way.
type carrying struct {
	stream *stream
	piece  piece

	reading  *extract.Reading
	writing  *load.Writing
	buffer   []load.Entry
	bytes    int
	flushed  time.Time
	requests int       // of readings given up for a narrower one
	earliest time.Time // of the logs that the latest walk met; zero: none
	agreed   bool      // the head agrees that the window is empty
}

// run plans, reads and ends the piece; parts are what it was split into.
func (c *carrying) run(ctx context.Context) (parts []piece, err error) {
	if err := c.plan(ctx); err != nil {
		return nil, err
	}
	defer c.reading.Drop()
	s := c.stream
	if c.writing, err = s.run.store.Begin(ctx, c.piece.claim, s.Source, s.keep()); err != nil {
		return nil, err
	}
	for {
		if err := c.walk(ctx); err != nil {
			return nil, err
		}
		verdict := c.reading.Verdict()
		// Without a total, or with an id listed twice, it takes two walks
		// to attest: a hopeless stream is given both.
		if verdict == extract.Again && (!s.hopeless() || c.reading.Walks < 2) {
			continue
		}
		return c.conclude(ctx, verdict)
	}
}

// walk pages once over the window and loads what it meets.
func (c *carrying) walk(ctx context.Context) error {
	c.flushed, c.earliest = time.Now(), time.Time{}
	for page, err := range c.reading.Walk(ctx) {
		if err != nil {
			return errors.Join(err, c.flush(ctx))
		}
		if err := c.take(ctx, page); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

// take decodes a page, and writes it where enough has come together.
func (c *carrying) take(ctx context.Context, page *extract.Page) error {
	s := c.stream
	done, err := s.run.alone(ctx, page.Docs)
	if err != nil {
		return err
	}
	defer done()
	for i, doc := range page.Docs {
		var e load.Entry
		if doc == nil {
			e = s.tooLarge(page.Stub, fmt.Sprintf("%s #%d", c.piece.claim.Span, page.Position(i)))
		} else {
			e = s.decode(doc)
		}
		m := mark(e)
		if !m.At.IsZero() && (c.earliest.IsZero() || m.At.Before(c.earliest)) {
			c.earliest = m.At
		}
		if page.Count(i, m) {
			c.buffer = append(c.buffer, e)
			c.bytes += e.Bytes()
		}
		if len(c.buffer) >= load.MaxChunkRows || c.bytes >= load.MaxChunkBytes {
			if err := c.flush(ctx); err != nil {
				return err
			}
		}
	}
	if time.Since(c.flushed) > flushAfter {
		return c.flush(ctx)
	}
	return nil
}

// flush writes what has been read. After a provider's failure the rows in hand
// are still written; after the run's own end they are not.
func (c *carrying) flush(ctx context.Context) error {
	if len(c.buffer) == 0 || ctx.Err() != nil {
		return nil //nolint:nilerr // who ended the run knows that it ended
	}
	before := c.writing.Inserted
	err := c.writing.Write(ctx, c.buffer)
	c.stream.run.progressed(int64(len(c.buffer)), c.writing.Inserted-before)
	clear(c.buffer) // it would hold on to what it held
	c.buffer, c.bytes, c.flushed = c.buffer[:0], 0, time.Now()
	return err
}

// conclude ends the window as the verdict says. What a run may accept is a
// reading that is not whole, never one by a filter that may not work.
func (c *carrying) conclude(ctx context.Context, v extract.Verdict) ([]piece, error) {
	s := c.stream
	switch {
	case v == extract.Attested && c.reading.Distinct() == 0:
		return nil, c.endEmpty(ctx)
	case v == extract.Attested:
		return nil, c.end(ctx, "attested", "")
	case v == extract.Foreign:
		if err := c.end(ctx, "mismatch", c.reading.Detail()); err != nil {
			return nil, err
		}
		s.heading.Lock()
		defer s.heading.Unlock()
		_, err := s.provenAgain(ctx)
		return nil, err
	case v == extract.Halve && (c.reading.Cut() || !s.hopeless() && c.piece.depth < maxHalvings):
		return c.split(ctx)
	case s.run.accept:
		return nil, c.end(ctx, "accepted", c.reading.Detail())
	default:
		return nil, c.end(ctx, "mismatch", c.reading.Detail())
	}
}

// endEmpty covers a window that showed nothing, if the head agrees: a filter
// that has stopped working shows nothing either.
func (c *carrying) endEmpty(ctx context.Context) error {
	agrees, err := c.stream.agrees(ctx, c.piece.claim.Span, c.reading, func(string) bool { return false })
	switch {
	case err != nil:
		return err
	case agrees:
		c.agreed = true
		return c.end(ctx, "attested", "")
	default:
		return c.end(ctx, "mismatch", "the filter shows nothing here, but the unfiltered list does, or the filter could not be proven")
	}
}

// split claims both parts of the window. A walk that was cut off for want of a
// total is split however often it takes; a doubtful one only so deep.
func (c *carrying) split(ctx context.Context) ([]piece, error) {
	depth := c.piece.depth
	if !c.reading.Cut() {
		depth++
	}
	o := c.outcome("split", c.reading.Detail())
	left, right, err := c.writing.Split(ctx, c.reading.SplitAt(), o)
	if err != nil {
		return nil, err
	}
	c.stream.run.claims.add(left, right)
	c.account(o)
	return []piece{{left, depth}, {right, depth}}, nil
}

func (c *carrying) outcome(status, detail string) load.Outcome {
	return load.Outcome{
		Status: status, Total: c.reading.Total(), Walks: c.reading.Walks, Requests: c.requests + c.reading.Requests,
		Bytes: c.reading.Bytes, Distinct: c.reading.Distinct(), Detail: detail,
	}
}

// end finishes the window: an attested one is covered up to what had settled by
// the source's own clock.
func (c *carrying) end(ctx context.Context, status, detail string) error {
	s := c.stream
	o := c.outcome(status, detail)
	if o.Status == "attested" {
		o.AttestedBy = c.reading.By()
		if err := c.missing(ctx, &o); err != nil {
			return err
		}
	}
	s.settle(&o, c.piece.claim.Span, c.reading.Date)
	s.planning.Lock()
	err := c.writing.Finish(ctx, o)
	if err == nil {
		s.finished(c.piece.claim.Span)
	}
	s.planning.Unlock()
	if err != nil {
		return err
	}
	s.inRow(o)
	c.account(o)
	return nil
}

// account reports the finished window.
func (c *carrying) account(o load.Outcome) {
	c.stream.run.account(o, c.writing.Counts)
	c.stream.spend(o.Requests)
	c.stream.metLate(c.writing)
	level := slog.LevelDebug
	if o.Status == "mismatch" {
		level = slog.LevelWarn
	} else if c.writing.Inserted+c.writing.Changed > 0 {
		level = slog.LevelInfo
	}
	claim := c.piece.claim
	c.stream.run.log.Log(context.Background(), level, "window "+o.Status, "stream", c.stream.Name, "kind", claim.Kind, "from", claim.From, "to", claim.To,
		"logs", o.Distinct, "announced", o.Total, "new", c.writing.Inserted, "changed", c.writing.Changed, "requests", o.Requests, "walks", o.Walks, "detail", o.Detail)
}
