package ferry

import (
	"context"
	"errors"
	"time"

	"logferry/extract"
	"logferry/load"
)

// Totals from here on are cut: 10,000 is the usual cap of a search total, so
// exactly that many says nothing. A cut aims a little lower, so that uneven
// traffic seldom needs a second cut.
const (
	walkBelow = 10_000
	cutAim    = 8_500
)

// plan makes of the claim a window that can be walked. A source that refuses
// the filter which it understood before may understand another.
func (c *carrying) plan(ctx context.Context) error {
	err := c.fit(ctx)
	if extract.KindOf(err) != extract.Config {
		return err
	}
	if proof := c.stream.proveRefused(ctx, err); proof != nil {
		return proof
	}
	return c.fit(ctx)
}

// proveRefused proves the dialect again after the source refused its filter; the
// refusal stands if none can be proven.
func (s *stream) proveRefused(ctx context.Context, refusal error) error {
	s.heading.Lock()
	defer s.heading.Unlock()
	proven, err := s.provenAgain(ctx)
	switch {
	case isEnd(err):
		return err
	case err != nil || !proven:
		return errors.Join(refusal, err)
	}
	return nil
}

// fit asks the window for its total and narrows it until it can be walked. The
// first page of the request is not lost: it is the walk's first.
func (c *carrying) fit(ctx context.Context) error {
	s, claim := c.stream, c.piece.claim
	if err := c.fitFailed(ctx); err != nil {
		return err
	}
	if err := s.cutToStored(ctx, claim); err != nil {
		return err
	}
	for before := int64(0); ; {
		c.reading = s.feed().Read(extract.Window{From: claim.From, To: claim.To})
		c.reading.Through = s.hopeless() // it is walked once, and not halved
		total, err := c.reading.Begin(ctx)
		if err != nil {
			c.reading.Drop()
			return err
		}
		if total < walkBelow || claim.To.Sub(claim.From) <= s.dialect().Tick {
			return nil
		}
		// A page that isn't full, under a total that the last cut did not lower:
		// the total does not count the window, and no cut makes it do so.
		if before > 0 && total > before/10*9 && c.reading.Short(s.head.PageSize()) {
			return nil
		}
		before = total
		c.requests += c.reading.Requests
		cut := c.reading.CutAt(total, cutAim, func(doc []byte) time.Time { return s.identify(doc, s.options.TimeField).At })
		c.reading.Drop()
		if err := s.narrow(ctx, claim, cut); err != nil {
			return err
		}
	}
}

// fitFailed makes of a window at which the source failed before one half as
// wide. So what surrounds a page that the source can't serve is read and covered
// pass by pass, until the page is all that is left.
func (c *carrying) fitFailed(ctx context.Context) error {
	claim := c.piece.claim
	half := (claim.Failed / 2).Truncate(c.stream.dialect().Tick)
	if half <= 0 || claim.To.Sub(claim.From) <= half {
		return nil
	}
	return c.stream.narrow(ctx, claim, claim.From.Add(half))
}

// cutToStored narrows a window that holds more rows than a reading may have to
// compare with, whatever the source still serves of them.
func (s *stream) cutToStored(ctx context.Context, claim *load.Claim) error {
	at, more, err := s.run.store.NthStored(ctx, s.ID, claim.Span, 2*walkBelow)
	if err != nil || !more {
		return err
	}
	if at = at.Truncate(s.dialect().Tick); at.After(claim.From) {
		return s.narrow(ctx, claim, at)
	}
	return nil
}

// narrow cuts a claim in place; the rest is a gap again, for anyone.
func (s *stream) narrow(ctx context.Context, claim *load.Claim, to time.Time) error {
	if err := s.run.store.Narrow(ctx, claim, to); err != nil {
		return err
	}
	s.wake()
	return nil
}
