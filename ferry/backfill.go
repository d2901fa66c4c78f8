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
		limited := ctx
		if f.cfg.RunTimeout > 0 {
			var cancel context.CancelFunc
			limited, cancel = context.WithTimeout(ctx, f.cfg.RunTimeout)
			defer cancel()
		}
		span, err := r.span(o.From, o.To)
		if err != nil {
			return err
		}
		streams, err := r.openStreams(limited, o.Streams)
		if err == nil && len(streams) == 0 {
			err = errNoStreams
		}
		err = errors.Join(err, r.eachStream(limited, streams, func(ctx context.Context, s *stream) error {
			return errors.Join(s.backfill(ctx, span), s.saveDrift(ctx))
		}))
		return errors.Join(err, r.sumUpBackfill(ctx, streams, span))
	})
}

var errNoStreams = &ConfigError{errors.New("no stream to work on: the settings name none, and none was discovered")}

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
		return s.gone(ctx, err)
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
		return s.coverEmpty(ctx, want)
	default:
		return s.catchUp(ctx, want, nil)
	}
}

// within puts a wanted span on the stream's ticks, inside what has settled.
func (s *stream) within(span load.Span) load.Span {
	tick := s.dialect().Tick
	return load.Span{From: span.From.Truncate(tick), To: earlier(span.To, s.settled()).Truncate(tick)}
}

// sumUpBackfill tells whether the whole span is covered now.
func (r *run) sumUpBackfill(ctx context.Context, streams []*stream, span load.Span) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var open time.Duration
	for _, s := range streams {
		want := s.within(span)
		if want.Empty() {
			continue
		}
		w := s.want(want, nil, 0)
		if w.Force = false; r.force {
			w.Done, w.Force = s.done, true
		}
		o, _, err := r.store.Open(ctx, w)
		if err != nil {
			return err
		}
		open += o
	}
	if err := r.sumDoubtful(ctx, streams); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unfinished = open
	switch {
	case r.sum.Mismatch > 0:
		return &DataError{fmt.Sprintf("%d windows would not attest; their rows are loaded, their time is not covered: see llm.load_audit, or run again with --accept-mismatch", r.sum.Mismatch)}
	case open >= time.Second:
		return &EarlyError{fmt.Sprintf("%s of the span is not covered yet; what was read is saved, run it again to go on", open.Round(time.Second))}
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
	known, err := f.store.Streams(ctx)
	if err != nil {
		return r.sum, err
	}
	var errs []error
	for _, a := range r.accounts {
		list, err := a.discover(ctx)
		errs = append(errs, err)
		for _, l := range list {
			line, err := r.planLine(ctx, l, known, span, o)
			errs = append(errs, within(a.name(l.container), err))
			if line != nil {
				r.sum.Plan = append(r.sum.Plan, *line)
			}
		}
		r.sum.Requests += a.stats().Requests
	}
	r.sum.Streams = len(r.sum.Plan)
	return r.sum, errors.Join(errs...)
}
