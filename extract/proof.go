package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrUnproven means that nothing could be said about a stream's time filter
// this time: the known log is no longer listed, or has no usable time.
var ErrUnproven = errors.New("no listed log to prove the time filter against")

// ErrUnlisted is the [ErrUnproven] of a known log that is certainly no longer
// listed: the list was read past its place.
var ErrUnlisted = fmt.Errorf("%w: it is gone", ErrUnproven)

// A NoDialectError means that every known spelling of the time filter was
// refused while the log it should find is still listed.
type NoDialectError struct {
	Tried []string // spellings, as the source's parameters are called
}

// Error names the parameters that were tried. Which stream it was is for the
// caller to say, once for all streams that it holds of.
func (e *NoDialectError) Error() string {
	return fmt.Sprintf("the source does not honour a time filter by %s: no window can be read; is this version of logferry too old for the API?",
		strings.Join(e.Tried, " or "))
}

// A Prover finds the dialect of one stream.
type Prover struct {
	Feed *Feed
	Head *Head // what the stream shows without a filter
	// Known is the log to prove with; nil: the oldest that the head listed.
	Known *Known
	// Identify reads a document's id and its time in one of the time fields.
	Identify func(doc []byte, timeField string) Mark
	Requests int // used

	shape string // response form of the latest filtered answer that had entries
}

// Prove finds the first dialect that the stream speaks, at 1 ms if the proof
// holds there, else at 1 s. prefer is tried first; it may be nil.
//
// The proof: the window of one tick around a known log returns it, the windows
// just before and just after do not, and no answer holds an entry outside what
// was asked. Whether the bounds are strict shows when the log lies exactly on
// one. A dialect is refused only if the log is still listed afterwards.
func (p *Prover) Prove(ctx context.Context, prefer *Dialect) (Dialect, error) {
	known := p.known()
	if known.ID == "" {
		return Dialect{}, ErrUnproven
	}
	var tried []string
	for _, d := range p.candidates(prefer) {
		at := known.at(d.TimeField)
		if at.IsZero() {
			continue
		}
		d.Sorted, d.HasTotal, d.PageSize = p.Head.Sorted, p.Head.Total >= 0, min(d.PageSize, p.Head.PageSize())
		holds, err := p.holdsAtATick(ctx, &d, Mark{known.ID, at})
		if err != nil || holds {
			return d, err
		}
		if err := p.stillListed(ctx, known.Mark); err != nil {
			return Dialect{}, err
		}
		if how := fmt.Sprintf("%s on %s", d.Filter, d.field()); !slices.Contains(tried, how) {
			tried = append(tried, how)
		}
	}
	if len(tried) == 0 {
		return Dialect{}, ErrUnproven
	}
	return Dialect{}, &NoDialectError{tried}
}

// Finds tells, by one request mostly, whether the filter of a proven dialect
// still finds the known log; false also where there is none.
func (p *Prover) Finds(ctx context.Context, d Dialect) (bool, error) {
	known := p.known()
	if known.ID == "" {
		return false, nil
	}
	at := known.At.Truncate(d.Tick)
	found, err := p.look(ctx, d, Window{at.Add(-d.Tick), at.Add(d.Tick)}, known.ID)
	return found == present || found == crowded, err
}

// known is the log to prove with.
func (p *Prover) known() Known {
	if p.Known != nil {
		return *p.Known
	}
	return p.Head.Oldest
}

// candidates are the dialects to try, in order.
func (p *Prover) candidates(prefer *Dialect) []Dialect {
	all := p.Feed.API.Dialects()
	if prefer == nil {
		return all
	}
	// One time field per stream, for its life.
	var list []Dialect
	for _, d := range all {
		switch {
		case d.TimeField != prefer.TimeField:
		case d.Filter == prefer.Filter && d.FilterBy == prefer.FilterBy:
			list = append([]Dialect{d}, list...)
		default:
			list = append(list, d)
		}
	}
	return list
}

// holdsAtATick finds the finest tick at which the proof holds for a dialect,
// and completes the dialect with it.
func (p *Prover) holdsAtATick(ctx context.Context, d *Dialect, log Mark) (bool, error) {
	for _, d.Tick = range []time.Duration{time.Millisecond, time.Second} {
		holds, err := p.holds(ctx, d, log)
		if err != nil || holds {
			d.Shape = p.shape
			return holds, err
		}
	}
	return false, nil
}

