package ferry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"logferry/extract"
	"logferry/load"
)

// A StreamError is what went wrong with one stream.
type StreamError struct {
	Stream string
	Err    error
}

// Error is the cause's text after the stream's name.
func (e *StreamError) Error() string { return e.Stream + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *StreamError) Unwrap() error { return e.Err }

// within puts the stream's name before an error.
func within(stream string, err error) error {
	if err == nil {
		return nil
	}
	return &StreamError{stream, err}
}

// Reasons are the lines in which err is told to people: one for each reason,
// however many streams it stopped. That time ran out, or that work is left, is
// told only if there is nothing else. Of nil there are none.
func Reasons(err error) []string {
	var found, ends []reason
	for _, r := range reasonsIn(err, "") {
		if _, early := errors.AsType[*EarlyError](r.err); isEnd(r.err) || early && len(r.streams) == 0 {
			ends = collected(ends, r)
		} else {
			found = collected(found, r)
		}
	}
	if len(found) == 0 {
		found = ends
	}
	var lines []string
	for _, r := range found {
		lines = append(lines, r.line())
	}
	return lines
}

// A reason is an error that joins no others, and the streams that it holds of.
type reason struct {
	err     error
	key     string // the same for errors that say the same
	text    string
	streams []string
}

// reasonsIn takes joined errors apart.
func reasonsIn(err error, stream string) []reason {
	if err == nil {
		return nil
	}
	if named, ok := err.(*StreamError); ok { //nolint:errorlint // what is around it must not be skipped
		return reasonsIn(named.Err, named.Stream)
	}
	if parts, ok := joined(err); ok {
		var list []reason
		for _, part := range parts {
			list = append(list, reasonsIn(part, stream)...)
		}
		return list
	}
	return []reason{newReason(err, stream)}
}

// joined gives the parts of an error that errors.Join made: its text is
// nothing but theirs.
func joined(err error) ([]error, bool) {
	join, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil, false
	}
	var texts []string
	for _, part := range join.Unwrap() {
		texts = append(texts, part.Error())
	}
	return join.Unwrap(), strings.Join(texts, "\n") == err.Error()
}

// newReason leaves out of a provider's error what the stream's name says
// already, and out of the warehouse's the stream: it has nothing to do with it.
func newReason(err error, stream string) reason {
	r := reason{err: err, key: err.Error(), text: err.Error()}
	if stream != "" {
		r.streams = []string{stream}
	}
	switch e := err.(type) { //nolint:errorlint // a wrapped one has words of its own around it
	case *extract.Error:
		if stream != "" {
			r.text = e.Unnamed().Error()
		}
		e = e.Unnamed()
		e.Tries = 0
		r.key = e.Error()
	case *load.Error:
		r.key, r.streams = e.Err.Error(), nil
	}
	return r
}

// collected adds a reason to those that are known.
func collected(known []reason, r reason) []reason {
	i := slices.IndexFunc(known, func(k reason) bool { return k.key == r.key })
	if i < 0 {
		return append(known, r)
	}
	for _, s := range r.streams {
		if !slices.Contains(known[i].streams, s) {
			known[i].streams = append(known[i].streams, s)
		}
	}
	return known
}

// namedStreams is how many streams a line names.
const namedStreams = 3

func (r reason) line() string {
	slices.Sort(r.streams)
	switch n := len(r.streams); {
	case n == 0:
		return r.text
	case n == 1:
		return r.streams[0] + ": " + r.text
	case n <= namedStreams:
		return fmt.Sprintf("%s: %s", strings.Join(r.streams, ", "), r.text)
	default:
		return fmt.Sprintf("%d streams (%s and others): %s", n, strings.Join(r.streams[:namedStreams], ", "), r.text)
	}
}

// Checkpointed tells whether a run that was stopped from outside and ended
// with err has saved what it did: err is nil, or the end of its context, and
// the warehouse took everything.
func Checkpointed(err error) bool {
	_, failed := errors.AsType[*load.Error](err)
	return err == nil || isEnd(err) && !failed
}

// number is a count with its noun: 1 window, 2 windows.
func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
