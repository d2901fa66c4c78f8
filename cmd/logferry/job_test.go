package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
	"logferry/ferry"
)

// TestWholeJob is the first day with logferry, command by command.
func TestWholeJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nothing)
	w.shows("migrate version", `schema version 0 of \d+: run logferry migrate up\n`)
	if r := w.run(t.Context(), "check"); r.code != ferry.ExitConfig || !strings.Contains(r.out, "problem  schema\n") {
		t.Errorf("check before migrating: exit code %d\n%s", r.code, r.out)
	}
	w.shows("migrate up", `(applied \d{4}_\w+.up.sql in \d+ms\n)+schema version \d+ of \d+: up to date\n`)
	w.shows("migrate up", `schema version \d+ of \d+: up to date\n`)
	w.shows("check", `(?s).*\n\nok       settings .*\nok       database  .*\nok       schema .*\nok       clock .*\n`+
		`ok       CLOUDFLARE_API_TOKEN  accepted, lists cloudflare/`+account+`/prod\nok       KEYWORDSAI_API_KEY    accepted, lists keywordsai/ds_1\n`)
	w.shows("status", `no streams yet: run logferry sync\n`)

	w.shows("sync", `sync: 2 streams, \d+ windows attested, 700 logs read, 700 new, 0 changed, \d+ requests, \S+\n`)
	before := w.query(`select stream_id, log_id, xmin from logferry.requests order by 1, 2`)
	w.shows("sync", `sync: 2 streams, \d windows? attested, \d+ logs? read, 0 new, 0 changed, \d+ requests, \S+\n`)
	if diff := cmp.Diff(before, w.query(`select stream_id, log_id, xmin from logferry.requests order by 1, 2`)); diff != "" {
		t.Errorf("the second sync wrote:\n%s", diff)
	}
	w.shows("status", `STREAM\n +WATERMARK .*\ncloudflare/`+account+`/prod\n  20\S+ \S+Z +10m\S* +0 +0 +0 +\S+ +\d+/1000000\n  complete through 20\S+ \S+:00:00Z\nkeywordsai/ds_1\n.*\n.*\n`)
	w.shows("streams list", `STREAM\n +LOGS  SINCE\n.*prod\n +400  20.*Z\nkeywordsai/ds_1\n +300  2015-01-01 00:00:00Z\n`)
	w.shows("verify --from 3d", `(?s)cloudflare/.*/prod\n  equal +\S+ \S+ to \S+ \S+Z: \d+ logs\n.*keywordsai/ds_1\n  equal .*verify: 2 streams, \d+ logs equal, \d+ requests, \S+\n`)
}

// shows runs a command that must succeed, and matches all it prints.
func (w *world) shows(line, pattern string) {
	w.t.Helper()
	if out := w.ok(line); !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(out) {
		w.t.Errorf("%s printed\n%s\nwant\n%s", line, out, pattern)
	}
}

func TestStatusOfRealStreams(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	var streams []streamRecord
	if err := json.Unmarshal([]byte(w.ok("status --json")), &streams); err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		lag := time.Duration(*s.LagSeconds) * time.Second
		if !s.Enabled || !s.Configured || !s.Proven || s.Gone || s.Gaps+s.Doubtful+s.Quarantined > 0 || lag < 10*time.Minute || lag > 12*time.Minute {
			t.Errorf("a stream just synced is %+v", s)
		}
	}
	if len(streams) != 2 || streams[0].Logs != 400 || streams[1].Logs != 300 {
		t.Errorf("%d streams: %+v", len(streams), streams)
	}
	w.shows("status", `(?s).*ds_1\n.*`)
	if out := w.ok("status", "KEYWORDSAI_API_KEY", ""); !strings.Contains(out, "keywordsai/ds_1  (not configured)\n") {
		t.Errorf("without its key:\n%s", out)
	}
}

