package extract

import (
	"slices"
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
	from, to = w.From.Truncate(tick).Add(-tick), w.To.Truncate(tick)
	if to.Before(w.To) {
		to = to.Add(tick)
	}
	return from, to
}

// foreign tells an instant that a server which understood the asked bounds
// can't have returned, however it treats the bounds' own ticks.
func (w Window) foreign(t time.Time, tick time.Duration) bool {
	from, to := w.asked(tick)
	return t.Before(from) || !t.Before(to.Add(tick))
}

// SplitAt is where to cut the window in two: at its middle, or, for a walk
// without a total that was cut off, at the median of the times it met, which
// finds the logs in a long empty span at once.
func (r *Reading) SplitAt() time.Time {
	tick := r.feed.Dialect.Tick
	at := r.Window.Middle(tick)
	if r.last.end == cut && len(r.times) > 0 {
		slices.SortFunc(r.times, time.Time.Compare)
		at = r.times[len(r.times)/2].UTC().Truncate(tick)
	}
	if !at.After(r.Window.From) {
		at = r.Window.From.Add(tick)
	}
	if !at.Before(r.Window.To) {
		at = r.Window.To.Add(-tick)
	}
	return at
}

// CutAt is where to end a window whose total is too large for one reading, so
// that about aim logs are left in it; call it after Begin, whose page shows
// where the logs lie. A total of exactly 10,000 is the usual cap and says only
// "at least": the window is halved.
func (r *Reading) CutAt(total, aim int64, at func(doc []byte) time.Time) time.Time {
	tick := r.feed.Dialect.Tick
	from, to := r.inhabited(at)
	width := to.Sub(from)
	if total == capRows {
		width /= 2
	} else {
		width = time.Duration(float64(width) * float64(aim) / float64(total))
	}
	cut := from.Add(max(width.Truncate(tick), tick))
	if !cut.Before(r.Window.To) {
		cut = r.Window.To.Add(-tick)
	}
	return cut
}

// sample is how many logs of a page in no order of time say where logs lie.
const sample = 10

// inhabited is the stretch of the window in which its first page shows the logs
// to lie: from its first log on where they come oldest first, as asked; up to
// it where the order is ignored and they come newest first; between its oldest
// and its newest where they come in no order, so that the page is a sample.
func (r *Reading) inhabited(at func(doc []byte) time.Time) (from, to time.Time) {
	from, to = r.Window.From, r.Window.To
	if r.begun == nil {
		return from, to
	}
	tick := r.feed.Dialect.Tick
	times := slices.DeleteFunc(timesOf(r.begun.Docs, at), func(t time.Time) bool { return !r.Window.Holds(t) })
	rising := slices.IsSortedFunc(times, time.Time.Compare)
	falling := slices.IsSortedFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	switch {
	case rising && r.feed.Dialect.Sorted && len(times) > 0:
		from = times[0].UTC().Truncate(tick)
	case rising || len(times) < sample:
	case falling:
		to = times[0].UTC().Truncate(tick).Add(tick)
	default:
		from = slices.MinFunc(times, time.Time.Compare).UTC().Truncate(tick)
		to = slices.MaxFunc(times, time.Time.Compare).UTC().Truncate(tick).Add(tick)
	}
	return from, to
}

// Short tells, after Begin, that the window's first page holds fewer entries
// than a page does.
func (r *Reading) Short(page int) bool {
	return r.begun != nil && !r.large && len(r.begun.Docs) < min(page, r.feed.Dialect.PageSize)
}
