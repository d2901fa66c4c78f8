package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/ferry"
)

// A rig is a program whose deeds note what they were asked.
type rig struct {
	env      environ
	config   ferry.Config
	backfill ferry.BackfillOptions
	verify   ferry.VerifyOptions
	serve    ferry.ServeOptions
	demo     demoOptions
	switched string
	migrated string

	summary  ferry.Summary
	report   ferry.VerifyReport
	streams  []ferry.StreamStatus
	findings []ferry.Finding
	replayed ferry.Replayed
	err      error // of every deed
	openErr  error

	out, errs bytes.Buffer
}

func (r *rig) deps() deps {
	return deps{
		open: func(_ context.Context, c ferry.Config) (*flow, error) {
			r.config = c
			return r.flow(), r.openErr
		},
		check: func(_ context.Context, c ferry.Config) []ferry.Finding {
			r.config = c
			return r.findings
		},
		exitCode: func(err error) int { return codeIn(err) },
		migrateUp: func(_ context.Context, url string, _ func(string, time.Duration)) error {
			r.migrated = "up " + url
			return r.err
		},
		migrateDown: func(_ context.Context, url string, to int) error {
			r.migrated = fmt.Sprintf("down %s %d", url, to)
			return r.err
		},
		schemaAt:     func(context.Context, string) (schemaState, error) { return schemaState{current: 2, newest: 3}, r.err },
		newestSchema: func() int { return 3 },
		demo:         func(_ context.Context, o demoOptions) error { r.demo = o; return r.err },
	}
}

func (r *rig) flow() *flow {
	return &flow{
		close: func() {},
		sync:  func(context.Context) (ferry.Summary, error) { return r.summary, r.err },
		backfill: func(_ context.Context, o ferry.BackfillOptions) (ferry.Summary, error) {
			r.backfill = o
			return r.summary, r.err
		},
		verify: func(_ context.Context, o ferry.VerifyOptions) (ferry.VerifyReport, error) {
			r.verify = o
			return r.report, r.err
		},
		status: func(context.Context) ([]ferry.StreamStatus, error) { return r.streams, r.err },
		setEnabled: func(_ context.Context, stream string, on bool) error {
			r.switched = fmt.Sprint(stream, " ", on)
			return r.err
		},
		replay: func(context.Context, []int64) (ferry.Replayed, error) { return r.replayed, r.err },
		serve: func(_ context.Context, o ferry.ServeOptions) error {
			r.serve = o
			r.config.Passed(r.summary, r.err)
			return context.Canceled
		},
	}
}

// codeIn reads the exit code that a test wrote into its error.
func codeIn(err error) int {
	code := ferry.ExitUnexpected
	_, _ = fmt.Sscanf(err.Error(), "code %d", &code)
	return code
}

// run runs a command line; words are separated by spaces.
func (r *rig) run(ctx context.Context, line string) int {
	if r.env == nil {
		r.env = plain()
	}
	p := newProgram(r.env, &r.out, &r.errs, r.deps())
	p.now = func() time.Time { return noon }
	return p.run(ctx, strings.Fields(line))
}

func TestFlagsAndVariables(t *testing.T) {
	november := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		line string
		env  environ
		want ferry.BackfillOptions
	}{
		{"backfill --from 2026-11-01", plain(), ferry.BackfillOptions{From: november}},
		{"backfill --from=2026-11-01 --to 1d --stream a --stream b,c --force --accept-mismatch --dry-run", plain(), ferry.BackfillOptions{
			From: november, To: noon.Add(-day), Streams: []string{"a", "b", "c"}, Force: true, AcceptMismatch: true, DryRun: true,
		}},
		{"", plain("LOGFERRY_COMMAND", "backfill", "LOGFERRY_BACKFILL_FROM", "2026-11-01", "LOGFERRY_BACKFILL_DRY_RUN", "on", "LOGFERRY_BACKFILL_STREAM", "a,b"),
			ferry.BackfillOptions{From: november, DryRun: true, Streams: []string{"a", "b"}}},
		{"--force", plain("LOGFERRY_COMMAND", "backfill --from 2026-11-01"), ferry.BackfillOptions{From: november, Force: true}},
		{"backfill --from 2026-11-01 --force=false", plain("LOGFERRY_BACKFILL_FROM", "3d", "LOGFERRY_BACKFILL_FORCE", "on"), ferry.BackfillOptions{From: november}},
		{"backfill", plain("LOGFERRY_COMMAND", "sync", "LOGFERRY_BACKFILL_FROM", "2026-11-01", "LOGFERRY_BACKFILL_FORCE", " "), ferry.BackfillOptions{From: november}},
	} {
		r := &rig{env: test.env}
		if code := r.run(t.Context(), test.line); code != 0 {
			t.Errorf("%q: exit code %d: %s", test.line, code, r.errs.String())
		}
		if diff := cmp.Diff(test.want, r.backfill); diff != "" {
			t.Errorf("%q:\n%s", test.line, diff)
		}
	}
}