// TestDisable: a disabled stream is left out and keeps its rows.
func TestDisable(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	w.shows("streams disable keywordsai/ds_1", "disabled keywordsai/ds_1\n")
	w.shows("streams list", `(?s).*keywordsai/ds_1  \(disabled\)\n +300  .*Z\n`)
	w.shows("sync", `sync: 1 stream, .*\n`)
	w.shows("streams enable keywordsai/ds_1", "enabled keywordsai/ds_1\n")
	w.shows("sync", `sync: 2 streams, .*\n`)
}

// TestVerifyFindsAndRepairs: a row lost in the warehouse is found by counting,
// and read again.
func TestVerifyFindsAndRepairs(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	lost := w.query(`delete from logferry.requests where (stream_id, log_id) in (
		select stream_id, log_id from logferry.requests where created_at < now() - interval '1 hour' order by created_at limit 1) returning log_id`)
	r := w.run(t.Context(), "verify")
	if r.code != ferry.ExitData || !strings.Contains(r.out, "  different ") || !strings.Contains(r.out, "1 span differs") ||
		!strings.Contains(r.errs, "1 span not equal to the source; --repair reads again what differs") {
		t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.errs)
	}
	w.shows("verify --repair", `(?s).*  repaired  .*verify: 2 streams, .*1 span repaired, \d+ logs? read, 1 new, 0 changed, .*`)
	w.shows("verify", `(?s).*verify: 2 streams, \d+ logs equal, \d+ requests, \S+\n`)
	if again := w.query(`select log_id from logferry.requests where log_id = '` + strings.TrimSpace(lost) + `'`); again != lost {
		t.Errorf("lost %q, repaired %q", lost, again)
	}
}

// TestDryRunWritesNothing, neither before the first sync nor after it.
func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, when := range []string{"before the first sync", "synced"} {
		before := w.everything()
		w.shows("backfill --from 10d --dry-run", `(?s)cloudflare/`+account+`/prod\n  .*keywordsai/ds_1\n  .*backfill \(dry run\): 2 streams, \d windows?, .* to come, \d+ requests, \S+\n`)
		if diff := cmp.Diff(before, w.everything()); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
		w.ok("sync")
	}
	w.ok("backfill --from 10d")
	w.shows("backfill --from 10d --to 1d --dry-run --stream keywordsai/ds_1", `keywordsai/ds_1\n  nothing to do: the span is covered\n`+
		`backfill \(dry run\): 1 stream, 0 windows, 0 logs, 0 requests to come, \d+ requests?, \S+\n`)
}

// everything is a digest of each table but the budgets.
func (w *world) everything() []string {
	w.t.Helper()
	var digests []string
	for table := range strings.FieldsSeq(w.query(`select format('%I.%I', schemaname, tablename) from pg_tables
		where schemaname in ('logferry', 'logferry_private') and tablename not in ('budgets', 'budget_slots') order by 1`)) {
		digest := w.query(`select count(*), md5(string_agg(t::text, e'\n' order by t::text)) from ` + table + ` t`)
		digests = append(digests, table+" "+strings.TrimSpace(digest))
	}
	if len(digests) < 10 {
		w.t.Fatalf("only these tables: %q", digests)
	}
	return digests
}

func TestBackfillCommand(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.shows("backfill --from 30h --to 2h", `backfill: 2 streams, \d windows? attested, [1-9]\d+ logs read, \d+ new, 0 changed, \d+ requests, \S+\n`)
	w.shows("backfill --from 30h --to 2h", `backfill: 2 streams, \d windows? attested, 0 logs read, 0 new, 0 changed, \d+ requests, \S+\n`)
	w.shows("backfill --from 30h --to 2h --force", `backfill: 2 streams, \d windows? attested, [1-9]\d+ logs read, 0 new, 0 changed, \d+ requests, \S+\n`)

	// As a Kubernetes job made from the CronJob does it.
	out := w.ok("", "LOGFERRY_COMMAND", "backfill", "LOGFERRY_BACKFILL_FROM", "3d", "LOGFERRY_BACKFILL_STREAM", "keywordsai/ds_1")
	if !strings.HasPrefix(out, "backfill: 1 stream, ") {
		t.Errorf("by variables:\n%s", out)
	}
	r := w.run(t.Context(), "backfill --from 1d --to 1s")
	if r.code != 0 || !strings.Contains(r.errs, "level=WARN") || !strings.Contains(r.errs, "is later than now minus LOGFERRY_SETTLE; cut to") {
		t.Errorf("--to 1s: exit code %d\n%s", r.code, r.errs)
	}
}

