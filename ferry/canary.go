package ferry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"logferry/extract"
	"logferry/load"
	"logferry/transform"
)

// The change canary says when a source's API is not what it was: its documents'
// fields, its page size, its dialect. Each change is noted once a run and stands
// in the ledger, as a row of the kind notice; nothing stops for it. Documents
// are kept raw, so what a new field holds is not lost.
const (
	canaryDocs  = 20   // documents that a run must have read before a field counts as vanished
	canaryShare = 0.99 // share of the earlier documents that must have had it
	canaryNames = 5    // changes told by name; the rest is counted
)

// announce notes what changed at the stream's source, and writes it down.
func (s *stream) announce(ctx context.Context, text string) error {
	s.run.note(s.Name + ": " + text)
	if s.dry {
		return nil
	}
	return s.run.store.Notice(ctx, s.ID, s.run.id, s.seen(), text)
}

// seen is the span that a notice of this run is about.
func (s *stream) seen() load.Span {
	return load.Span{From: earlier(s.settled(), s.run.now.Add(-time.Second)), To: s.run.now}
}

// watchFields compares the fields that the run met with those of all earlier
// runs, by source, and adds them to these.
func (r *run) watchFields(ctx context.Context, streams []*stream) error {
	ctx, cancel := r.ending(ctx)
	defer cancel()
	var errs []error
	for _, a := range r.accounts {
		var read []*stream
		var met []transform.Field
		for _, s := range streams {
			if fields := s.drift.Seen(); s.account == a && len(fields) > 0 {
				read, met = append(read, s), append(met, fields...)
			}
		}
		if len(read) > 0 {
			errs = append(errs, r.watchSource(ctx, a.source, read, met))
		}
	}
	return errors.Join(errs...)
}

// watchSource is watchFields for one source and the streams that were read.
func (r *run) watchSource(ctx context.Context, source string, read []*stream, met []transform.Field) error {
	before, err := r.store.Drift(ctx, source)
	if err != nil {
		return err
	}
	told, vanished := fieldChanges(before, met)
	if err := r.store.SaveDrift(ctx, met); err != nil || len(told) == 0 {
		return err
	}
	var shown []string
	for _, c := range told[:min(len(told), canaryNames)] {
		shown = append(shown, c.path+" "+c.how)
	}
	if more := len(told) - canaryNames; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more changes", more))
	}
	text := "the documents' fields changed: " + strings.Join(shown, "; ") + " (see logferry.field_drift)"
	r.note(source + ": " + text)
	for _, s := range changed(read, before, told) {
		if err := r.store.Notice(ctx, s.ID, r.id, s.seen(), text); err != nil {
			return err
		}
	}
	return r.store.Vanished(ctx, source, vanished)
}

// A change is one of a field: how says what it is now.
type change struct{ path, how string }

// changed are the streams whose own documents show one of the changes; all of
// them where only all together do.
func changed(read []*stream, before []load.SeenField, told []change) []*stream {
	var showing []*stream
	for _, s := range read {
		mine, _ := fieldChanges(before, s.drift.Seen())
		if slices.ContainsFunc(mine, func(one change) bool {
			return slices.ContainsFunc(told, func(other change) bool { return one.path == other.path })
		}) {
			showing = append(showing, s)
		}
	}
	if len(showing) == 0 {
		return read
	}
	return showing
}

