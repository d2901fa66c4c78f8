package ferry

import (
	"time"

	"logferry/load"
)

// settled is the end of what may be covered: nothing younger than settle.
func (s *stream) settled() time.Time {
	return s.run.now.Add(-s.run.cfg.Settle).Truncate(s.dialect().Tick)
}

// settle cuts what a window covers to the Date of its first answer minus
// settle: the source's clock may be behind ours. A Date a day off is nobody's
// clock.
func (s *stream) settle(o *load.Outcome, claimed load.Span, date time.Time) {
	now := s.run.now.Add(time.Since(s.run.began))
	switch {
	case o.Status != "attested" && o.Status != "accepted":
		return
	case date.IsZero():
		s.run.note(s.Name + ": answers have no Date header; the database clock alone says what has settled")
		return
	case date.Sub(now).Abs() > 24*time.Hour:
		s.run.note(s.Name + ": the Date header is a day off the database clock and is ignored")
		return
	}
	o.To = claimed.To
	if last := date.Add(-s.run.cfg.Settle).Truncate(s.dialect().Tick); last.Before(o.To) {
		o.To = last
		s.unsettled(last)
	}
	if !o.To.After(claimed.From) {
		o.Status, o.AttestedBy, o.To, o.Missing = "loaded", "", claimed.To, false
		o.Detail = "not settled yet by the source's clock"
	}
}

// unsettled notes that by the source's clock nothing from at on had settled.
func (s *stream) unsettled(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit.IsZero() || at.Before(s.limit) {
		s.limit = at
	}
}
