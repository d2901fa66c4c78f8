package ferry

import (
	"context"
	"errors"
	"time"

	"logferry/load"
)

// rereadLeaving reads in full, once more, what leaves the lookback and was
// covered while it was younger: counts find late and lost logs, but an edit
// changes no count. Time that holds no log is skipped, and so is what was read
// when it was old already.
func (s *stream) rereadLeaving(ctx context.Context) error {
	end, covered, err := s.run.store.CoverageEnd(ctx, s.ID)
	if err != nil || !covered || s.run.cfg.Lookback == 0 {
		return err
	}
	edge := earlier(end, s.settled()).Add(-s.run.cfg.Lookback).Truncate(s.dialect().Tick)
	spans, err := s.run.store.Leaving(ctx, s.ID, edge, s.run.cfg.Lookback)
	if err != nil {
		return err
	}
	for _, span := range spans {
		_, holds, err := s.run.store.NthStored(ctx, s.ID, span, 0)
		if err != nil {
			return err
		}
		if !holds {
			continue
		}
		if whole, err := s.readAgain(ctx, span, load.KindReread); err != nil || !whole {
			return err
		}
	}
	return s.run.store.SaveReread(ctx, s.ID, edge)
}

// rereadDoubtful reads what is covered and was last read as a mismatch, once its
// retry is due: it is no gap, and nothing is counted where the last reading is in
// doubt, so nobody else would look there again.
func (s *stream) rereadDoubtful(ctx context.Context) error {
	spans, err := s.run.store.Doubtful(ctx, s.ID)
	if err != nil {
		return err
	}
	for _, span := range spans {
		if ctx.Err() == nil {
			_, one := s.readAgain(ctx, span, load.KindRecheck)
			err = errors.Join(err, one)
		}
	}
	return err
}

// readAgain reads a covered span again, window by window. It is not whole when
// another run holds a part of it; the next pass tries again.
func (s *stream) readAgain(ctx context.Context, span load.Span, kind string) (whole bool, err error) {
	var done []load.Span
	for {
		turn, err := s.again(ctx, load.Want{Kind: kind, Span: span, Done: done})
		if err != nil || turn.Claim == nil {
			return !turn.Others && !turn.Ours, err
		}
		done = merge(append(done, turn.Claim.Span))
	}
}

// reread reads a small span again, all of it or nothing. It is not done when
// another run holds a part of it or took it over, when it was cut since it holds
// too much for one window, or when it would not attest.
func (s *stream) reread(ctx context.Context, span load.Span, kind string) (done bool, err error) {
	before := s.unproven()
	turn, err := s.again(ctx, load.Want{Kind: kind, Span: span, Exact: true})
	whole := turn.Claim != nil && !turn.Claim.To.Before(span.To)
	return err == nil && whole && s.unproven() == before, err
}

// again claims wanted time whatever covers it, and carries what it got.
func (s *stream) again(ctx context.Context, w load.Want) (load.Turn, error) {
	if err := s.run.slots.Acquire(ctx, 1); err != nil {
		return load.Turn{}, err
	}
	defer s.run.slots.Release(1)
	w.Stream, w.Run, w.Force, w.Hurry = s.ID, s.run.id, true, true
	w.Tick, w.Lease = s.dialect().Tick, s.run.lease
	turn, err := s.run.store.Claim(ctx, w)
	if err != nil || turn.Claim == nil {
		return turn, err
	}
	return turn, s.carry(ctx, turn.Claim)
}

// recheckPass is what a pass counts again: the lookback before the end of
// coverage, less what this very run has read; for Keywords AI, whose datasets
// are filled with logs of any age, all of coverage, which takes one request
// while the counts agree.
func (s *stream) recheckPass(ctx context.Context) error {
	end, covered, err := s.run.store.CoverageEnd(ctx, s.ID)
	if err != nil || !covered {
		return err
	}
	doubtful := s.rereadDoubtful(ctx)
	if ctx.Err() != nil || !s.dialect().HasTotal {
		return doubtful
	}
	return errors.Join(doubtful, s.countAgain(ctx, end))
}

// countAgain is recheckPass's counting, of coverage that ends there.
func (s *stream) countAgain(ctx context.Context, end time.Time) error {
	end = earlier(end, s.settled())
	rc := &recheck{stream: s, kind: load.KindRecheck, repair: true}
	done, _ := s.finishedSpans()
	if s.fillsAtAnyAge() {
		rc.whole, rc.read = true, done
		return rc.over(ctx, load.Span{From: s.StartsAt, To: end}, nil)
	}
	return rc.over(ctx, load.Span{From: end.Add(-s.run.cfg.Lookback), To: end}, done)
}
