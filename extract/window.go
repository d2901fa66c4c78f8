package extract

import (
	"time"
)

// A Window is the half-open span [From, To) of the stream's time field, its
// bounds on whole ticks.
type Window struct{ From, To time.Time }

// String writes the window with its bounds in RFC 3339, UTC.
func (w Window) String() string {
	return "[" + w.From.UTC().Format(time.RFC3339Nano) + ", " + w.To.UTC().Format(time.RFC3339Nano) + ")"
}

// Holds tells whether the instant lies in the window.
func (w Window) Holds(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// Width is the window's length.
func (w Window) Width() time.Duration { return w.To.Sub(w.From) }

// Middle is the tick nearest below the window's middle.
func (w Window) Middle(tick time.Duration) time.Time {
	return w.From.Add((w.Width() / 2).Truncate(tick))
}

// asked are the bounds to write into a filter so that the window is returned
// whole whether they are strict or not: one tick lower at the lower end, and
// the end itself, which is one tick above the window's last.
func (w Window) asked(tick time.Duration) (from, to time.Time) {
	return w.From.Add(-tick), w.To
}

// foreign tells an instant that a server which understood the asked bounds
// can't have returned, however it treats the bounds' own ticks.
func (w Window) foreign(t time.Time, tick time.Duration) bool {
	return t.Before(w.From.Add(-tick)) || !t.Before(w.To.Add(tick))
}