func TestCommandsReachTheirDeeds(t *testing.T) {
	r := &rig{}
	for _, line := range []string{
		"verify --from 2d --repair --stream a", "streams disable keywordsai/x", "migrate down --to 0 --yes",
	} {
		if code := r.run(t.Context(), line); code != 0 {
			t.Fatalf("%s: exit code %d: %s", line, code, r.errs.String())
		}
	}
	if diff := cmp.Diff(ferry.VerifyOptions{From: noon.Add(-2 * day), Streams: []string{"a"}, Repair: true}, r.verify); diff != "" {
		t.Error(diff)
	}
	if r.switched != "keywordsai/x false" || r.migrated != "down "+r.env["DATABASE_URL"]+" 0" {
		t.Errorf("switched %q, migrated %q", r.switched, r.migrated)
	}
	r.run(t.Context(), "verify")
	r.run(t.Context(), "migrate up")
	r.run(t.Context(), "streams enable keywordsai/x")
	if !r.verify.From.Equal(noon.Add(-7*day)) || r.switched != "keywordsai/x true" || r.migrated != "up "+r.env["DATABASE_URL"] {
		t.Errorf("verify from %v, switched %q, migrated %q", r.verify.From, r.switched, r.migrated)
	}

	trace := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(trace, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(t.Context(), "demo --keep --trace "+trace)
	if r.demo.trace != trace || !r.demo.keep || r.demo.databaseURL != "" {
		t.Errorf("demo was asked for %+v", r.demo)
	}
	if !strings.Contains(r.errs.String(), "DATABASE_URL is left alone") {
		t.Error("demo did not say that it leaves DATABASE_URL alone")
	}
	r.run(t.Context(), "demo --into-database-url")
	if r.demo.databaseURL != r.env["DATABASE_URL"] {
		t.Error("demo --into-database-url was not given DATABASE_URL")
	}
}

func TestRunTimeout(t *testing.T) {
	for line, want := range map[string]time.Duration{"sync": passTimeout, "serve": passTimeout, "backfill --from 3d": 0, "verify": 0} {
		r := &rig{}
		r.run(t.Context(), line)
		if r.config.RunTimeout != want {
			t.Errorf("%s: %v", line, r.config.RunTimeout)
		}
		r = &rig{env: plain("LOGFERRY_RUN_TIMEOUT", "5m")}
		if r.run(t.Context(), line); r.config.RunTimeout != 5*time.Minute {
			t.Errorf("%s with LOGFERRY_RUN_TIMEOUT: %v", line, r.config.RunTimeout)
		}
	}
}

func TestExitCodes(t *testing.T) {
	signalled := func(by syscall.Signal) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(stopped{by})
		return ctx
	}
	background := context.Background()
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"fine", background, nil, 0},
		{"from the flow", background, errors.New("code 65"), 65},
		{"terminated", signalled(syscall.SIGTERM), fmt.Errorf("code 75: %w", context.Canceled), 143},
		{"interrupted, flow silent", signalled(syscall.SIGINT), nil, 130},
		{"interrupted, flow hands on the cause", signalled(syscall.SIGINT), stopped{syscall.SIGINT}, 130},
		{"terminated, but the checkpoint failed", signalled(syscall.SIGTERM), errors.New("code 75"), 75},
	} {
		r := &rig{err: test.err, env: plain("LOGFERRY_LOG_FORMAT", "text")}
		if got := r.run(test.ctx, "sync"); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
		if strings.Contains(r.errs.String(), "logferry: ") != (test.want != 0) {
			t.Errorf("%s: said %q", test.name, r.errs.String())
		}
	}
}

