package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"logferry/ferry"
)

// summaryText is the one line at the end of a command, for people.
func summaryText(s ferry.Summary) string {
	parts := []string{
		count(int64(s.Streams), "stream", "streams"),
		count(int64(s.Attested), "window attested", "windows attested"),
		count(s.Rows, "log read", "logs read"),
		grouped(s.Inserted) + " new",
		grouped(s.Changed) + " changed",
	}
	for _, extra := range []struct {
		n         int64
		one, many string
	}{
		{int64(s.Mismatch), "mismatch", "mismatches"},
		{int64(s.Doubtful), "doubtful window", "doubtful windows"},
		{s.Rejected, "rejected", "rejected"},
		{s.Missing, "missing upstream", "missing upstream"},
		{int64(s.Held), "stream left to another process", "streams left to another process"},
	} {
		if extra.n > 0 {
			parts = append(parts, count(extra.n, extra.one, extra.many))
		}
	}
	parts = append(parts, count(s.Requests, "request", "requests"))
	if s.Retries > 0 {
		parts = append(parts, count(s.Retries, "retry", "retries"))
	}
	if s.Unfinished > 0 {
		parts = append(parts, "unfinished: "+roughly(s.Unfinished)+" of wanted time")
	}
	return s.Command + ": " + strings.Join(append(parts, seconds(s.Elapsed)), ", ")
}

// summaryRecord is the same for machines.
func summaryRecord(log *slog.Logger, s ferry.Summary, code int) {
	attrs := []slog.Attr{
		slog.String("command", s.Command),
		slog.Int("exit_code", code),
		slog.Int64("run_id", s.RunID),
		slog.Int("streams", s.Streams),
		slog.Int("windows", s.Windows),
		slog.Int("attested", s.Attested),
		slog.Int("mismatch", s.Mismatch),
		slog.Int("doubtful", s.Doubtful),
		slog.Int64("rows", s.Rows),
		slog.Int64("inserted", s.Inserted),
		slog.Int64("changed", s.Changed),
		slog.Int64("unchanged", s.Unchanged),
		slog.Int64("rejected", s.Rejected),
		slog.Int64("missing_upstream", s.Missing),
		slog.Int64("requests", s.Requests),
		slog.Int64("retries", s.Retries),
		slog.Int("held", s.Held),
		slog.Float64("unfinished_seconds", s.Unfinished.Seconds()),
		slog.Float64("elapsed_seconds", s.Elapsed.Seconds()),
	}
	if len(s.Notes) > 0 {
		attrs = append(attrs, slog.Any("notes", s.Notes))
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, "summary", attrs...)
}

// count is a number with its noun: 1 stream, 8,819 logs read.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped is n with commas between thousands.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// seconds is a span as people time things: 4.2s, then 3m10s.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return roughly(d)
}
