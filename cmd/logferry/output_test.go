package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"logferry/ferry"
)

func someStreams() []ferry.StreamStatus {
	return []ferry.StreamStatus{
		{
			Stream: "cloudflare/0123456789abcdef0123456789abcdef/production", Source: "cloudflare_ai_gateway", Enabled: true,
			Configured: true, Proven: true, StartsAt: noon.Add(-30 * day), Watermark: noon.Add(-12 * time.Minute), Lag: 12*time.Minute + 3*time.Second, CompleteThrough: noon.Add(-time.Hour),
			Gaps: 1, Doubtful: 2, Quarantined: 3, Outside: new(int64(1234)), Logs: 8819, BudgetUsed: 999, BudgetLimit: 1000,
			BlockedUntil:  noon.Add(time.Minute),
			RetentionRisk: ferry.RiskDeletes, RetentionAt: noon.Add(9 * time.Hour),
			Lateness: &ferry.Lateness{Half: 41 * time.Second, NearlyAll: 3 * time.Minute, All: 2 * time.Hour, Measured: 4321, Late: 12},
		},
		{Stream: "keywordsai/ds_1", Source: "keywords_ai", Gone: true},
	}
}

func TestStatusTable(t *testing.T) {
	r := &rig{streams: someStreams()}
	r.run(t.Context(), "status")
	const want = `STREAM
  WATERMARK                LAG  GAPS  DOUBTFUL  QUARANTINE  OUTSIDE  BUDGET
cloudflare/0123456789abcdef0123456789abcdef/production
  (blocked until 12:01:00Z)
  2026-11-21 11:48:00Z   12m3s     1         2           3    1,234  999/1000
  complete through 2026-11-21 11:00:00Z
  lateness: of 4,321 logs, half by 41s, 99 % by 3m, all by 2h; 12 later than settle
  the gateway deletes unread logs from 2026-11-21 21:00:00Z on
keywordsai/ds_1  (disabled, gone, not configured, new)
  -                          -     0         0           0        -  -
`
	if diff := cmp.Diff(want, r.out.String()); diff != "" {
		t.Error(diff)
	}
	r = &rig{streams: someStreams()[1:]}
	r.run(t.Context(), "streams list")
	const list = "STREAM\n         LOGS  SINCE\nkeywordsai/ds_1  (disabled, gone, not configured, new)\n            0  -\n"
	if diff := cmp.Diff(list, r.out.String()); diff != "" {
		t.Error(diff)
	}
	r = &rig{}
	if r.run(t.Context(), "status"); r.out.String() != "no streams yet: run logferry sync\n" {
		t.Errorf("without streams: %q", r.out.String())
	}
}

