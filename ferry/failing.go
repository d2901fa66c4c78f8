package ferry

import (
	"context"
	"errors"

	"logferry/extract"
)

// failuresInRow is how many windows, or other parts, in a row may fail at the
// provider before the stream is given up for this run.
const failuresInRow = 3

// oneWindow tells a failure that may be one window's own, one counted span's, or one
// page's of the tail: the provider kept failing there. It is kept for the stream's
// end, and the others go on. Three in a row are the stream's failure.
func (s *stream) oneWindow(err error) bool {
	if extract.KindOf(err) != extract.Unavailable || isEnd(err) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing++; s.failing >= failuresInRow {
		return false
	}
	s.windows = append(s.windows, err)
	return true
}

// aside keeps what oneWindow tells, and passes on any other error.
func (s *stream) aside(err error) error {
	if err == nil || s.oneWindow(err) {
		return nil
	}
	return err
}

// answered ends a row of failures.
func (s *stream) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = 0
}

// windowFailures are what parts of this run failed with by themselves.
func (s *stream) windowFailures() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.windows...)
}

// timedOut tells an error that says, among others, that the run's own time is over,
// or will be before anything more could be asked.
func timedOut(ctx, limited context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, extract.ErrNoTime) || limited.Err() != nil && isEnd(err))
}

// checkpoint turns the end of the run's time into a note: what was committed
// stays, and the next pass goes on. What else went wrong stays an error.
func (r *run) checkpoint(ctx, limited context.Context, err error) error {
	if !timedOut(ctx, limited, err) {
		return err
	}
	r.note("the run timeout ended this pass; the next one goes on from here")
	return besideEnds(err)
}

// besideEnds is what a joined error says beside that the run's time is over.
func besideEnds(err error) error {
	parts, ok := joined(err)
	switch {
	case !ok && isEnd(err):
		return nil
	case !ok:
		return err
	}
	var rest []error
	for _, part := range parts {
		rest = append(rest, besideEnds(part))
	}
	return errors.Join(rest...)
}
