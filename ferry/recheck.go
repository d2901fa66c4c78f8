package ferry

import (
	"context"
	"time"

	"logferry/load"
	"logferry/transform"
)

// A recheck compares the source's counts with the warehouse's, over spans that
// are covered. Counts find logs that came late or were lost, at one request per
// countRows stored rows where they agree; what differs is bisected, and, with
// repair, read again.
type recheck struct {
	stream *stream
	kind   string // of the windows that repair
	repair bool
	spans  []VerifySpan
}

const (
	countRows = 9_000 // stored rows a counted span may hold: totals are capped at 10,000
	leafPages = 4     // a differing span of so many pages is read, not bisected further
)

// recheckLookback counts the lookback before the end of coverage again, less
// what this very run has read.
func (s *stream) recheckLookback(ctx context.Context) error {
	end, covered, err := s.run.store.CoverageEnd(ctx, s.ID)
	if err != nil || !covered || !s.dialect().HasTotal || s.run.cfg.Lookback == 0 {
		return err
	}
	end = earlier(end, s.settled())
	rc := &recheck{stream: s, kind: load.KindRecheck, repair: true}
	done, _ := s.finishedSpans()
	return rc.over(ctx, load.Span{From: end.Add(-s.run.cfg.Lookback), To: end}, done)
}

