package ferry

import (
	"errors"

	"logferry/extract"
)

// failuresInRow is how many windows in a row may fail at the provider before
// the stream is given up for this run.
const failuresInRow = 3

// oneWindow tells a failure that may be one window's own: the provider kept
// failing there. It is kept for the stream's end, and its other windows go on,
// and what they find is rechecked, though the run's time may end meanwhile. Three
// in a row are the stream's failure.
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

// windowFailures are what windows of this run failed with by themselves.
func (s *stream) windowFailures() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.windows...)
}