func TestStatusJSON(t *testing.T) {
	r := &rig{streams: someStreams()}
	r.run(t.Context(), "status --json")
	var got []map[string]any
	if err := json.Unmarshal(r.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{
			"stream": "cloudflare/0123456789abcdef0123456789abcdef/production", "source": "cloudflare_ai_gateway", "enabled": true, "gone": false,
			"configured": true, "proven": true, "starts_at": "2026-10-22T12:00:00Z", "watermark": "2026-11-21T11:48:00Z", "lag_seconds": 723.0,
			"gaps": 1.0, "doubtful": 2.0, "quarantined": 3.0, "outside": 1234.0, "logs": 8819.0, "budget_used": 999.0, "budget_limit": 1000.0,
			"blocked_until": "2026-11-21T12:01:00Z", "lateness_p50_seconds": 41.0, "lateness_p99_seconds": 180.0, "lateness_max_seconds": 7200.0,
			"measured_logs": 4321.0, "late_logs": 12.0, "retention_risk": "deletes", "retention_risk_at": "2026-11-21T21:00:00Z", "complete_through": "2026-11-21T11:00:00Z",
		},
		{
			"stream": "keywordsai/ds_1", "source": "keywords_ai", "enabled": false, "gone": true, "configured": false, "proven": false,
			"starts_at": nil, "watermark": nil, "lag_seconds": nil, "gaps": 0.0, "doubtful": 0.0, "quarantined": 0.0, "outside": nil,
			"logs": 0.0, "budget_used": 0.0, "budget_limit": nil, "blocked_until": nil,
			"lateness_p50_seconds": nil, "lateness_p99_seconds": nil, "lateness_max_seconds": nil, "measured_logs": nil, "late_logs": nil,
			"retention_risk": nil, "retention_risk_at": nil, "complete_through": nil,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r = &rig{}
	if r.run(t.Context(), "status --json"); r.out.String() != "[]\n" {
		t.Errorf("without streams: %q", r.out.String())
	}
}

func TestVerify(t *testing.T) {
	const long = "cloudflare/0123456789abcdef0123456789abcdef/production"
	at := func(hour int) time.Time { return time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC) }
	r := &rig{env: plain("LOGFERRY_LOG_FORMAT", "text"), report: ferry.VerifyReport{Summary: ferry.Summary{Streams: 2, Requests: 9}, Spans: []ferry.VerifySpan{
		{Stream: "a", From: at(1), To: at(2), Source: 5, Stored: 5, State: ferry.SpanEqual},
		{Stream: "a", From: at(2), To: at(3), Source: 7, Stored: 6, State: ferry.SpanDifferent},
		{Stream: "a", From: at(3), To: at(4), Source: 1000, Stored: 1000, State: ferry.SpanEqual},
		{Stream: "b", From: at(1), To: at(4), Source: -1, Stored: 2, State: ferry.SpanExpired},
		{Stream: "b", From: at(4), To: at(5), Source: -1, Stored: -1, State: ferry.SpanUncovered},
		{Stream: "b", From: at(5), To: at(6), Source: -1, Stored: -1, State: ferry.SpanUncovered, Note: "before the stream's start; backfill --from reaches it"},
		{Stream: long, From: at(5), To: at(6).Add(time.Millisecond), Source: -1, Stored: -1, State: ferry.SpanDoubtful, Note: "not counted"},
		{Stream: long, From: at(6), To: at(7), Source: 1234567, Stored: 1234566, State: ferry.SpanDifferent},
		{Stream: long, From: at(7), To: at(8), Source: -1, Stored: 1, State: ferry.SpanReadAgain},
		{Stream: long, From: at(8), To: at(9), Source: -1, Stored: -1, State: ferry.SpanUnknown, Note: "the source gives no totals; --repair reads it again"},
	}}}
	r.run(t.Context(), "verify")
	const want = `a
  equal      2026-11-20 01:00:00Z to 2026-11-20 02:00:00Z: 5 logs
  different  2026-11-20 02:00:00Z to 2026-11-20 03:00:00Z: source 7, stored 6
  equal      2026-11-20 03:00:00Z to 2026-11-20 04:00:00Z: 1,000 logs
b
  expired    2026-11-20 01:00:00Z to 2026-11-20 04:00:00Z: 2 logs stored
  uncovered  2026-11-20 04:00:00Z to 2026-11-20 05:00:00Z: nothing to compare
  uncovered  2026-11-20 05:00:00Z to 2026-11-20 06:00:00Z:
    before the stream's start; backfill --from reaches it
cloudflare/0123456789abcdef0123456789abcdef/production
  doubtful   2026-11-20 05:00:00Z to 2026-11-20 06:00:00Z: not counted
    to read it again: logferry backfill --force \
      --from 2026-11-20T05:00:00Z --to 2026-11-20T06:00:01Z \
      --stream cloudflare/0123456789abcdef0123456789abcdef/production
  different  2026-11-20 06:00:00Z to 2026-11-20 07:00:00Z:
    source 1,234,567, stored 1,234,566
  read again 2026-11-20 07:00:00Z to 2026-11-20 08:00:00Z:
    1 log stored, the source gives no totals
  unknown    2026-11-20 08:00:00Z to 2026-11-20 09:00:00Z:
    the source gives no totals; --repair reads it again
verify: 2 streams, 1,005 logs equal, 2 spans differ, 1 span expired, 1 span read again, 1 span doubtful, 1 span not counted, 9 requests, 0ms
`
	if diff := cmp.Diff(want, r.out.String()); diff != "" {
		t.Error(diff)
	}
	r.env, r.out = plain("LOGFERRY_LOG_FORMAT", "json"), bytes.Buffer{}
	r.run(t.Context(), "verify")
	for _, said := range []string{`"logs_equal":1005`, `"spans_different":2`, `"spans_doubtful":1`, `"spans_uncovered":2`, `"spans_read_again":1`} {
		if !strings.Contains(r.errs.String(), said) {
			t.Errorf("no %s in %s", said, r.errs.String())
		}
	}
	stopping, stop := context.WithCancelCause(t.Context())
	stop(stopped{syscall.SIGINT})
	r = &rig{env: plain("LOGFERRY_LOG_FORMAT", "text"), err: context.Canceled}
	if code := r.run(stopping, "verify"); code != ferry.ExitSIGINT || !strings.Contains(r.errs.String(), "stopped by SIGINT; run again, it begins anew\n") {
		t.Errorf("stopped: exit code %d, said %s", code, r.errs.String())
	}
}

func TestPlan(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC) }
	r := &rig{env: plain("LOGFERRY_LOG_FORMAT", "text"), summary: ferry.Summary{Streams: 4, Requests: 6, Elapsed: 1200 * time.Millisecond, Plan: []ferry.PlanLine{
		{Stream: "a", From: at(1), To: at(3), Windows: 12, Logs: 8819, Requests: 190, Time: 57 * time.Second},
		{Stream: "b", From: at(1), To: at(2), Windows: 1, Logs: -1, Requests: -1},
		{Stream: "c"},
		{Stream: "d", From: at(1), To: at(2)},
	}}}
	r.run(t.Context(), "backfill --from 3d --dry-run")
	const want = `a
  2026-11-20 01:00:00Z to 2026-11-20 03:00:00Z
  12 windows, 8,819 logs, 190 requests, about 57s at the budget
b
  2026-11-20 01:00:00Z to 2026-11-20 02:00:00Z
  1 window, logs unknown, requests unknown
c
  nothing to do: the span is covered
d
  nothing to read: the source holds no log
backfill (dry run): 4 streams, 13 windows, 8,819 logs, 190 requests to come, 6 requests, 1.2s
`
	if diff := cmp.Diff(want, r.out.String()); diff != "" {
		t.Error(diff)
	}
	r = &rig{env: plain("LOGFERRY_LOG_FORMAT", "text"), summary: ferry.Summary{Streams: 1, Requests: 2, Elapsed: 1200 * time.Millisecond, Plan: []ferry.PlanLine{
		{Stream: "a", From: at(1), To: at(3), Windows: 2, Logs: 10_000, Requests: 202, Time: 61 * time.Second, AtLeast: true},
	}}}
	r.run(t.Context(), "backfill --from 3d --dry-run")
	const capped = `a
  2026-11-20 01:00:00Z to 2026-11-20 03:00:00Z
  at least 2 windows, 10,000 logs, 202 requests, about 1m1s at the budget
backfill (dry run): 1 stream, at least 2 windows, 10,000 logs, 202 requests to come, 2 requests, 1.2s
`
	if diff := cmp.Diff(capped, r.out.String()); diff != "" {
		t.Errorf("a total at its cap: %s", diff)
	}
}

