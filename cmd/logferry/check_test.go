package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logferry/ferry"
	"logferry/migrations"
)

// found is what check lists under the settings, and how it ends.
func (w *world) found(changed ...string) (findings string, code int) {
	w.t.Helper()
	r := w.run(w.t.Context(), "check", changed...)
	_, findings, _ = strings.Cut(r.out, "\n\n")
	return findings, r.code
}

// TestCheckShowsAllProblemsAtOnce, each as far as it can be tried.
func TestCheckShowsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	w := full(t)
	const (
		fine    = "ok       settings              no problems\n"
		clocked = "ok       clock                 agrees with the database's\n"
		key     = "ok       KEYWORDSAI_API_KEY    accepted, lists keywordsai/ds_1\n"
		both    = "ok       CLOUDFLARE_API_TOKEN  accepted, lists cloudflare/" + account + "/prod\n" + key
		refused = "problem  CLOUDFLARE_API_TOKEN\n" +
			"         Cloudflare refused the credential to list gateways (HTTP 401, code\n" +
			"         10000): check CLOUDFLARE_API_TOKEN, which needs the permission \"AI\n" +
			"         Gateway Read\" on the account\n"
	)
	server := strings.TrimSpace(w.query(`show server_version`))
	postgres := "ok       database              PostgreSQL " + server + ", UTF8\n"
	schema := fmt.Sprintf("ok       schema                version %d\n", migrations.Newest())
	unmigrated := "problem  schema\n         the database has no logferry schema yet: run 'logferry migrate up'\n"
	bare := newWorld(t, nothing)
	for _, test := range []struct {
		name string
		env  []string
		want string
		code int
	}{
		{"nothing wrong", nil, fine + postgres + schema + clocked + both, 0},
		{"not migrated", []string{"DATABASE_URL", bare.env["DATABASE_URL"]}, fine + postgres + unmigrated + clocked + both, 78},
		{"an old server", []string{"DATABASE_URL", olderServer(t, w)},
			fine + "problem  database\n" + wrapped("the server is PostgreSQL "+server+", and logferry needs 15 or later", "         ") + schema + clocked + both, 78},
		{"another encoding", []string{"DATABASE_URL", bare.latin1()},
			fine + "problem  database\n         the database's encoding is LATIN1, and logferry needs UTF8: create\n" +
				"         another with encoding 'UTF8' template template0\n" + unmigrated + clocked + both, 78},
		{"a wrong token", []string{"CLOUDFLARE_API_TOKEN", canary}, fine + postgres + schema + clocked + refused + key, 77},
		{"everything but the key",
			[]string{"DATABASE_URL", "postgres://me:" + canary + "@127.0.0.1:1/warehouse", "LOGFERRY_TAIL", "maybe", "LOGFERRY_SETTLE", "1", "CLOUDFLARE_API_TOKEN", canary},
			"problem  settings\n         LOGFERRY_SETTLE: \"1\" is not a duration: give whole numbers with s, m,\n         h, d or w, such as 10m or 1d12h\n" +
				"problem  settings\n         LOGFERRY_TAIL: \"maybe\" is neither on nor off\n" +
				"problem  database\n         database: connect: no answer (connection refused); is DATABASE_URL\n         right and the server up?\n" +
				refused + key, 78},
		{"a gateway that is not there", []string{"CLOUDFLARE_GATEWAY_IDS", "prud"}, fine + postgres + schema + clocked +
			"problem  CLOUDFLARE_API_TOKEN\n" + wrapped(`Cloudflare has no gateway "prud" for this credential, gone or not permitted (HTTP 404, code 7002): check the id, and that CLOUDFLARE_API_TOKEN may read it`, "         ") + key, 78},
		{"a source half set", []string{"CLOUDFLARE_API_TOKEN", "", "DATABASE_URL", ""},
			"problem  settings\n" + wrapped("CLOUDFLARE_API_TOKEN: is not set, CLOUDFLARE_ACCOUNT_ID is: give both, or neither to leave Cloudflare off", "         ") +
				"problem  settings\n" + wrapped("DATABASE_URL: is not set: give the warehouse, such as postgres://user:password@host:5432/database (`logferry demo` needs none)", "         ") + key, 78},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			own := *w
			own.t = t
			findings, code := own.found(test.env...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if diff := cmp.Diff(test.want, findings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCheckAsksOnce: one request for each credential, whatever comes back.
func TestCheckAsksOnce(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, test := range []struct {
		env  []string
		code int
	}{
		{nil, 0},
		{[]string{"CLOUDFLARE_GATEWAY_IDS", "prod,other", "KEYWORDSAI_DATASET_IDS", "ds_1"}, 0},
		{[]string{"CLOUDFLARE_API_TOKEN", canary, "KEYWORDSAI_API_KEY", canary}, ferry.ExitNoPerm},
	} {
		w.emu.ForgetRequests()
		if findings, code := w.found(test.env...); code != test.code || len(w.emu.Requests()) != 2 {
			t.Errorf("%q: exit code %d, %d requests:\n%s", test.env, code, len(w.emu.Requests()), findings)
		}
	}
	if draws := w.query(`select count(*) from logferry.budgets`); draws != "0\n" {
		t.Errorf("check drew from %s budgets", draws)
	}
}

func TestCheck(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secretFile, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &rig{
		env: plain("RESPAN_API_KEY_FILE", secretFile, "LOGFERRY_SETTLE", "5m"),
		findings: []ferry.Finding{
			{What: "database", Detail: "PostgreSQL 15"},
			{What: "schema", Problem: errors.New("code 78: run logferry migrate up")},
		},
	}
	if code := r.run(t.Context(), "check"); code == 0 {
		t.Error("exit code 0 with a problem")
	}
	for _, said := range []string{
		"LOGFERRY_SETTLE                5m                                    environment\n",
		"RESPAN_API_KEY                 (hidden)                              file " + secretFile + "\n",
		"LOGFERRY_TAIL                  on                                    default\n",
		"ok       settings              no problems\n",
		"ok       database              PostgreSQL 15\n", "problem  schema\n         code 78: run logferry migrate up\n",
	} {
		if !strings.Contains(r.out.String(), said) {
			t.Errorf("no %q in\n%s", said, r.out.String())
		}
	}
	for _, v := range variables() {
		if !strings.Contains(r.out.String(), v.name+" ") {
			t.Errorf("%s is not shown", v.name)
		}
	}
	if said := r.out.String() + r.errs.String(); strings.Contains(said, canary) {
		t.Error("a secret is shown")
	}
}

// TestCheckTriesWhatItCan: a bad setting hides no other problem, and what it is
// part of is not tried.
func TestCheckTriesWhatItCan(t *testing.T) {
	r := &rig{
		env:      plain("LOGFERRY_CLOUDFLARE_BUDGET", "many", "RESPAN_API_KEY", "k"),
		findings: []ferry.Finding{{What: "RESPAN_API_KEY", Problem: errors.New("code 77")}},
	}
	code := r.run(t.Context(), "check")
	problems := strings.Count(r.out.String(), "\nproblem  ")
	if code != ferry.ExitConfig || problems != 2 || !strings.Contains(r.errs.String(), "check found 2 problems, shown above") {
		t.Errorf("exit code %d, %d problems:\n%s%s", code, problems, r.out.String(), r.errs.String())
	}
	if r.config.Cloudflare != nil || r.config.KeywordsAI == nil || r.config.DatabaseURL == "" {
		t.Errorf("tried with %+v", r.config)
	}
	r = &rig{env: plain("LOGFERRY_TAIL", "x"), findings: []ferry.Finding{{What: "tried"}}}
	if code := r.run(t.Context(), "check --offline"); code != ferry.ExitConfig || strings.Contains(r.out.String(), "tried") {
		t.Errorf("offline: exit code %d, said %s", code, r.out.String())
	}
}
