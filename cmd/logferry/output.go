package main

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// steady is standard output that never fails its writer: what went wrong is
// kept for the end of the run. A reader that has gone is nothing wrong.
type steady struct {
	to  io.Writer
	err error
}

func (s *steady) Write(p []byte) (int, error) {
	if s.err == nil {
		_, s.err = s.to.Write(p)
	}
	return len(p), nil
}

// problem is the first write error, unless the reader merely went away.
func (s *steady) problem() error {
	if errors.Is(s.err, syscall.EPIPE) || errors.Is(s.err, io.ErrClosedPipe) {
		return nil
	}
	return s.err
}

// A screen is standard error, with at most one progress bar at its foot that
// lines written to the screen push down instead of overwriting.
type screen struct {
	mu    sync.Mutex
	to    io.Writer
	bar   *progressbar.ProgressBar // nil: none is shown
	waits bool                     // it is a spinner, for what waits
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar == nil {
		_, _ = s.to.Write(p)
		return len(p), nil
	}
	_ = s.bar.Clear()
	_, _ = s.to.Write(p)
	_ = s.bar.RenderBlank()
	return len(p), nil
}

// isTerminal tells whether a person watches w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