// TestHelpFits: every command explains itself within 80 columns.
func TestHelpFits(t *testing.T) {
	commands := []string{"", "sync", "backfill", "serve", "verify", "status", "streams", "streams list", "streams disable",
		"streams enable", "migrate", "migrate up", "migrate version", "migrate down", "check", "demo", "version", "help backfill",
		"quarantine", "quarantine list", "quarantine show", "quarantine replay", "quarantine discard", "streams forget"}
	for _, command := range commands {
		r := &rig{}
		if code := r.run(t.Context(), command+" --help"); code != 0 || r.errs.Len() > 0 {
			t.Errorf("%s --help: exit code %d, said %s", command, code, r.errs.String())
		}
		for line := range strings.Lines(r.out.String()) {
			if utf8.RuneCountInString(line) > 81 {
				t.Errorf("%s --help: longer than 80: %s", command, line)
			}
		}
		for _, part := range []string{"Usage:\n  logferry", "Exit codes:\n"} {
			if !strings.Contains(r.out.String(), part) {
				t.Errorf("%s --help: no %q", command, part)
			}
		}
	}
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

func TestBrokenOutput(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{&os.PathError{Op: "write", Err: syscall.EPIPE}, 0},
		{errors.New("code 75: no space"), ferry.ExitUnexpected},
	} {
		r := &rig{streams: someStreams()}
		var errs bytes.Buffer
		code := newProgram(plain(), brokenWriter{test.err}, &errs, r.deps()).run(t.Context(), []string{"status", "--json"})
		if code != test.want {
			t.Errorf("%v: exit code %d, said %s", test.err, code, errs.String())
		}
	}
	r := &rig{}
	if code := newProgram(plain(), &r.out, brokenWriter{syscall.EPIPE}, r.deps()).run(t.Context(), []string{"sync"}); code != 0 {
		t.Errorf("standard error closed: exit code %d", code)
	}
}