// TestJSON: for machines every line of standard error is a record, the summary
// among them, and standard output is empty.
func TestJSON(t *testing.T) {
	t.Parallel()
	w := full(t)
	records := func(code int, line string, changed ...string) map[string]map[string]any {
		t.Helper()
		r := w.run(t.Context(), line, append(changed, "LOGFERRY_LOG_FORMAT", "json", "LOGFERRY_LOG_LEVEL", "debug")...)
		if r.code != code || r.out != "" {
			t.Errorf("%s: exit code %d, standard output %q", line, r.code, r.out)
		}
		byMessage := map[string]map[string]any{}
		for text := range bytes.Lines([]byte(r.errs)) {
			var record map[string]any
			if err := json.Unmarshal(text, &record); err != nil {
				t.Errorf("%s: %v in %s", line, err, text)
			}
			byMessage[record["msg"].(string)] = record
		}
		return byMessage
	}
	summary := records(0, "sync")["summary"]
	if summary["command"] != "sync" || summary["exit_code"] != 0.0 || summary["inserted"] != 700.0 || summary["streams"] != 2.0 ||
		summary["unfinished_seconds"] != 0.0 || summary["level"] != "INFO" {
		t.Errorf("summary %v", summary)
	}
	failed := records(ferry.ExitNoPerm, "backfill --from 1d", "CLOUDFLARE_API_TOKEN", canary)
	const why = `Cloudflare refused the credential to list gateways (HTTP 401, code 10000): check CLOUDFLARE_API_TOKEN, which needs the permission "AI Gateway Read" on the account`
	if failed["summary"]["exit_code"] != 77.0 || failed[why]["level"] != "ERROR" || failed[why]["exit_code"] != 77.0 {
		t.Errorf("of a failure: %v", failed)
	}
}

// TestNothingSecretIsShown runs every command but the demo at debug level, with
// a password in the database's URL and prompts in the logs, well and with
// everything refused. Only a case's bytes may show a prompt, and only where
// prompts are kept.
func TestNothingSecretIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nothing)
	w.env["DATABASE_URL"], w.env["LOGFERRY_LOG_LEVEL"] = w.database("password", canary), "debug"
	w.speak()
	lines := []string{"migrate up", "check", "sync", "status", "status --json", "streams list", "backfill --from 1d --dry-run", "backfill --from 1d --force",
		"verify --repair", "serve", "quarantine list", "quarantine show CASE", "quarantine replay", "quarantine discard CASE", "quarantine list --all",
		"streams disable keywordsai/ds_1", "streams enable keywordsai/ds_1", "streams forget keywordsai/ds_1",
		"migrate version", "version", "migrate down --to 0 --yes"}
	for format, payloads := range map[string]string{"text": "off", "json": "on"} {
		w.env["LOGFERRY_LOG_FORMAT"], w.env["LOGFERRY_PAYLOADS"] = format, payloads
		for _, line := range lines {
			if r := w.hushed(line); r.code != 0 {
				t.Errorf("%s: exit code %d\n%s", line, r.code, r.errs)
			}
		}
		if r := w.hushed("sync"); r.code != ferry.ExitConfig || !strings.Contains(r.errs, "no logferry schema") {
			t.Errorf("without a schema: exit code %d\n%s", r.code, r.errs)
		}
	}
	w.ok("migrate up")
	w.env["CLOUDFLARE_API_TOKEN"], w.env["KEYWORDSAI_API_KEY"] = canary, canary
	for _, line := range slices.Concat(lines[1:10], []string{"sync"}) {
		w.hushed(line)
	}
}

