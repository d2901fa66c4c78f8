package ferry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"logferry/load"
)

// planLine plans one stream; nil when it is not asked for. A stream that was
// never synced has no proven dialect, so nothing can be counted for it: its
// dialect is proven here too, and forgotten again.
func (r *run) planLine(ctx context.Context, l listed, known []load.Stream, span load.Span, o BackfillOptions) (*PlanLine, error) {
	name := l.account.name(l.container)
	if len(o.Streams) > 0 && !slices.Contains(o.Streams, name) {
		return nil, nil
	}
	st := load.Stream{Source: l.account.source, Account: l.account.ref, Container: l.container, Name: name, StartsAt: span.From}
	i := slices.IndexFunc(known, func(k load.Stream) bool { return k.Name == name })
	if i >= 0 {
		st = known[i]
	}
	s, err := r.openStream(l, st)
	if err != nil {
		return nil, err
	}
	s.dry = true
	if _, err := s.readHead(ctx); err != nil {
		return nil, err
	}
	if footing, err := s.stand(ctx); err != nil || footing == empty {
		return &PlanLine{Stream: name, From: span.From, To: span.To}, err
	} else if footing == fresh {
		return nil, fmt.Errorf("no log older than LOGFERRY_SETTLE is listed yet, so nothing can be counted")
	}
	gaps := []load.Span{span}
	if i >= 0 {
		if gaps, err = r.store.Gaps(ctx, st.ID, span, o.Force); err != nil {
			return nil, err
		}
	}
	return s.planGaps(ctx, gaps)
}

// planGaps asks each gap for its total.
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
