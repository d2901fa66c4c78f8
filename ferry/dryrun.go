package ferry

import (
	"context"
	"errors"
	"slices"
	"time"

	"logferry/load"
)

// plan fills the summary's plan with the streams that a backfill would work on,
// and registers none of them.
func (r *run) plan(ctx context.Context, span load.Span, o BackfillOptions) error {
	found, failed := r.discover(ctx)
	streams, err := r.unregistered(ctx, found)
	if err != nil {
		return errors.Join(failed, err)
	}
	streams, err = pick(streams, o.Streams, failed)
	errs := []error{failed, err}
	if len(streams) == 0 && errors.Join(errs...) == nil {
		return errNoStreams
	}
	for _, s := range streams {
		line, err := s.planLine(ctx, span, o.Force)
		errs = append(errs, within(s.Name, err))
		if line != nil {
			r.sum.Plan = append(r.sum.Plan, *line)
		}
	}
	return errors.Join(errs...)
}

// unregistered are the listed streams, with what the warehouse knows of them.
func (r *run) unregistered(ctx context.Context, found []listed) ([]*stream, error) {
	known, err := r.store.Streams(ctx)
	if err != nil {
		return nil, err
	}
	var streams []*stream
	for _, l := range found {
		row := l.row(r.now)
		st := load.Stream{Source: row.Source, Account: row.Account, Container: row.Container, Name: row.Name, StartsAt: row.StartsAt, Enabled: true}
		if i := slices.IndexFunc(known, func(k load.Stream) bool { return k.Name == row.Name }); i >= 0 {
			st = known[i]
		}
		s, err := r.openStream(ctx, l, st)
		if err != nil {
			return nil, err
		}
		s.dry = true
		streams = append(streams, s)
	}
	return streams, nil
}

// planLine plans one stream. One that was never synced has no proven dialect,
// so nothing can be counted for it: its dialect is proven here too, and
// forgotten again.
func (s *stream) planLine(ctx context.Context, span load.Span, force bool) (*PlanLine, error) {
	if _, err := s.readHead(ctx); err != nil {
		return nil, err
	}
	footing, err := s.stand(ctx)
	switch {
	case err != nil:
		return nil, err
	case footing == empty:
		return &PlanLine{Stream: s.Name, From: span.From, To: span.To}, nil
	case footing == fresh:
		return nil, &EarlyError{"no log older than LOGFERRY_SETTLE is listed yet, so nothing can be counted"}
	}
	gaps := []load.Span{span}
	if s.ID != 0 {
		if gaps, err = s.run.store.Gaps(ctx, s.ID, span, force); err != nil {
			return nil, err
		}
	}
	return s.planGaps(ctx, gaps)
}

// planGaps asks each gap for its total. One at the cap of totals is a lower bound:
// asking narrower until none is would take as many requests as the job itself.
func (s *stream) planGaps(ctx context.Context, gaps []load.Span) (*PlanLine, error) {
	line := &PlanLine{Stream: s.Name}
	for i, gap := range gaps {
		if i == 0 {
			line.From = gap.From
		}
		line.To = gap.To
		rng := s.bounds(gap)
		total, _, err := s.feed().Total(ctx, rng.Low, rng.Top)
		if err != nil {
			return nil, err
		}
		if total < 0 || line.Logs < 0 {
			line.Logs, line.Requests, line.Windows = -1, -1, line.Windows+1
			continue
		}
		line.AtLeast = line.AtLeast || total == walkBelow
		windows := max(1, (total+cutAim-1)/cutAim)
		pages := (total + int64(s.dialect().PageSize) - 1) / int64(s.dialect().PageSize)
		line.Logs += total
		line.Windows += int(windows)
		line.Requests += max(pages, 1) + 2*(windows-1) // a cut costs one request, a last page another
	}
	if line.Requests > 0 {
		b := s.account.budget
		line.Time = time.Duration(float64(b.Per) * float64(line.Requests) / float64(b.Requests))
	}
	return line, nil
}
