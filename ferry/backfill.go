package ferry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"logferry/load"
)

// Backfill covers a span: reads what of it is not covered yet, or all of it
// with Force. It waits for windows that other runs hold there and covers what
// they left. Without an error the whole span is covered.
func (f *Ferry) Backfill(ctx context.Context, o BackfillOptions) (Summary, error) {
	if o.DryRun {
		return f.dryRun(ctx, o)
	}
	return f.execute(ctx, "backfill", load.KindBackfill, func(ctx context.Context, r *run) error {
		r.force, r.accept, r.hurry = o.Force, o.AcceptMismatch, true
		limited, cancel := r.limit(ctx)
		defer cancel()
		span, err := r.span(o.From, o.To)
		if err != nil {
			return err
		}
		streams, err := r.openStreams(limited, o.Streams)
		if err == nil && len(streams) == 0 {
			err = errNoStreams
		}
		err = errors.Join(err, r.eachStream(limited, streams, func(limited context.Context, s *stream) error {
			err := s.gone(limited, s.backfill(limited, span))
			if timedOut(ctx, limited, err) {
				err = besideEnds(err) // what is not covered is told below
			}
			return errors.Join(s.windowFailures(), err, s.warnLate(ctx))
		}))
		return errors.Join(err, r.watchFields(ctx, streams), r.sumUpBackfill(ctx, streams, span))
	})
}

var errNoStreams = &ConfigError{errors.New("no stream to work on: none is discovered and enabled, and the settings name none; see 'logferry streams list'")}

// span is the wanted time, cut to what has settled.
func (r *run) span(from, to time.Time) (load.Span, error) {
	settled := r.now.Add(-r.cfg.Settle)
	if to.IsZero() {
		to = settled
	} else if to.After(settled) {
		r.note(fmt.Sprintf("--to %s is later than now minus LOGFERRY_SETTLE; cut to %s", stamp(to), stamp(settled)))
		to = settled
	}
	span := load.Span{From: from, To: to}
	if span.Empty() {
		return span, &UsageError{fmt.Sprintf("nothing to do: the span %s holds no settled time", span)}
	}
	return span, nil
}

func (s *stream) backfill(ctx context.Context, span load.Span) error {
	if _, err := s.readHead(ctx); err != nil {
		return err
	}
	footing, err := s.stand(ctx)
	if err != nil {
		return err
	}
	want := s.within(span)
	switch {
	case want.Empty():
		return nil
	case footing == fresh:
		return &EarlyError{"no log older than LOGFERRY_SETTLE is listed yet, so its time filter can't be proven; run again later"}
	case footing == empty:
		err = s.catchUp(ctx, func(ctx context.Context) (bool, error) { return s.coverEmpty(ctx, want) })
	default:
		err = s.catchUp(ctx, func(ctx context.Context) (bool, error) { return s.carryAll(ctx, want, nil) })
	}
	if err == nil && want.From.Before(s.StartsAt) && s.dialect().HasTotal {
		if err := s.countOutside(ctx); err != nil && ctx.Err() == nil { // the span is covered all the same
			s.run.log.Warn("what lies before the stream's start could not be counted", "stream", s.Name, "err", err)
		}
	}
	return err
}

// within puts a wanted span on the stream's ticks, inside what has settled by
// the database's clock and, once a window has met it, the source's.
func (s *stream) within(span load.Span) load.Span {
	tick, end := s.dialect().Tick, earlier(span.To, s.settled())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.limit.IsZero() {
		end = earlier(end, s.limit)
	}
	return load.Span{From: span.From.Truncate(tick), To: end.Truncate(tick)}
}

// sumUpBackfill tells whether the whole span is covered now.
func (r *run) sumUpBackfill(ctx context.Context, streams []*stream, span load.Span) error {
	ctx, cancel := r.ending(ctx)
	defer cancel()
	var open time.Duration
	for _, s := range streams {
		want := s.within(span)
		if want.Empty() || s.Gone {
			continue
		}
		w := s.want(want, nil, 0)
		if w.Force = false; r.force {
			w.Done, w.Force = s.done, true
		}
		o, _, err := r.store.Open(ctx, w)
		if errors.Is(err, load.ErrLost) {
			continue // forgotten meanwhile: nothing of it is wanted any more
		} else if err != nil {
			return err
		}
		if o >= time.Second { // the Date header has whole seconds
			open += o
		}
	}
	if err := r.sumDoubtful(ctx, streams); err != nil {
		return err
	}
	r.mu.Lock()
	r.sum.Unfinished = open
	r.mu.Unlock()
	if err := r.unattested(ctx, "see llm.load_audit, or run again with --accept-mismatch"); err != nil {
		return err
	}
	if open > 0 {
		return &EarlyError{"part of the span is not covered yet; what was read is saved, run it again to go on"}
	}
	return nil
}

// dryRun plans a backfill: one request per gap for its total. It writes nothing
// but the budget's permits.
func (f *Ferry) dryRun(ctx context.Context, o BackfillOptions) (Summary, error) {
	now, err := f.store.Now(ctx)
	if err != nil {
		return Summary{Command: "backfill"}, err
	}
	r := f.newRun(0, now, "backfill", load.KindBackfill)
	span, err := r.span(o.From, o.To)
	if err != nil {
		return r.sum, err
	}
	err = r.plan(ctx, span, o)
	r.sum.Streams = len(r.sum.Plan)
	r.tally()
	return r.sum, err
}
