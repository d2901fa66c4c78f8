package ferry

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"logferry/load"
)

// Verify counts the source against the warehouse over covered time, bisecting
// where they differ; with Repair it reads again what differs. Differences that
// remain are an error.
func (f *Ferry) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	var report VerifyReport
	sum, err := f.execute(ctx, "verify", load.KindVerify, func(ctx context.Context, r *run) error {
		r.hurry = true
		span, err := r.span(o.From, o.To)
		if err != nil {
			return err
		}
		ctx, cancel := r.limit(ctx)
		defer cancel()
		streams, err := r.openStreams(ctx, o.Streams)
		if err == nil && len(streams) == 0 {
			err = errNoStreams
		}
		var mu sync.Mutex
		err = errors.Join(err, r.eachStream(ctx, streams, func(ctx context.Context, s *stream) error {
			spans, err := s.verify(ctx, span, o.Repair)
			mu.Lock()
			defer mu.Unlock()
			report.Spans = append(report.Spans, spans...)
			return errors.Join(err, s.warnLate(ctx))
		}))
		return errors.Join(err, differences(report.Spans))
	})
	report.Summary = sum
	sortSpans(report.Spans)
	return report, err
}

func (s *stream) verify(ctx context.Context, span load.Span, repair bool) ([]VerifySpan, error) {
	if _, err := s.readHead(ctx); err != nil {
		return nil, s.gone(ctx, err)
	}
	footing, err := s.stand(ctx)
	if err != nil {
		return nil, err
	}
	rc := &recheck{stream: s, kind: load.KindVerify, repair: repair}
	if footing != ready || !s.dialect().HasTotal {
		held := VerifySpan{Stream: s.Name, From: span.From, To: span.To, Source: -1, Stored: -1, State: SpanUnknown}
		switch footing {
		case empty:
			held.Source = 0
		case fresh:
			held.State = SpanUncovered
		}
		return []VerifySpan{held}, nil
	}
	if err := rc.over(ctx, span, nil); err != nil {
		return rc.spans, err
	}
	return rc.spans, errors.Join(rc.uncovered(ctx, span), s.countOutside(ctx))
}

// uncovered tells which parts of the span nothing is known about: they are not
// covered, so there is nothing to compare. What the next pass is to cover, after
// the end of coverage, is not worth a line unless it is all there is.
func (rc *recheck) uncovered(ctx context.Context, span load.Span) error {
	s := rc.stream
	if span.From = later(span.From, s.StartsAt); span.Empty() {
		return nil
	}
	gaps, err := s.run.store.Gaps(ctx, s.ID, span, false)
	for _, gap := range gaps {
		if gap.To.Before(span.To) || !gap.From.After(span.From) {
			rc.found(gap, -1, -1, SpanUncovered)
		}
	}
	return err
}

// countOutside asks what the source holds below the stream's start, which
// nothing but a backfill reads.
func (s *stream) countOutside(ctx context.Context) error {
	rng := s.bounds(load.Span{From: longAgo, To: s.StartsAt})
	if !rng.Low.Before(rng.Top) {
		return nil
	}
	total, _, err := s.feed().Total(ctx, rng.Low, rng.Top)
	if err != nil || total < 0 {
		return err
	}
	stored, err := s.run.store.Stored(ctx, s.ID, rng)
	if err != nil {
		return err
	}
	outside := max(0, total-stored)
	return s.run.store.SaveOutside(ctx, s.ID, &outside)
}

// differences turns spans that still differ into an error.
func differences(spans []VerifySpan) error {
	n := 0
	for _, sp := range spans {
		if sp.State == SpanDifferent {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &DataError{number(n, "span") + " not equal to the source; --repair reads again what differs"}
}

func sortSpans(spans []VerifySpan) {
	slices.SortFunc(spans, func(a, b VerifySpan) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), a.From.Compare(b.From))
	})
}
