package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logferry/ferry"
)

// A mistake is what a new user does wrong, and the answer.
type mistake struct {
	name string
	line string   // command line
	env  []string // changed variables
	code int
	says string // standard error, without "logferry: " at the front of its lines
}

const up = ": run 'logferry migrate up'"

// TestSettingsMistakes: on a warehouse that is as it should be, one thing is
// set wrong.
func TestSettingsMistakes(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	w.ok("streams disable keywordsai/ds_1")
	const (
		known    = `cloudflare/` + account + `/prod, keywordsai/ds_1`
		refused  = `check CLOUDFLARE_API_TOKEN, which needs the permission "AI Gateway Read" on the account`
		noSource = "no source is set: give CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or KEYWORDSAI_API_KEY, or all three"
		noURL    = "DATABASE_URL: is not set: give the warehouse, such as postgres://user:password@host:5432/database (`logferry demo` needs none)"
	)
	off := []string{"KEYWORDSAI_API_KEY", ""}
	for _, m := range []mistake{
		{"nothing set", "sync", []string{"DATABASE_URL", "", "CLOUDFLARE_API_TOKEN", "", "CLOUDFLARE_ACCOUNT_ID", "", "KEYWORDSAI_API_KEY", ""}, 78, noURL + "\n" + noSource},
		{"half of Cloudflare", "sync", []string{"CLOUDFLARE_ACCOUNT_ID", ""}, 78,
			"CLOUDFLARE_ACCOUNT_ID: is not set, CLOUDFLARE_API_TOKEN is: give both, or neither to leave Cloudflare off"},
		{"not a URL", "status", []string{"DATABASE_URL", "warehouse"}, 78,
			"DATABASE_URL: is not a Postgres URL (failed to parse as keyword/value (invalid keyword/value)); give postgres://user:password@host:5432/database, special characters in the password percent-encoded"},
		{"wrong token", "sync", append(off, "CLOUDFLARE_API_TOKEN", canary), 77,
			"Cloudflare refused the credential to list gateways (HTTP 401, code 10000): " + refused},
		{"wrong token for two named gateways", "sync", append(off, "CLOUDFLARE_API_TOKEN", canary, "CLOUDFLARE_GATEWAY_IDS", "prod,test"), 77,
			"cloudflare/" + account + "/prod, cloudflare/" + account + "/test: Cloudflare refused the credential to list logs (HTTP 401, code 10000): " + refused},
		{"wrong token, stream named", "backfill --from 1d --stream cloudflare/" + account + "/prod", append(off, "CLOUDFLARE_API_TOKEN", canary), 77,
			"Cloudflare refused the credential to list gateways (HTTP 401, code 10000): " + refused},
		{"wrong key", "sync", []string{"CLOUDFLARE_API_TOKEN", "", "CLOUDFLARE_ACCOUNT_ID", "", "KEYWORDSAI_API_KEY", canary}, 77,
			"Keywords AI refused the credential to list datasets (HTTP 401): check KEYWORDSAI_API_KEY"},
		{"wrong key under its other name", "verify", []string{"CLOUDFLARE_API_TOKEN", "", "CLOUDFLARE_ACCOUNT_ID", "", "KEYWORDSAI_API_KEY", "", "RESPAN_API_KEY", canary}, 77,
			"Keywords AI refused the credential to list datasets (HTTP 401): check RESPAN_API_KEY"},
		{"wrong account", "sync", append(off, "CLOUDFLARE_ACCOUNT_ID", "somebody-elses"), 78,
			"Cloudflare did not accept the request to list gateways (HTTP 400, code 7003): check CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_GATEWAY_IDS and CLOUDFLARE_BASE_URL"},
		{"wrong gateway", "sync", append(off, "CLOUDFLARE_GATEWAY_IDS", "prod,prud"), 78,
			"cloudflare/" + account + "/prud: Cloudflare has no such gateway for this credential, gone or not permitted (HTTP 404, code 7002): check the id, and that CLOUDFLARE_API_TOKEN may read it"},
		{"wrong dataset", "backfill --from 1d --stream keywordsai/ds_2", []string{"KEYWORDSAI_DATASET_IDS", "ds_2"}, 78,
			"keywordsai/ds_2: Keywords AI has no such dataset for this credential, gone or not permitted (HTTP 404): check the id, and that KEYWORDSAI_API_KEY may read it"},
		{"provider does not answer", "sync", append(off, "CLOUDFLARE_BASE_URL", "http://127.0.0.1:1"), 69,
			"Cloudflare is unavailable: list gateways (connection refused, 5 tries); run again later, or check the network and CLOUDFLARE_BASE_URL"},
		{"address with too much", "sync", append(off, "CLOUDFLARE_BASE_URL", "http://127.0.0.1:1/accounts"), 78,
			`CLOUDFLARE_BASE_URL: "http://127.0.0.1:1/accounts" ends in what is appended anyway: leave out /accounts`},
		{"misspelt variable", "status", []string{"LOGFERRY_SETLE", "5m"}, 0,
			`level=WARN msg="LOGFERRY_SETLE is not a setting and has no effect; the nearest is LOGFERRY_SETTLE"`},
		{"no duration", "sync", []string{"LOGFERRY_SETTLE", "10"}, 78,
			`LOGFERRY_SETTLE: "10" is not a duration: give whole numbers with s, m, h, d or w, such as 10m or 1d12h`},
		{"no date", "backfill --from yesterday", nil, 64,
			`--from: "yesterday" is not a time: give 2026-11-01T08:00:00Z, a date such as 2026-11-01, or how long ago, such as 7d` + "\nsee `logferry backfill --help`"},
		{"no date, as a variable", "", []string{"LOGFERRY_COMMAND", "backfill", "LOGFERRY_BACKFILL_FROM", "2026-13-01"}, 64,
			`LOGFERRY_BACKFILL_FROM: "2026-13-01" is not a time: give 2026-11-01T08:00:00Z, a date such as 2026-11-01, or how long ago, such as 7d` + "\nsee `logferry backfill --help`"},
		{"from after to", "backfill --from 2026-02-02 --to 2026-02-01", nil, 64,
			"--from 2026-02-02T00:00:00Z is not before --to 2026-02-01T00:00:00Z\nsee `logferry backfill --help`"},
		{"from too young", "backfill --from 1m", nil, 64,
			"--from is younger than LOGFERRY_SETTLE (10m): nothing that young is ever covered\nsee `logferry backfill --help`"},
		{"unknown stream", "verify --stream keywordsai/ds_9", nil, 64,
			`no stream is called "keywordsai/ds_9"; configured are: ` + known},
		{"unknown stream, planned", "backfill --from 1d --dry-run --stream keywordsai/ds_9", nil, 64,
			`no stream is called "keywordsai/ds_9"; configured are: ` + known},
		{"unknown stream to disable", "streams disable keywordsai/ds_9", nil, 64,
			`no stream is called "keywordsai/ds_9": see 'logferry streams list'`},
		{"disabled stream", "backfill --from 1d --stream keywordsai/ds_1", nil, 64,
			"keywordsai/ds_1 is disabled: run 'logferry streams enable keywordsai/ds_1' first"},
		{"no stream left", "backfill --from 1d", []string{"CLOUDFLARE_API_TOKEN", "", "CLOUDFLARE_ACCOUNT_ID", ""}, 78,
			"no stream to work on: none is discovered and enabled, and the settings name none; see 'logferry streams list'"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w.answers(t, m)
		})
	}
}

// front is what stands before a message, and says nothing about it.
var front = regexp.MustCompile(`(?m)^(time=\S+|logferry:) `)

// answers makes a mistake and compares exit code and standard error.
func (w *world) answers(t *testing.T, m mistake) {
	t.Helper()
	own := *w
	own.t = t
	r := own.run(t.Context(), m.line, m.env...)
	var kept []string // what the run did on the way is not an answer
	for line := range strings.Lines(front.ReplaceAllString(r.errs, "")) {
		if !strings.Contains(line, "level=INFO") {
			kept = append(kept, line)
		}
	}
	if r.code != m.code {
		t.Errorf("exit code %d, want %d", r.code, m.code)
	}
	if diff := cmp.Diff(m.says+"\n", strings.Join(kept, "")); diff != "" {
		t.Error(diff)
	}
	if m.code == ferry.ExitOK {
		return
	}
	if n := len(kept); n > 2 {
		t.Errorf("%d lines; one or two are enough", n)
	}
}