// speak adds logs with prompts in them: one that is fit for a row, and two for
// quarantine, one of which has no place for a prompt but a value of no use.
func (w *world) speak() {
	at := time.Now().Add(-time.Hour)
	stamp := at.UTC().Format(time.RFC3339)
	w.gateway.Insert(
		emulator.Log{ID: "1", At: at, Doc: []byte(`{"id":"1","created_at":"` + stamp + `","model":"m","prompt":"` + canaryPrompt + `"}`)},
		emulator.Log{ID: "2", At: at, Doc: []byte(`{"id":"2","created_at":"` + canary + `","cost":"` + canary + `"}`)},
		emulator.Log{ID: "3", At: at, Doc: []byte(`{"id":"3","created_at":"never","request":"` + canaryPrompt + `","response":["` + canaryPrompt + `"]}`)},
	)
}

// hushed runs a command and checks that nothing is shown that it may not show.
// CASE stands for the case with a prompt in it.
func (w *world) hushed(line string) result {
	w.t.Helper()
	if line == "serve" {
		return w.serveOnce()
	}
	if strings.Contains(line, "CASE") {
		number := w.query(`select quarantine_id from logferry_private.quarantine where log_id = '3'`)
		line = strings.Replace(line, "CASE", strings.TrimSpace(number), 1)
	}
	if !strings.HasPrefix(line, "quarantine show ") || w.env["LOGFERRY_PAYLOADS"] != "on" {
		return w.run(w.t.Context(), line)
	}
	r := w.unseen(w.t.Context(), line)
	w.hides(line, r, slices.DeleteFunc(secrets(), func(s string) bool { return s == canaryPrompt })...)
	if !strings.Contains(r.out, canaryPrompt) {
		w.t.Errorf("%s: the prompt is not kept, or not shown", line)
	}
	return r
}

// serveOnce lets serve make one pass.
func (w *world) serveOnce() result {
	w.t.Helper()
	passes := func() string {
		return w.query(`select count(*) from logferry.runs where command = 'serve' and finished_at is not null`)
	}
	before := passes()
	ctx, stop := context.WithCancelCause(w.t.Context())
	ended := make(chan result, 1)
	go func() { ended <- w.unseen(ctx, "serve") }()
	until(w.t, "serve made no pass", func() bool { return passes() != before })
	stop(stopped{syscall.SIGTERM})
	r := <-ended
	w.hides("serve", r, secrets()...)
	if r.code == ferry.ExitSIGTERM {
		r.code = 0 // there is no other end
	}
	return r
}

// TestForget: a forgotten stream keeps its rows and is met anew.
func TestForget(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	w.shows("streams forget keywordsai/ds_1", "forgot keywordsai/ds_1\n")
	if r := w.run(t.Context(), "streams forget keywordsai/ds_1"); r.code != ferry.ExitUsage || !strings.Contains(r.errs, "no stream is called") {
		t.Errorf("forgetting it again: exit code %d: %s", r.code, r.errs)
	}
	w.shows("sync", `sync: 2 streams, .* 0 new, 0 changed, .*\n`)
}

// TestQuarantineCommands: nothing to show, and cases that are not there.
func TestQuarantineCommands(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	w.shows("quarantine list", "no open case\n")
	w.shows("quarantine replay", "replayed: 0 stored, 0 still can't be, 0 left to another run\n")
	for line, says := range map[string]string{
		"quarantine show 7":    "quarantine holds no case 7",
		"quarantine discard x": `"x" is not the number of a case`,
		"quarantine show":      "wants the number of a case",
	} {
		if r := w.run(t.Context(), line); r.code != ferry.ExitUsage || !strings.Contains(r.errs, says) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.errs)
		}
	}
}
