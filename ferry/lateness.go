package ferry

import (
	"context"
	"fmt"
	"time"

	"logferry/load"
)

// tolerated is the share of logs for which no settle worth setting waits: what
// comes later still is the recheck's. enough is how many must have been measured
// to speak of shares.
const (
	tolerated = 0.001
	enough    = 1000
)

// warnLate tells that logs came later than settle, and which settle would have
// waited for them. Nothing is lost by that: rechecks found these logs. What
// comes later than the lookback was filled in later, and no settle waits for it.
func (s *stream) warnLate(ctx context.Context) error {
	s.mu.Lock()
	late := s.late
	s.mu.Unlock()
	if late == 0 {
		return nil
	}
	ctx, cancel := s.run.ending(ctx) // the run's time may be over
	defer cancel()
	measured, wait, err := s.run.store.LateShare(ctx, s.ID, s.run.cfg.Lookback, tolerated)
	if err != nil {
		return err
	}
	s.run.note(fmt.Sprintf("%s: %s came later than LOGFERRY_SETTLE=%s, and %s found; %s", s.Name, number(int(late), "log"),
		FormatDuration(s.run.cfg.Settle), wasOrWere(late), s.settleAdvice(measured, wait)))
	return nil
}

// settleAdvice is which settle would have waited for the late logs.
func (s *stream) settleAdvice(measured int64, wait time.Duration) string {
	set := "LOGFERRY_SETTLE=" + FormatDuration(roundUp(wait))
	switch {
	case wait == 0 && measured >= enough:
		return "of 1000 logs measured in the last 30 days 999 came in time: there is nothing to set"
	case wait == 0:
		return "what comes later than LOGFERRY_LOOKBACK was filled in later: no settle waits for it"
	case measured < enough:
		return fmt.Sprintf("%s would have waited for those of the lookback, but only %s measured so far", set, numberWere(measured))
	default:
		return set + " would have waited for 999 of 1000 logs of the last 30 days"
	}
}

func numberWere(n int64) string {
	if n == 1 {
		return "1 log was"
	}
	return fmt.Sprintf("%d logs were", n)
}

func wasOrWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// roundUp makes of a measured time one that a person would set: whole minutes,
// above an hour whole quarters of one.
func roundUp(d time.Duration) time.Duration {
	step := time.Minute
	if d > time.Hour {
		step = 15 * time.Minute
	}
	return (d + step - 1).Truncate(step)
}

// metLate counts logs of a window that came later than settle.
func (s *stream) metLate(w *load.Writing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late += w.Late
}
