package main

import (
	"io"
	"log/slog"
	"time"
)

// newLog returns a logger for lines of the given format, text or json.
func newLog(to io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	options.ReplaceAttr = shorten
	return slog.New(slog.NewTextHandler(to, options))
}

// shorten leaves out of a text line what people don't read: fractions of
// seconds, and what is empty.
func shorten(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindTime:
		return slog.String(a.Key, a.Value.Time().UTC().Format(time.RFC3339))
	case slog.KindString:
		if a.Value.String() == "" {
			return slog.Attr{}
		}
	}
	return a
}
