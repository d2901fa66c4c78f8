package ferry

import (
	"context"
	"time"

	"logferry/load"
)

// differs narrows down a span whose counts differ, and reads what is left.
func (rc *recheck) differs(ctx context.Context, span load.Span, total, stored int64) error {
	s := rc.stream
	switch {
	case rc.failed >= failures || rc.differ >= different:
		rc.found(span, total, stored, SpanDifferent)
		return nil
	case rc.held >= failures:
		rc.tell(span, SpanUnknown, heldNote)
		return nil
	}
	if total < stored {
		rest, expired, err := rc.expire(ctx, span)
		if err != nil || expired && rest.Empty() {
			return err
		}
		if expired {
			return rc.count(ctx, rest)
		}
	}
	if parts := without(span, rc.read); len(parts) != 1 || parts[0] != span {
		for _, part := range parts {
			if err := rc.count(ctx, part); err != nil {
				return err
			}
		}
		return nil
	}
	pages := max(total, stored) > int64(leafPages*s.dialect().PageSize)
	if (pages || total == walkBelow) && rc.divisible(span) {
		return rc.halves(ctx, span, s.middle(span))
	}
	return rc.leaf(ctx, span, total, stored)
}

// expire cuts off what lies below the source's oldest log: it is no longer
// served, not different. A source that goes on deleting is not chased: each time
// its oldest log has gone, twice as much above the next is cut off too.
func (rc *recheck) expire(ctx context.Context, span load.Span) (rest load.Span, expired bool, err error) {
	oldest, err := rc.stream.floor(ctx)
	if err != nil || oldest.IsZero() || !span.From.Before(oldest) {
		return span, false, err
	}
	if !rc.oldest.IsZero() && oldest.After(rc.oldest) {
		rc.ahead = max(2*rc.ahead, time.Second)
	}
	rest = load.Span{From: oldest.Add(rc.ahead).Truncate(rc.stream.dialect().Tick), To: span.To}
	rc.oldest, rc.floor = oldest, rest.From
	if !rest.From.After(span.From) {
		return span, false, nil
	}
	gone := load.Span{From: span.From, To: earlier(rest.From, span.To)}
	stored, err := rc.stream.run.store.Stored(ctx, rc.stream.ID, rc.stream.bounds(gone))
	if err == nil && stored > 0 {
		rc.found(gone, -1, stored, SpanExpired)
	}
	return rest, true, err
}

// leaf handles a span that differs and is small enough to read. What still
// differs after it was read is a standing difference only if the source counts
// now what it counted before: else logs came or went meanwhile, and it is read
// again. All that was counted is read: the upper bound's tick too, where the source
// takes it for a part.
func (rc *recheck) leaf(ctx context.Context, span load.Span, total, stored int64) error {
	if !rc.repair {
		rc.differ++
		rc.found(span, total, stored, SpanDifferent)
		return nil
	}
	s, rng, read := rc.stream, rc.bounds(span), span
	if !rng.StrictTop {
		read.To = read.To.Add(s.dialect().Tick)
	}
	for range readings {
		how, err := rc.repaired(ctx, read)
		switch {
		case err == nil && how == heldByOthers:
			rc.held++
			rc.tell(span, SpanUnknown, heldNote)
			return nil
		case err != nil && !s.oneWindow(err):
			rc.found(span, total, stored, SpanDifferent)
			return err
		case err != nil || how == notAttested:
			rc.found(span, total, stored, SpanDifferent)
			return nil
		}
		before := total
		if stored, err = s.run.store.Stored(ctx, s.ID, rng); err != nil {
			return err
		}
		if total, _, err = s.feed().Total(ctx, rng.Low, rng.Top); err != nil {
			return err
		}
		switch {
		case total == stored, total < 0:
			rc.found(span, total, stored, SpanRepaired)
			return nil
		case total == before:
			rc.found(span, total, stored, SpanDifferent)
			return s.run.store.NoteStanding(ctx, s.ID, read, total, stored)
		}
	}
	rc.found(span, total, stored, SpanDifferent)
	return nil
}

// repaired reads a span again.
func (rc *recheck) repaired(ctx context.Context, span load.Span) (rereading, error) {
	before, _ := rc.stream.unproven()
	how, err := rc.stream.reread(ctx, span, rc.kind)
	if after, _ := rc.stream.unproven(); after > before {
		rc.failed++
	} else {
		rc.failed = 0
	}
	return how, err
}
