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
		attrs := []any{
			"streams", p.Streams, "logs_read", p.Rows, "new", p.Inserted, "requests", p.Requests,
			"covered", ferry.FormatDuration(p.Covered), "wanted", ferry.FormatDuration(p.Wanted), "done", fmt.Sprintf("%.0f%%", 100*p.Done),
		}
		if p.Note != "" {
			attrs = append(attrs, "waiting_for", p.Note)
		}
		log.Info("working", attrs...)
	}
}

// barSteps is what the bar is divided into.
const barSteps = 1000

// progressBar shows how much of the streams' wanted time is covered. The bar is
// taken down by [screen.endProgress].
func (s *screen) progressBar(p ferry.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Wanted <= 0 {
		return
	}
	if s.bar == nil {
		s.bar = progressbar.NewOptions(barSteps+1, // a full bar would count as finished
			progressbar.OptionSetWriter(s.to),
			progressbar.OptionSetWidth(20),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false),
		)
	}
	said := fmt.Sprintf("%s logs, %s new, %s requests", grouped(p.Rows), grouped(p.Inserted), grouped(p.Requests))
	if p.Note != "" {
		said += ", " + p.Note
	}
	s.bar.Describe(said)
	_ = s.bar.Set(int(barSteps * min(p.Done, 1)))
}

// endProgress takes the bar down, if there is one.
func (s *screen) endProgress() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear()
		s.bar = nil
	}
}