// fieldChanges tells how fields differ from those of earlier runs: unknown ones
// that are new, types that a field never had, and fields that nearly all
// documents had and none of this run's has. A field inside a changed one is not
// told of again. Without earlier documents nothing is a change.
func fieldChanges(before []load.SeenField, met []transform.Field) (told []change, vanished []string) {
	had, has := fieldsByPath(earlierFields(before)), fieldsByPath(met)
	if had["id"].count == 0 {
		return nil, nil
	}
	told, covered := vanishedFields(before, had, has)
	vanished = slices.Clone(covered)
	inside := func(path string) bool {
		return slices.ContainsFunc(covered, func(outer string) bool {
			return strings.HasPrefix(path, outer+".") || strings.HasPrefix(path, outer+"[]")
		})
	}
	for _, f := range met {
		was := had[f.Path]
		switch {
		case f.Path == "*" || inside(f.Path) || slices.Contains(was.types, f.Type):
			continue
		case len(was.types) == 0 && f.Known:
			continue // rare, but expected
		case len(was.types) == 0 && slices.Contains(covered, f.Path):
			continue // told with its first type
		case len(was.types) == 0:
			told = append(told, change{f.Path, "is new (" + f.Type + ")"})
		case f.Type == "null" || slices.Equal(was.types, []string{"null"}):
			continue
		default:
			told = append(told, change{f.Path, fmt.Sprintf("is a %s, and was a %s", f.Type, strings.Join(named(was.types), " or "))})
		}
		covered = append(covered, f.Path)
	}
	return told, vanished
}

// vanishedFields are the mapped ones that come no more.
func vanishedFields(before []load.SeenField, had, has map[string]pathSeen) (told []change, vanished []string) {
	docs := has["id"].count
	if docs < canaryDocs {
		return nil, nil
	}
	for _, f := range before {
		_, comes := has[f.Path]
		usual := float64(had[f.Path].count) >= canaryShare*float64(had["id"].count)
		if !comes && usual && f.Known && !f.Vanished && !slices.Contains(vanished, f.Path) {
			vanished = append(vanished, f.Path)
			told = append(told, change{f.Path, fmt.Sprintf("is gone, in %d documents", docs)})
		}
	}
	return told, vanished
}

// A pathSeen is a field path with the types it had.
type pathSeen struct {
	types []string
	count int64 // occurrences, of all types
}

func fieldsByPath(fields []transform.Field) map[string]pathSeen {
	paths := map[string]pathSeen{}
	for _, f := range fields {
		p := paths[f.Path]
		if !slices.Contains(p.types, f.Type) {
			p.types = append(p.types, f.Type)
		}
		p.count += f.Count
		paths[f.Path] = p
	}
	return paths
}

// named are the types that a field had, null aside.
func named(types []string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "null" })
}

func earlierFields(seen []load.SeenField) []transform.Field {
	fields := make([]transform.Field, 0, len(seen))
	for _, f := range seen {
		fields = append(fields, f.Field)
	}
	return fields
}

// watchPages tells when a stream serves smaller pages than its dialect was
// proven with; reading goes on with what comes. Larger ones are asked for from
// now on.
func (s *stream) watchPages(ctx context.Context) error {
	d, size := s.dialect(), s.head.PageSize()
	proven := d.PageSize
	switch {
	case !s.proven || size == proven:
		return nil
	case size > proven:
		d.PageSize = size
		return s.adopt(ctx, d)
	}
	text := fmt.Sprintf("serves %d logs a page where it served %d", size, proven)
	var last struct {
		PageSize int `json:"page_size"`
	}
	if s.Head != nil && json.Unmarshal(s.Head, &last) == nil && last.PageSize == size {
		s.run.note(s.Name + ": " + text)
		return nil
	}
	return s.announce(ctx, text)
}

// dialectChanges tells how a dialect that was proven again differs.
func dialectChanges(was, is extract.Dialect) []string {
	var told []string
	tell := func(what string, was, is any) {
		if was != is {
			told = append(told, fmt.Sprintf("%s is %v, and was %v", what, is, was))
		}
	}
	tell("the time filter", was.Filter, is.Filter)
	tell("the form of answers", was.Shape, is.Shape)
	tell("the time field", was.TimeField, is.TimeField)
	tell("what the filter calls it", cmp.Or(was.FilterBy, was.TimeField), cmp.Or(is.FilterBy, is.TimeField))
	tell("the tick", was.Tick, is.Tick)
	tell("the page size", was.PageSize, is.PageSize)
	tell("honouring the order", was.Sorted, is.Sorted)
	tell("giving totals", was.HasTotal, is.HasTotal)
	return told
}
