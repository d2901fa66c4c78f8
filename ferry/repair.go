package ferry

import (
	"context"
	"time"

	"logferry/load"
)

// differs narrows down a span whose counts differ, and reads what is left.
func (rc *recheck) differs(ctx context.Context, span load.Span, total, stored int64) error {
	s := rc.stream
	if rc.failed >= failures || rc.differ >= different {
		rc.found(span, total, stored, SpanDifferent)
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
		return rc.each(ctx, parts)
	}
	if parts := without(span, rc.taken); len(parts) != 1 || parts[0] != span {
		for _, held := range common(span, rc.taken) {
			rc.tell(held, SpanUnknown, heldNote)
		}
		return rc.each(ctx, parts)
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

func (rc *recheck) each(ctx context.Context, parts []load.Span) error {
	for _, part := range parts {
		if err := rc.count(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// held handles a span that could not be read since another run holds a part of it:
// the rest is counted by itself.
func (rc *recheck) held(ctx context.Context, span load.Span, total, stored int64) (err error) {
	s := rc.stream
	if rc.taken, err = s.run.store.Taken(ctx, s.ID, s.run.id); err != nil {
		return err
	}
	if len(common(span, rc.taken)) == 0 { // no longer, or only where it was widened to
		rc.tell(span, SpanUnknown, heldNote)
		return nil
	}
	return rc.differs(ctx, span, total, stored)
}

// leaf handles a span that differs and is small enough to read. What still
// differs after it was read is a standing difference only if the source counts
// now what it counted before: else logs came or went meanwhile, and it is read
// again. Where the source takes the upper bound for a part, its tick was counted
// too: it is read if the rest was not to blame.
func (rc *recheck) leaf(ctx context.Context, span load.Span, total, stored int64) error {
	if !rc.repair {
		rc.differ++
		rc.found(span, total, stored, SpanDifferent)
		return nil
	}
	s, rng, read := rc.stream, rc.bounds(span), span
	for range readings {
		how, err := rc.repaired(ctx, read)
		switch {
		case err == nil && how == heldByOthers:
			return rc.held(ctx, span, total, stored)
		case err != nil || how == notAttested:
			rc.found(span, total, stored, SpanDifferent)
			return s.aside(err)
		}
		before := total
		if total, stored, err = rc.compare(ctx, rng); err != nil {
			return rc.failedAt(span, err)
		}
		switch {
		case total == stored, total < 0:
			rc.found(span, total, stored, SpanRepaired)
			return nil
		case total != before:
			read = span
		case read == span && !rng.StrictTop:
			read = load.Span{From: span.To, To: span.To.Add(s.dialect().Tick)}
		default:
			rc.found(span, total, stored, SpanDifferent)
			return s.run.store.NoteStanding(ctx, s.ID, span, total, stored)
		}
	}
	rc.found(span, total, stored, SpanDifferent)
	return nil
}

// compare counts a range in the warehouse and at the source.
func (rc *recheck) compare(ctx context.Context, rng load.Range) (total, stored int64, err error) {
	if stored, err = rc.stream.run.store.Stored(ctx, rc.stream.ID, rng); err == nil {
		total, _, err = rc.stream.feed().Total(ctx, rng.Low, rng.Top)
	}
	return total, stored, err
}

// failedAt tells a span at which the source failed by itself, and passes on any
// other error.
func (rc *recheck) failedAt(span load.Span, err error) error {
	if rc.stream.oneWindow(err) {
		rc.tell(span, SpanUnknown, failedNote)
		return nil
	}
	return err
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
