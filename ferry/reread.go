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
// when it was old already. What could not be read whole holds up nothing after it:
// the next pass begins there.
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
	until := edge
	for _, span := range spans {
		_, holds, err := s.run.store.NthStored(ctx, s.ID, span, 0)
		if err != nil {
			return err
		}
		if !holds {
			continue
		}
		how, err := s.readAgain(ctx, span, load.KindReread)
		if err != nil {
			return err
		}
		if how != rereadWhole {
			until = earlier(until, span.From)
		}
	}
	return s.run.store.SaveReread(ctx, s.ID, until)
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

// A rereading is how reading a covered span again went.
type rereading int

const (
	rereadWhole  rereading = iota
	notAttested            // or cut, since it holds too much for one window
	heldByOthers           // a part of it, or taken over meanwhile
	sourceFailed           // at a window of it
)

// What a span says that could not be read or counted.
const (
	heldNote   = "another run holds a part of it; run verify again later"
	failedNote = "the source failed here; run verify again later"
)

// readAgain reads a covered span again, window by window, whatever becomes of each.
func (s *stream) readAgain(ctx context.Context, span load.Span, kind string) (rereading, error) {
	_, lost := s.unproven()
	var done []load.Span
	for how := rereadWhole; ; {
		turn, err := s.again(ctx, load.Want{Kind: kind, Span: span, Done: done})
		switch {
		case err != nil && (turn.Claim == nil || !s.oneWindow(err)):
			return how, err
		case err != nil:
			how = sourceFailed
		case turn.Claim == nil:
			_, lostNow := s.unproven()
			if how == rereadWhole && (turn.Others || turn.Ours || lostNow > lost) {
				how = heldByOthers
			}
			return how, nil
		}
		done = merge(append(done, turn.Claim.Span))
	}
}

// reread reads a small span again, all of it or nothing.
func (s *stream) reread(ctx context.Context, span load.Span, kind string) (rereading, error) {
	failed, lost := s.unproven()
	turn, err := s.again(ctx, load.Want{Kind: kind, Span: span, Exact: true})
	failedNow, lostNow := s.unproven()
	switch {
	case turn.Claim == nil || lostNow > lost:
		return heldByOthers, err
	case turn.Claim.To.Before(span.To) || failedNow > failed:
		return notAttested, err
	}
	return rereadWhole, err
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