// over rechecks the covered, undoubted parts of the span outside skip.
func (rc *recheck) over(ctx context.Context, span load.Span, skip []load.Span) error {
	s := rc.stream
	if span.Empty() {
		return nil
	}
	settled, err := s.run.store.Settled(ctx, s.ID, span)
	if err != nil {
		return err
	}
	for _, part := range settled {
		for _, one := range without(part, skip) {
			// A tick off both ends: how the source treats the bounds' own
			// instants must not reach what is not covered.
			tick := s.dialect().Tick
			one = load.Span{From: one.From.Add(2*tick - 1).Truncate(tick), To: one.To.Truncate(tick).Add(-tick)}
			if one.Empty() {
				continue
			}
			if err := rc.count(ctx, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// count compares one span.
func (rc *recheck) count(ctx context.Context, span load.Span) error {
	s := rc.stream
	if at, more, err := s.run.store.NthStored(ctx, s.ID, span, countRows); err != nil {
		return err
	} else if more {
		if at = at.Truncate(s.dialect().Tick); at.After(span.From) {
			return rc.halves(ctx, span, at)
		}
	}
	rng := s.bounds(span)
	stored, err := s.run.store.Stored(ctx, s.ID, rng)
	if err != nil {
		return err
	}
	total, _, err := s.feed().Total(ctx, rng.Low, rng.Top)
	if err != nil {
		return err
	}
	switch {
	case total < 0:
		rc.found(span, total, stored, SpanUnknown)
		return nil
	case total == stored:
		rc.found(span, total, stored, SpanEqual)
		return nil
	case total == walkBelow && rc.divisible(span):
		return rc.halves(ctx, span, s.middle(span))
	case total < stored:
		if rest, expired, err := rc.expire(ctx, span, stored); err != nil || expired && rest.Empty() {
			return err
		} else if expired {
			return rc.count(ctx, rest)
		}
	}
	if max(total, stored) > int64(leafPages*s.dialect().PageSize) && rc.divisible(span) {
		return rc.halves(ctx, span, s.middle(span))
	}
	return rc.leaf(ctx, span, total, stored)
}

// bounds is the range to ask and to count for the span, as the dialect was
// proven to treat bounds. Where the proof could not tell, Cloudflare's gt and
// lt are taken as strict and Keywords AI's gte and lte as inclusive, as they
// are named; only a log on the very instant of a bound could tell otherwise.
func (s *stream) bounds(span load.Span) load.Range {
	d := s.dialect()
	strict := s.Source == transform.SourceCloudflare
	r := load.Range{Low: span.From, Top: span.To, StrictLow: strict, StrictTop: strict}
	if d.StrictLow != nil {
		r.StrictLow = *d.StrictLow
	}
	if d.StrictTop != nil {
		r.StrictTop = *d.StrictTop
	}
	if r.StrictLow {
		r.Low = span.From.Add(-d.Tick)
	}
	return r
}

func (rc *recheck) divisible(span load.Span) bool {
	return span.To.Sub(span.From) > 2*rc.stream.dialect().Tick
}

func (s *stream) middle(span load.Span) time.Time {
	return span.From.Add((span.To.Sub(span.From) / 2)).Truncate(s.dialect().Tick)
}

// halves counts both parts of a span.
func (rc *recheck) halves(ctx context.Context, span load.Span, at time.Time) error {
	if err := rc.count(ctx, load.Span{From: span.From, To: at}); err != nil {
		return err
	}
	return rc.count(ctx, load.Span{From: at, To: span.To})
}

// expire cuts off what lies below the source's oldest log: it is no longer
// served, not different.
func (rc *recheck) expire(ctx context.Context, span load.Span, stored int64) (rest load.Span, expired bool, err error) {
	oldest, err := rc.stream.floor(ctx)
	if err != nil || oldest.IsZero() || !span.From.Before(oldest) {
		return span, false, err
	}
	rest = load.Span{From: oldest.Truncate(rc.stream.dialect().Tick), To: span.To}
	if !rest.From.After(span.From) {
		return span, false, nil
	}
	rc.found(load.Span{From: span.From, To: earlier(rest.From, span.To)}, -1, stored, SpanExpired)
	return rest, true, nil
}

// leaf handles a span that differs and is small enough to read.
func (rc *recheck) leaf(ctx context.Context, span load.Span, total, stored int64) error {
	s := rc.stream
	if !rc.repair {
		rc.found(span, total, stored, SpanDifferent)
		return nil
	}
	done, err := s.reread(ctx, span, rc.kind)
	if err != nil || !done {
		rc.found(span, total, stored, SpanDifferent)
		return err
	}
	stored, err = s.run.store.Stored(ctx, s.ID, s.bounds(span))
	if err != nil {
		return err
	}
	rc.found(span, total, stored, SpanRepaired)
	return nil
}

// reread reads a span again, whatever covers it. It is not done when another
// run holds a part of the span, or when it would not attest.
func (s *stream) reread(ctx context.Context, span load.Span, kind string) (done bool, err error) {
	if err := s.run.slots.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer s.run.slots.Release(1)
	turn, err := s.run.store.Claim(ctx, load.Want{
		Stream: s.ID, Run: s.run.id, Kind: kind, Span: span, Force: true, Hurry: true, Exact: true,
		Tick: s.dialect().Tick, Lease: s.run.lease,
	})
	if err != nil || turn.Claim == nil {
		return false, err
	}
	s.run.claims.add(turn.Claim)
	before := s.mismatches()
	err = s.carry(ctx, turn.Claim)
	return err == nil && s.mismatches() == before, err
}

func (s *stream) mismatches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (rc *recheck) found(span load.Span, source, stored int64, state string) {
	if n := len(rc.spans); n > 0 && state == SpanEqual && rc.spans[n-1].State == SpanEqual && rc.spans[n-1].To.Equal(span.From) {
		last := &rc.spans[n-1]
		last.To, last.Source, last.Stored = span.To, last.Source+source, last.Stored+stored
		return
	}
	rc.spans = append(rc.spans, VerifySpan{Stream: rc.stream.Name, From: span.From, To: span.To, Source: source, Stored: stored, State: state})
}

// without is what is left of a span outside others, which are sorted.
func without(span load.Span, others []load.Span) []load.Span {
	var out []load.Span
	for _, o := range others {
		if !o.To.After(span.From) || !o.From.Before(span.To) {
			continue
		}
		if o.From.After(span.From) {
			out = append(out, load.Span{From: span.From, To: o.From})
		}
		span.From = o.To
		if span.Empty() {
			return out
		}
	}
	return append(out, span)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