func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	at := noon
	report := progressLines(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return at })
	for range 25 {
		at = at.Add(time.Second)
		report(ferry.Progress{Rows: 10, Wanted: day, Covered: time.Hour, Done: 1.0 / 24, Note: "budget"})
	}
	unknown := 0
	for range 10 {
		at = at.Add(time.Second)
		report(ferry.Progress{Note: "budget"})
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "requests=0 waiting_for=budget") && !strings.Contains(line, "wanted") {
			unknown++
		}
	}
	if unknown != 1 {
		t.Errorf("%d lines without what is not known:\n%s", unknown, out.String())
	}
	if n := strings.Count(out.String(), "covered=1h wanted=1d done=4% waiting_for=budget"); n != 2 {
		t.Errorf("%d lines in 25 seconds:\n%s", n, out.String())
	}
}

func TestProgressBarYieldsToLines(t *testing.T) {
	var out bytes.Buffer
	s := &screen{to: &out}
	s.progressBar(ferry.Progress{}) // nothing wanted, nothing shown
	if out.Len() > 0 {
		t.Errorf("an empty bar: %q", out.String())
	}
	const why = "the budget of Keywords AI, 50 of 50 used, until 03:07:40Z"
	waits := ferry.Progress{Rows: 1200, Wanted: 2 * time.Hour, Note: why}
	s.progressBar(ferry.Progress{Note: why}) // also where nothing is known yet
	s.progressBar(waits)
	if !strings.Contains(out.String(), "waiting for "+why) {
		t.Errorf("no spinner: %q", out.String())
	}
	waits.Note = strings.Repeat("long ", 40)
	s.progressBar(waits)
	s.progressBar(ferry.Progress{Rows: 88_000_200, Inserted: 88_000_000, Requests: 1_000_000, Wanted: 2 * time.Hour, Covered: time.Hour, Done: 0.5})
	if !strings.Contains(out.String(), "88,000,200 logs, 88,000,000 new, 1,000,000 re...") {
		t.Errorf("no bar: %q", out.String())
	}
	for line := range strings.SplitSeq(out.String(), "\r") {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("longer than 80: %q", line)
		}
	}
	if at := s.bar.State().CurrentNum; at != barSteps/2 {
		t.Errorf("the bar is at %d of %d", at, barSteps)
	}
	_, _ = s.Write([]byte("a line\n"))
	before, _, found := strings.Cut(out.String(), "a line\n")
	if !found || !strings.HasSuffix(before, "\r") {
		t.Errorf("the line does not begin at the margin: %q", out.String())
	}
	s.endProgress()
	if s.bar != nil || !strings.HasSuffix(out.String(), "\r") {
		t.Errorf("the bar is still there: %q", out.String())
	}
}
