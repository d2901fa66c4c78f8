package ferry

import (
	"context"
	"time"

	"logferry/extract"
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
	whole  bool          // try each span at once, however many rows it holds
	read   []load.Span   // by this very run: left out of what differs
	uncut  []load.Span   // windows of which counts are only known as a whole
	failed int           // readings in a row that would not attest
	taken  []load.Span   // by other runs, as far as this one met it
	proven bool          // the dialect was proven again for a filter that was refused
	floor  time.Time     // below it the source lists nothing; zero: not known
	oldest time.Time     // the source's oldest log as last looked for; zero: not yet
	ahead  time.Duration // how much above the oldest log is cut off too
	differ int           // spans that are left different
	spans  []VerifySpan
}

const (
	countRows = 9_000 // stored rows a counted span may hold: totals are capped at 10,000
	leafPages = 4     // a differing span of so many pages is read, not bisected further
	readings  = 3     // of a span that the source fills or empties meanwhile
	failures  = 3     // readings in a row that would not attest: what differs is the source's totals
	different = 50    // differing spans of a stream are told apart; what differs besides is told as it is met
)

// over rechecks the covered, undoubted parts of the span outside skip.
func (rc *recheck) over(ctx context.Context, span load.Span, skip []load.Span) error {
	s := rc.stream
	if span.Empty() {
		return nil
	}
	var err error
	if rc.uncut, err = s.run.store.Uncountable(ctx, s.ID, span); err != nil {
		return err
	}
	span = rc.widened(span)
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

// widened is the span with the whole of each window that one of its ends would cut,
// and with what will be taken off both ends.
func (rc *recheck) widened(span load.Span) load.Span {
	edge := 2 * rc.stream.dialect().Tick
	for cut := true; cut; {
		cut = false
		for _, w := range rc.uncut {
			if w.From.Before(span.From) && w.To.After(span.From) {
				span.From, cut = w.From.Add(-edge), true
			}
			if w.From.Before(span.To) && w.To.After(span.To) {
				span.To, cut = w.To.Add(edge), true
			}
		}
	}
	return span
}

// count compares one span. A span that holds too many rows for its total to be
// believed when it differs is halved first.
func (rc *recheck) count(ctx context.Context, span load.Span) error {
	s := rc.stream
	at, many, err := s.run.store.NthStored(ctx, s.ID, span, countRows)
	if err != nil {
		return err
	}
	if at = at.Truncate(s.dialect().Tick); many && !at.After(span.From) {
		many = false // all in one tick
	}
	if many && !rc.whole {
		return rc.halves(ctx, span, at)
	}
	total, stored, err := rc.compare(ctx, rc.bounds(span))
	switch {
	case extract.KindOf(err) == extract.Config && !rc.proven:
		rc.proven = true
		if proof := s.proveRefused(ctx, err); proof != nil {
			return proof
		}
		return rc.count(ctx, span)
	case err != nil:
		return rc.failedAt(span, err)
	}
	s.answered()
	switch {
	case total < 0:
		rc.found(span, total, stored, SpanUnknown)
		return nil
	case total == stored && total != walkBelow:
		rc.found(span, total, stored, SpanEqual)
		return nil
	case many:
		return rc.halves(ctx, span, at)
	}
	return rc.differs(ctx, span, total, stored)
}

// bounds is the stream's, at the source's floor.
func (rc *recheck) bounds(span load.Span) load.Range {
	r := rc.stream.bounds(span)
	r.Floor = !rc.floor.IsZero() && !span.From.After(rc.floor)
	return r
}

// bounds is the range to ask and to count for the span, as the dialect was
// proven to treat bounds. Where the proof could not tell, Cloudflare's gt and
// lt are taken as strict and Keywords AI's gte and lte as inclusive, as they
// are named; only a log on the very instant of a bound could tell otherwise.
func (s *stream) bounds(span load.Span) load.Range {
	d := s.dialect()
	strict := s.Source == transform.SourceCloudflare
	r := load.Range{Low: span.From, Top: span.To, StrictLow: strict, StrictTop: strict, Edge: 2 * d.Tick}
	if d.StrictLow != nil {
		r.StrictLow = *d.StrictLow
	}
	if d.StrictTop != nil {
		r.StrictTop = *d.StrictTop
	}
	if r.StrictLow {
		r.Low = span.From.Add(-d.Tick)
	}
	if d.Coarse {
		r.Tick = d.Tick
	}
	return r
}

func (rc *recheck) divisible(span load.Span) bool {
	return span.To.Sub(span.From) > 2*rc.stream.dialect().Tick
}

func (s *stream) middle(span load.Span) time.Time {
	return span.From.Add((span.To.Sub(span.From) / 2)).Truncate(s.dialect().Tick)
}

// halves counts both parts of a span. It is cut beside a window of which counts
// are only known as a whole, or through it if the span holds nothing else.
func (rc *recheck) halves(ctx context.Context, span load.Span, at time.Time) error {
	for _, w := range rc.uncut {
		switch {
		case !at.After(w.From) || !at.Before(w.To):
		case w.To.Before(span.To):
			at = w.To
		case w.From.After(span.From):
			at = w.From
		}
	}
	if err := rc.count(ctx, load.Span{From: span.From, To: at}); err != nil {
		return err
	}
	return rc.count(ctx, load.Span{From: at, To: span.To})
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

// common is what of a span lies in others.
func common(span load.Span, others []load.Span) (parts []load.Span) {
	for _, o := range others {
		if part := (load.Span{From: later(span.From, o.From), To: earlier(span.To, o.To)}); !part.Empty() {
			parts = append(parts, part)
		}
	}
	return parts
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
