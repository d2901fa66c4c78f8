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
			return errors.Join(s.windowFailures(), err, s.warnLate(ctx))
		}))
		ending, stop := r.ending(ctx)
		defer stop()
		return errors.Join(err, differences(report.Spans), r.unattested(ending, "see llm.load_audit"))
	})
	report.Summary = sum
	sortSpans(report.Spans)
	return report, err
}

// verify counts the covered time of a span, and tells what it did not count.
func (s *stream) verify(ctx context.Context, span load.Span, repair bool) ([]VerifySpan, error) {
	rc := &recheck{stream: s, kind: load.KindVerify, repair: repair}
	err := rc.verify(ctx, span)
	if isEnd(err) {
		rc.stopped(span)
	}
	return rc.spans, s.gone(ctx, err)
}

func (rc *recheck) verify(ctx context.Context, span load.Span) error {
	s := rc.stream
	if _, err := s.readHead(ctx); err != nil {
		return err
	}
	footing, err := s.stand(ctx)
	counts := footing == ready && s.dialect().HasTotal
	switch {
	case err != nil:
	case footing == empty:
		err = rc.eachSettled(ctx, span, rc.emptied)
	case footing == fresh:
		err = rc.eachSettled(ctx, span, func(_ context.Context, part load.Span) error {
			rc.tell(part, SpanUnknown, "no log older than LOGFERRY_SETTLE is listed yet to prove the time filter with")
			return nil
		})
	case !counts:
		err = rc.eachSettled(ctx, span, rc.uncounted)
	default:
		err = rc.over(ctx, span, nil)
	}
	if err == nil {
		err = rc.untold(ctx, span)
	}
	if err == nil && counts {
		err = s.countOutside(ctx)
	}
	return err
}

// tell is found for a span that was not counted.
func (rc *recheck) tell(span load.Span, state, note string) {
	rc.spans = append(rc.spans, VerifySpan{Stream: rc.stream.Name, From: span.From, To: span.To, Source: -1, Stored: -1, State: state, Note: note})
}

// told is what of the stream has been told so far.
func (rc *recheck) told() []load.Span {
	var spans []load.Span
	for _, sp := range rc.spans {
		spans = append(spans, load.Span{From: sp.From, To: sp.To})
	}
	return merge(spans)
}

func (rc *recheck) eachSettled(ctx context.Context, span load.Span, do func(context.Context, load.Span) error) error {
	settled, err := rc.stream.run.store.Settled(ctx, rc.stream.ID, span)
	for _, part := range settled {
		if err == nil {
			err = do(ctx, part)
		}
	}
	return err
}

// emptied compares a covered span with a source that counts no log at all: what
// is stored there it no longer serves.
func (rc *recheck) emptied(ctx context.Context, part load.Span) error {
	stored, err := rc.storedIn(ctx, part)
	state := SpanEqual
	if stored > 0 {
		state = SpanExpired
	}
	if err == nil {
		rc.found(part, 0, stored, state)
	}
	return err
}

func (rc *recheck) storedIn(ctx context.Context, part load.Span) (int64, error) {
	return rc.stream.run.store.Stored(ctx, rc.stream.ID, load.Range{Low: part.From, Top: part.To, StrictTop: true})
}

// uncounted handles a covered span of a source that gives no totals: there is
// nothing to compare, so with repair all of it is read again.
func (rc *recheck) uncounted(ctx context.Context, part load.Span) error {
	s := rc.stream
	if !rc.repair {
		rc.tell(part, SpanUnknown, "the source gives no totals; --repair reads it again")
		return nil
	}
	how, err := s.readAgain(ctx, part, rc.kind)
	switch {
	case err != nil:
		return err
	case how == heldByOthers:
		rc.tell(part, SpanUnknown, heldNote)
		return nil
	case how == sourceFailed:
		rc.tell(part, SpanUnknown, failedNote)
		return nil
	}
	settled, err := s.run.store.Settled(ctx, s.ID, part)
	for _, one := range settled {
		stored, err := rc.storedIn(ctx, one)
		if err != nil {
			return err
		}
		rc.found(one, -1, stored, SpanReadAgain)
	}
	return err
}

// untold tells what of the span was not compared: what is doubtful, and what is
// not covered. What the next pass is to cover, after the end of coverage, is not
// worth a line unless it is all there is.
func (rc *recheck) untold(ctx context.Context, span load.Span) error {
	s := rc.stream
	doubtful, err := s.run.store.InDoubt(ctx, s.ID, span)
	if err != nil {
		return err
	}
	told := rc.told()
	for _, one := range doubtful {
		for _, part := range without(one, told) {
			rc.tell(part, SpanDoubtful, "not counted")
		}
	}
	before := load.Span{From: span.From, To: earlier(span.To, s.StartsAt)}
	if err := rc.uncovered(ctx, before, doubtful, "before the stream's start; backfill --from reaches it"); err != nil {
		return err
	}
	span.From = later(span.From, s.StartsAt)
	return rc.uncovered(ctx, span, doubtful, "")
}

func (rc *recheck) uncovered(ctx context.Context, span load.Span, doubtful []load.Span, note string) error {
	if span.Empty() {
		return nil
	}
	gaps, err := rc.stream.run.store.Gaps(ctx, rc.stream.ID, span, false)
	for _, gap := range gaps {
		if note == "" && !gap.To.Before(span.To) && gap.From.After(span.From) {
			continue
		}
		for _, part := range without(gap, doubtful) {
			rc.tell(part, SpanUncovered, note)
		}
	}
	return err
}

// stopped tells what an interrupted verify did not come to: it begins anew when
// it is run again.
func (rc *recheck) stopped(span load.Span) {
	for _, sp := range rc.spans {
		span.From = later(span.From, sp.To)
	}
	if !span.Empty() {
		rc.tell(span, SpanUnknown, "not counted: verify was stopped")
	}
}

// countOutside asks what the source holds below the stream's start, which
// nothing but a backfill reads.
func (s *stream) countOutside(ctx context.Context) error {
	rng := s.bounds(load.Span{From: longAgo, To: s.StartsAt})
	if !rng.Low.Before(rng.Top) || s.head.Rows == 0 && s.head.Total == 0 { // no log is older than that
		return s.run.store.SaveOutside(ctx, s.ID, new(int64(0)))
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
