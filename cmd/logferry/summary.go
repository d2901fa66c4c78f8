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
	line := oneLine{count(int64(s.Streams), "stream", "streams")}
	line.add(count(int64(s.Attested), "window attested", "windows attested"), workOf(s))
	line.some(int64(s.Mismatch), "mismatch", "mismatches")
	if s.Accepted > 0 {
		line.add(count(int64(s.Accepted), "window", "windows") + " accepted " + count(s.Short, "log", "logs") + " short")
	}
	line.some(int64(s.Doubtful), "doubtful window", "doubtful windows")
	if s.Rejected > 0 {
		line.add(count(s.Rejected, "log", "logs") + " into quarantine (see 'logferry quarantine list')")
	}
	line.some(s.Missing, "missing upstream", "missing upstream")
	line.some(int64(s.Held), "stream left to another process", "streams left to another process")
	return line.ended(s)
}

// verifyText is that line for verify.
func verifyText(r ferry.VerifyReport) string {
	equal, spans := tallied(r.Spans)
	line := oneLine{count(int64(r.Summary.Streams), "stream", "streams"), count(equal, "log equal", "logs equal")}
	line.some(spans[ferry.SpanDifferent], "span differs", "spans differ")
	line.some(spans[ferry.SpanRepaired], "span repaired", "spans repaired")
	line.some(spans[ferry.SpanExpired], "span expired", "spans expired")
	line.some(spans[ferry.SpanReadAgain], "span read again", "spans read again")
	line.some(spans[ferry.SpanDoubtful], "span doubtful", "spans doubtful")
	line.some(spans[ferry.SpanUnknown], "span not counted", "spans not counted")
	if r.Summary.Rows > 0 {
		line.add(workOf(r.Summary))
	}
	line.some(r.Summary.Missing, "missing upstream", "missing upstream")
	return line.ended(r.Summary)
}

// tallied counts the equal logs, and the spans by state.
func tallied(list []ferry.VerifySpan) (equal int64, spans map[string]int64) {
	spans = map[string]int64{}
	for _, span := range list {
		spans[span.State]++
		if span.State == ferry.SpanEqual {
			equal += span.Stored
		}
	}
	return equal, spans
}

// verifyRecord is what verify adds to the record for machines.
func verifyRecord(r ferry.VerifyReport) []slog.Attr {
	equal, spans := tallied(r.Spans)
	attrs := []slog.Attr{slog.Int64("logs_equal", equal)}
	for _, state := range []string{ferry.SpanEqual, ferry.SpanDifferent, ferry.SpanRepaired, ferry.SpanExpired,
		ferry.SpanUncovered, ferry.SpanDoubtful, ferry.SpanUnknown, ferry.SpanReadAgain} {
		attrs = append(attrs, slog.Int64("spans_"+strings.ReplaceAll(state, " ", "_"), spans[state]))
	}
	return attrs
}

// planText is that line for a dry run, which reads and writes no log.
func planText(s ferry.Summary) string {
	var windows, logs, requests int64
	more := false
	for _, p := range s.Plan {
		more = more || p.AtLeast
		windows, logs, requests = windows+int64(p.Windows), logs+max(0, p.Logs), requests+max(0, p.Requests)
	}
	line := oneLine{count(int64(s.Streams), "stream", "streams")}
	line.add(atLeast(more)+count(windows, "window", "windows"), count(logs, "log", "logs"), count(requests, "request", "requests")+" to come")
	return line.ended(s)
}

// A oneLine is a summary in the making.
type oneLine []string

func (l *oneLine) add(parts ...string) { *l = append(*l, parts...) }

// some adds a number unless it is zero.
func (l *oneLine) some(n int64, one, many string) {
	if n > 0 {
		l.add(count(n, one, many))
	}
}

// ended adds what every summary ends with.
func (l *oneLine) ended(s ferry.Summary) string {
	l.add(count(s.Requests, "request", "requests"))
	l.some(s.Retries, "retry", "retries")
	if s.Unfinished > 0 {
		l.add("unfinished: " + roughly(s.Unfinished) + " of wanted time")
	}
	l.add(seconds(s.Elapsed))
	return s.Command + ": " + strings.Join(*l, ", ")
}

// workOf is what a command did to the logs.
func workOf(s ferry.Summary) string {
	return fmt.Sprintf("%s, %s new, %s changed", count(s.Rows, "log read", "logs read"), grouped(s.Inserted), grouped(s.Changed))
}

// summaryRecord is the same for machines.
func summaryRecord(log *slog.Logger, s ferry.Summary, code int, more ...slog.Attr) {
	attrs := []slog.Attr{
		slog.String("command", s.Command),
		slog.Int("exit_code", code),
		slog.Int64("run_id", s.RunID),
		slog.Int("streams", s.Streams),
		slog.Int("windows", s.Windows),
		slog.Int("attested", s.Attested),
		slog.Int("mismatch", s.Mismatch),
		slog.Int("accepted", s.Accepted),
		slog.Int64("accepted_short", s.Short),
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
	attrs = append(attrs, more...)
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

// seconds is a span as people time things: 80ms, 4.2s, then 3m10s.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return roughly(d)
}