// holds runs the proof for one dialect at its tick.
func (p *Prover) holds(ctx context.Context, d *Dialect, log Mark) (bool, error) {
	tick := d.Tick
	at := log.At.Truncate(tick)
	around, err := p.look(ctx, *d, Window{at.Add(-tick), at.Add(tick)}, log.ID)
	if err != nil || around == absent || around == wrong {
		return false, err
	}
	before := func(bound time.Time) Window { return Window{at.Add(-3 * tick), bound} }
	after := func(bound time.Time) Window { return Window{bound, at.Add(3 * tick)} }
	top, ok, err := p.side(ctx, *d, log.ID, before(at), before(at.Add(-tick)))
	if err != nil || !ok {
		return false, err
	}
	low, ok, err := p.side(ctx, *d, log.ID, after(at), after(at.Add(tick)))
	if err != nil || !ok {
		return false, err
	}
	d.bounded(low, top, at.Equal(log.At))
	return true, nil
}

// bounded completes the dialect with what a bound on the known log's tick
// showed. A log that lies between two ticks is touched by it only where the
// source cuts times to ticks before it compares them, and says nothing about
// bounds elsewhere. One that lies on its tick can't tell: a source that needs
// whole seconds is taken to cut times to them.
func (d *Dialect) bounded(strictLow, strictTop *bool, onTick bool) {
	touched := strictLow != nil && *strictLow || strictTop != nil && !*strictTop
	switch {
	case onTick:
		d.Coarse = d.Tick > time.Millisecond
	case touched:
		d.Coarse = true
	default:
		strictLow, strictTop = nil, nil
	}
	d.StrictLow, d.StrictTop = strictLow, strictTop
}

// side proves one bound. A window that touches the log with it shows whether
// the bound is strict; one that ends a tick before must not return the log.
func (p *Prover) side(ctx context.Context, d Dialect, id string, touching, beyond Window) (strict *bool, ok bool, err error) {
	switch found, err := p.look(ctx, d, touching, id); {
	case err != nil || found == wrong:
		return nil, false, err
	case found == absent:
		return new(true), true, nil
	case found == present:
		strict = new(false)
	}
	found, err := p.look(ctx, d, beyond, id)
	return strict, found == absent || found == crowded, err
}

// A finding is what an answer shows of a log and of its filter.
type finding int

const (
	wrong   finding = iota // refused, or with entries further outside than the bounds allow
	absent                 // the log is not there
	present                // it is
	crowded                // not met on the pages looked at, and there are more
)

// provePages bounds the search for one log among ties in its tick; that many
// pages of logs of that tick alone say as much.
const provePages = 5

// look asks for exactly these bounds and looks for the log in the answer. A
// source that refuses the request does not speak the dialect.
func (p *Prover) look(ctx context.Context, d Dialect, asked Window, id string) (finding, error) {
	pages := p.Feed.pages(Ask{Dialect: d, From: asked.From, To: asked.To, Size: d.PageSize}, &p.Requests)
	defer pages.drop()
	rows := 0
	for range provePages {
		a, err := pages.next(ctx)
		switch kind := KindOf(err); {
		case kind == Config || kind == NoPage:
			return wrong, nil
		case err != nil:
			return wrong, err
		}
		rows += len(a.Docs)
		switch found := p.search(a, d, asked, id); {
		case found != absent:
			return found, nil
		case len(a.Docs) == 0, len(a.Docs) < pages.size && int64(rows) >= p.Feed.announced(a):
			return absent, nil // a short page need not be the last
		}
	}
	return crowded, nil
}

// search looks for the log on one page.
func (p *Prover) search(a Answer, d Dialect, asked Window, id string) finding {
	found := absent
	for _, doc := range a.Docs {
		if doc == nil {
			continue // too large to be read
		}
		p.shape = a.Shape
		m := p.Identify(doc, d.TimeField)
		if !m.At.IsZero() && asked.foreign(m.At, d.Tick) {
			return wrong
		}
		if m.ID == id {
			found = present
		}
	}
	return found
}

// stillListed looks for the log in the unfiltered list, as far as the head was
// read and a little further, for what arrived since.
func (p *Prover) stillListed(ctx context.Context, known Mark) error {
	again := p.Feed.Head()
	defer func() {
		again.Drop()
		p.Requests += again.Requests
	}()
	found := false
	for again.Rows <= p.Head.Rows+p.Head.PageSize() && !again.Ended && !found {
		_, err := again.Next(ctx, func(doc []byte) Mark {
			m := p.Identify(doc, p.Feed.Dialect.TimeField)
			found = found || m.ID == known.ID
			return m
		})
		if err != nil {
			return err
		}
	}
	switch {
	case found:
		return nil
	case again.Ended || again.Sorted && again.Oldest.ID != "" && again.Oldest.At.Before(known.At):
		return ErrUnlisted
	}
	return ErrUnproven // what arrived since may have pushed it further down
}
