package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/schollz/progressbar/v3"

	"logferry/ferry"
)

// progressEvery is how often a line says how far a command is, where no
// terminal shows a bar.
const progressEvery = 10 * time.Second

// progressLines returns a reporter that writes at most one line every ten
// seconds. The first comes after ten.
func progressLines(log *slog.Logger, now func() time.Time) func(ferry.Progress) {
	last := now()
	return func(p ferry.Progress) {
		if now().Sub(last) < progressEvery {
			return
		}
		last = now()
		attrs := []any{"streams", p.Streams, "logs_read", p.Rows, "new", p.Inserted, "requests", p.Requests}
		if p.Wanted > 0 {
			attrs = append(attrs, "covered", ferry.FormatDuration(p.Covered), "wanted", ferry.FormatDuration(p.Wanted), "done", fmt.Sprintf("%.0f%%", 100*p.Done))
		}
		if p.Note != "" {
			attrs = append(attrs, "waiting_for", p.Note)
		}
		log.Info("working", attrs...)
	}
}

// barSteps is what the bar is divided into.
const barSteps = 1000

// barText is how much text fits beside the bar, and before the spinner, on a
// line of 80 columns: a longer line could not be wiped.
const (
	barText     = 48
	spinnerText = 76
)

// progressBar shows how much of the streams' wanted time is covered, or what is
// being waited for. The bar is taken down by [screen.endProgress].
func (s *screen) progressBar(p ferry.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.Note != "":
		s.showBar(true)
		s.bar.Describe(fitted("waiting for "+p.Note, spinnerText))
		_ = s.bar.Add(0) // it turns
	case p.Wanted > 0:
		s.showBar(false)
		s.bar.Describe(fitted(fmt.Sprintf("%s logs, %s new, %s requests", grouped(p.Rows), grouped(p.Inserted), grouped(p.Requests)), barText))
		_ = s.bar.Set(int(barSteps * min(p.Done, 1)))
	default:
		s.dropBar()
	}
}

// showBar makes sure that a bar is there, or a spinner for what waits.
func (s *screen) showBar(waits bool) {
	if s.bar != nil && s.waits == waits {
		return
	}
	s.dropBar()
	steps := barSteps + 1 // a full bar would count as finished
	if waits {
		steps = -1
	}
	s.waits = waits
	s.bar = progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(s.to),
		progressbar.OptionSetWidth(20),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
	)
}

// dropBar wipes the bar, if there is one.
func (s *screen) dropBar() {
	if s.bar != nil {
		_ = s.bar.Clear()
		s.bar = nil
	}
}

// endProgress takes the bar down, if there is one.
func (s *screen) endProgress() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropBar()
}

// fitted is text of at most so many characters.
func fitted(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-3]) + "..."
	}
	return text
}
