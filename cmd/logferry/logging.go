package main

import (
	"io"
	"log/slog"
)

// newLog returns a logger for lines of the given format, text or json.
func newLog(to io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
