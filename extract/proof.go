package extract

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrUnproven means that nothing could be said about a stream's time filter
// this time: the known log is no longer listed, or has no usable time.
var ErrUnproven = errors.New("no listed log to prove the time filter against")

// A NoDialectError means that every known spelling of the time filter was
// refused while the log it should find is still listed.
type NoDialectError struct {
	Stream string
	Tried  []string // spellings, as the source's parameters are called
}

// Error names the parameters that were tried.
func (e *NoDialectError) Error() string {
	return fmt.Sprintf("%s: the source does not honour a time filter by %s: no window can be read; is this version of logferry too old for the API?",
		e.Stream, strings.Join(e.Tried, " or "))
}

// A Prover finds the dialect of one stream.
type Prover struct {
	Feed *Feed
	Head *Head // what the stream shows without a filter
	// Identify reads a document's id and its time in one of the time fields.
	Identify func(doc []byte, timeField string) Mark
	Requests int // used
}

// Prove finds the first dialect that the stream speaks, at 1 ms if the proof
// holds there, else at 1 s. prefer is tried first; it may be nil.
//
// The proof: the window of one tick around a known log returns it, the windows
// just before and just after do not, and no answer holds an entry outside what
// was asked. Whether the bounds are strict shows when the log lies exactly on
// one. A dialect is refused only if the log is still listed afterwards.
func (p *Prover) Prove(ctx context.Context, prefer *Dialect) (Dialect, error) {
	known := p.Head.Oldest
	if known.ID == "" {
		return Dialect{}, ErrUnproven
	}
	var tried []string
	for _, d := range p.candidates(prefer) {
		at := p.Identify(known.Doc, d.TimeField).At
		if at.IsZero() {
			continue
		}
		d.Shape, d.Sorted, d.HasTotal, d.PageSize = p.Head.Shape, p.Head.Sorted, p.Head.Total >= 0, min(d.PageSize, p.Head.PageSize())
		for _, d.Tick = range []time.Duration{time.Millisecond, time.Second} {
			holds, err := p.holds(ctx, &d, Mark{known.ID, at})
			if err != nil || holds {
				return d, err
			}
		}
		listed, err := p.stillListed(ctx, known.ID)
		if err != nil {
			return d, err
		}
		if !listed {
			return d, ErrUnproven
		}
		tried = append(tried, fmt.Sprintf("%s on %s", d.Filter, d.TimeField))
	}
	if len(tried) == 0 {
		return Dialect{}, ErrUnproven
	}
	return Dialect{}, &NoDialectError{p.Feed.Name, tried}
}

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
		case d.Filter == prefer.Filter:
			list = append([]Dialect{d}, list...)
		default:
			list = append(list, d)
		}
	}
	return list
}

// holds runs the proof for one dialect at one tick.
func (p *Prover) holds(ctx context.Context, d *Dialect, log Mark) (bool, error) {
	tick := d.Tick
	at := log.At.Truncate(tick)
	found, honest, err := p.returns(ctx, *d, at.Add(-tick), at.Add(tick), log.ID)
	if err != nil || found == absent || !honest {
		return false, err
	}
	onTick := at.Equal(log.At)
	low, ok, err := p.excludes(ctx, *d, log.ID, onTick, at, func(bound time.Time) (time.Time, time.Time) { return bound, at.Add(3 * tick) }, tick)
	if err != nil || !ok {
		return false, err
	}
	top, ok, err := p.excludes(ctx, *d, log.ID, onTick, at, func(bound time.Time) (time.Time, time.Time) { return at.Add(-3 * tick), bound }, -tick)
	if err != nil || !ok {
		return false, err
	}
	d.StrictLow, d.StrictTop = low, top
	return true, nil
}

// excludes asks for the stretch beside the log. With the bound on the log's own
// instant the answer shows whether that bound is strict; a tick further away
// the log must not be returned. A log between two ticks shows only the latter.
func (p *Prover) excludes(ctx context.Context, d Dialect, id string, onTick bool, at time.Time, span func(time.Time) (time.Time, time.Time), away time.Duration) (strict *bool, ok bool, err error) {
	beyond := at
	if onTick {
		from, to := span(at)
		found, honest, err := p.returns(ctx, d, from, to, id)
		if err != nil || !honest {
			return nil, false, err
		}
		is := found != present
		if strict = &is; is {
			return strict, true, nil
		}
	}
	if onTick || away > 0 {
		beyond = at.Add(away)
	}
	from, to := span(beyond)
	found, honest, err := p.returns(ctx, d, from, to, id)
	return strict, honest && found != present, err
}

// A finding is whether an answer held a log.
type finding int

const (
	absent finding = iota
	present
	crowded // not met on the pages looked at, and there are more
)

// provePages bounds the search for one log among ties in its tick; that many
// pages full of logs of that tick alone say as much.
const provePages = 5

// returns asks for exactly these bounds and tells whether the log is among the
// answer, and whether the answer holds nothing outside them by more than a
// tick. A source that refuses the request does not speak the dialect.
func (p *Prover) returns(ctx context.Context, d Dialect, from, to time.Time, id string) (found finding, honest bool, err error) {
	asked := Window{from, to}
	for page := 1; page <= provePages; page++ {
		a, err := p.Feed.API.Page(ctx, Ask{Container: p.Feed.Container, Dialect: d, From: from, To: to, Page: page, Size: d.PageSize})
		p.Requests += a.Requests
		if kind := KindOf(err); kind == Config || kind == NoPage {
			return found, page > 1, nil
		}
		if err != nil {
			return found, false, err
		}
		for _, doc := range a.Docs {
			m := p.Identify(doc, d.TimeField)
			if !m.At.IsZero() && asked.foreign(m.At, d.Tick) {
				return found, false, nil
			}
			if m.ID == id {
				found = present
			}
		}
		if found == present || len(a.Docs) < d.PageSize {
			return found, true, nil
		}
	}
	return crowded, true, nil
}

// stillListed looks for the log in the unfiltered list, as far as the head was
// read and a little further, for what arrived since.
func (p *Prover) stillListed(ctx context.Context, id string) (bool, error) {
	again := p.Feed.Head()
	found := false
	for again.Rows <= p.Head.Rows+p.Head.PageSize() && !again.Ended && !found {
		_, err := again.Next(ctx, func(doc []byte) Mark {
			m := p.Identify(doc, p.Feed.Dialect.TimeField)
			found = found || m.ID == id
			return m
		})
		if err != nil {
			return false, err
		}
	}
	p.Requests += again.Requests
	return found, nil
}