func TestSignalsReachTheFlow(t *testing.T) {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	r := &rig{err: ctx.Err()}
	if code := r.run(ctx, "sync"); code != ferry.ExitSIGTERM || !strings.Contains(r.errs.String(), "stopped by SIGTERM; run it again to go on") {
		t.Errorf("exit code %d, said %q", code, r.errs.String())
	}
}

func TestSummary(t *testing.T) {
	summary := ferry.Summary{
		Streams: 3, Windows: 12, Attested: 12, Rows: 8819, Inserted: 8819, Requests: 190,
		Elapsed: 4200 * time.Millisecond, Notes: []string{"keywordsai/x is gone"},
	}
	r := &rig{env: plain("LOGFERRY_LOG_FORMAT", "text"), summary: summary}
	r.run(t.Context(), "sync")
	const want = "sync: 3 streams, 12 windows attested, 8,819 logs read, 8,819 new, 0 changed, 190 requests, 4.2s\n"
	if diff := cmp.Diff(want, r.out.String()); diff != "" {
		t.Error(diff)
	}

	all := ferry.Summary{
		Command: "backfill", Streams: 1, Attested: 1, Mismatch: 1, Accepted: 2, Short: 5, Doubtful: 2, Rows: 1, Changed: 1, Rejected: 3, Missing: 4,
		Requests: 1, Retries: 1, Held: 1, Unfinished: 76*time.Hour + time.Minute, Elapsed: 190 * time.Second,
	}
	const line = "backfill: 1 stream, 1 window attested, 1 log read, 0 new, 1 changed, 1 mismatch, 2 windows accepted 5 logs short, 2 doubtful windows, 3 logs into quarantine (see 'logferry quarantine list'), " +
		"4 missing upstream, 1 stream left to another process, 1 request, 1 retry, unfinished: 3d4h of wanted time, 3m10s"
	if diff := cmp.Diff(line, summaryText(all)); diff != "" {
		t.Error(diff)
	}

	r = &rig{env: plain("LOGFERRY_LOG_LEVEL", "error"), summary: summary, err: errors.New("code 65")}
	code := r.run(t.Context(), "sync")
	first, rest, _ := strings.Cut(r.errs.String(), "\n")
	var record map[string]any
	if err := json.Unmarshal([]byte(first), &record); err != nil {
		t.Fatalf("%v in %q", err, first)
	}
	if code != 65 || record["msg"] != "summary" || record["command"] != "sync" || record["exit_code"] != 65.0 ||
		record["inserted"] != 8819.0 || record["elapsed_seconds"] != 4.2 {
		t.Errorf("exit code %d, record %v", code, record)
	}
	if r.out.Len() > 0 || !strings.Contains(rest, `"level":"ERROR","msg":"code 65","exit_code":65}`) || strings.Count(rest, "\n") > 1 {
		t.Errorf("standard output %q, after the record %q", r.out.String(), rest)
	}
}

func TestServe(t *testing.T) {
	r := &rig{env: plain("LOGFERRY_SCHEDULE", "0 * * * *", "LOGFERRY_TIMEZONE", "Europe/Berlin"), err: errors.New("code 69")}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped{syscall.SIGTERM})
	if code := r.run(ctx, "serve"); code != ferry.ExitSIGTERM {
		t.Errorf("exit code %d", code)
	}
	for _, said := range []string{"2026-11-21 14:00 CET, 2026-11-21 15:00 CET", `"command":"serve"`, `"exit_code":69`, `"msg":"code 69"`} {
		if !strings.Contains(r.errs.String(), said) {
			t.Errorf("no %s in %s", said, r.errs.String())
		}
	}
	if r.serve.Location.String() != "Europe/Berlin" {
		t.Errorf("in %v", r.serve.Location)
	}
}
