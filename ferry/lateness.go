package ferry

import (
	"context"
	"fmt"
	"time"

	"logferry/load"
)

// patience is the share of logs that a settle worth setting waits for: what
// comes later still is the recheck's.
const patience = 0.999

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
	wait, err := s.run.store.LatenessWithin(ctx, s.ID, s.run.cfg.Lookback, patience)
	if err != nil {
		return err
	}
	settle := s.run.cfg.Settle
	text := fmt.Sprintf("%s: %s came later than LOGFERRY_SETTLE=%s; the recheck found %s", s.Name, number(int(late), "log"), FormatDuration(settle), oneOrAll(late))
	if wait > settle {
		s.run.note(fmt.Sprintf("%s; LOGFERRY_SETTLE=%s would have waited for 999 of 1000 logs of the last 30 days", text, FormatDuration(roundUp(wait))))
	} else {
		s.run.note(text + ", and 999 of 1000 logs of the last 30 days came in time: there is nothing to set")
	}
	return nil
}

func oneOrAll(n int64) string {
	if n == 1 {
		return "it"
	}
	return "them"
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
