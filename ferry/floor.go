package ferry

import (
	"context"
	"time"

	"logferry/load"
)

// missing decides whether stored logs that the reading did not meet are to be
// marked: only when the head agrees, and never below the source's oldest log.
func (c *carrying) missing(ctx context.Context, o *load.Outcome) error {
	if c.writing.Unseen() == 0 {
		return nil
	}
	if !c.agreed {
		agrees, err := c.stream.agrees(ctx, c.piece.claim.Span, c.reading, c.writing.Met)
		if err != nil || !agrees {
			return err
		}
	}
	var err error
	o.Missing = true
	o.Floor, err = c.floor(ctx)
	return err
}

// floor is the time of the source's oldest log, as far as it matters to this
// window. A source at its cap deletes while we read, so it is asked after each
// reading. Where it can't be asked by order, the reading knows it, unless the
// source lists something below the window.
func (c *carrying) floor(ctx context.Context) (time.Time, error) {
	if at, err := c.stream.floor(ctx); err != nil || !at.IsZero() {
		return at, err
	}
	claim := c.piece.claim
	below, err := c.stream.feed().Lists(ctx, longAgo, claim.From)
	switch {
	case below || err != nil:
		return claim.From, err
	case c.earliest.IsZero():
		return claim.To, nil
	default:
		return c.earliest, nil
	}
}

// floor asks for the time of the source's oldest log: what is older is expired,
// not missing. It is zero where it can't be asked for, because the order is not
// honoured; an answer that is younger than what the head listed shows that too.
func (s *stream) floor(ctx context.Context) (time.Time, error) {
	at, err := s.feed().Oldest(ctx, func(doc []byte) time.Time { return s.identify(doc, s.options.TimeField).At })
	if err != nil || at.IsZero() {
		return at, err
	}
	s.heading.Lock()
	listed := s.head.Oldest.At
	s.heading.Unlock()
	if at.After(listed) {
		return time.Time{}, nil
	}
	return at, s.run.store.SaveOldest(ctx, s.ID, &at)
}
