package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"logferry/ferry"
)

const canary = "hunter2canary"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// plain is the least that sync needs.
func plain(more ...string) environ {
	env := environ{
		"DATABASE_URL":          "postgres://me:" + canary + "@db/warehouse",
		"CLOUDFLARE_API_TOKEN":  canary + "token",
		"CLOUDFLARE_ACCOUNT_ID": "acc1",
	}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

func checked(env environ, want needs) (effective, *checker) {
	given, from := decode(env)
	c := &checker{}
	return given.check(c, from, want, noon), c
}

func TestDefaults(t *testing.T) {
	e, c := checked(plain(), needs{database: true, source: true, runTimeout: passTimeout})
	if len(c.problems)+len(c.warnings) > 0 {
		t.Fatalf("problems %q, warnings %q", c.problems, c.warnings)
	}
	want := ferry.Config{
		DatabaseURL: "postgres://me:" + canary + "@db/warehouse",
		Cloudflare: &ferry.Cloudflare{
			Token: canary + "token", AccountID: "acc1",
			BaseURL: "https://api.cloudflare.com/client/v4", Budget: ferry.Budget{Requests: 1000, Per: 5 * time.Minute},
		},
		Start: 30 * day, Settle: 10 * time.Minute, Lookback: day, Tail: true, Raw: true,
		Concurrency: 8, RunTimeout: 50 * time.Minute,
	}
	if diff := cmp.Diff(want, e.ferry); diff != "" {
		t.Error(diff)
	}
	if e.migrateURL != want.DatabaseURL || e.location != time.UTC || e.logLevel != slog.LevelInfo || e.logFormat != "" {
		t.Errorf("migrate with DATABASE_URL %v, in %v, level %v, format %q", e.migrateURL == want.DatabaseURL, e.location, e.logLevel, e.logFormat)
	}
	if next := e.schedule.Next(noon.Add(time.Second)); !next.Equal(noon.Add(15 * time.Minute)) {
		t.Errorf("schedule: next is %v", next)
	}
}

func TestKeywordsAI(t *testing.T) {
	want := &ferry.KeywordsAI{
		Key: "k", KeyName: "RESPAN_API_KEY", Datasets: []string{"a", "b"},
		BaseURL: "https://api.respan.ai", Budget: ferry.Budget{Requests: 50, Per: time.Minute},
	}
	e, c := checked(plain("RESPAN_API_KEY", "k", "RESPAN_BASE_URL", "https://api.respan.ai/", "KEYWORDSAI_DATASET_IDS", " a, b ,a,"), needs{})
	if diff := cmp.Diff(want, e.ferry.KeywordsAI); diff != "" || len(c.problems) > 0 {
		t.Errorf("problems %q\n%s", c.problems, diff)
	}
}

// goodAndBad holds a value that each variable takes and one that it refuses.
var goodAndBad = map[string][2]string{
	"DATABASE_URL":                  {"postgres://u@h/d?sslmode=disable", "mysql://u:" + canary + "@h/d"},
	"LOGFERRY_MIGRATE_DATABASE_URL": {"host=h user=u password=p port=5432", "postgres://u:" + canary + "@h:port/d"},
	"CLOUDFLARE_API_TOKEN":          {"t0ken_-", canary + " x"},
	"CLOUDFLARE_ACCOUNT_ID":         {"0123abc", "a/b"},
	"CLOUDFLARE_GATEWAY_IDS":        {"one,two", "one two"},
	"CLOUDFLARE_BASE_URL":           {"https://h/v4", "api.cloudflare.com"},
	"KEYWORDSAI_API_KEY":            {"key.1", canary + "\nx"},
	"RESPAN_API_KEY":                {"key.1", canary + "\tx"},
	"KEYWORDSAI_DATASET_IDS":        {"*", "*,one"},
	"KEYWORDSAI_BASE_URL":           {"https://h", "https://h/api"},
	"RESPAN_BASE_URL":               {"https://h", "ftp://h"},
	"LOGFERRY_START":                {"1d12h", "1.5d"},
	"LOGFERRY_SETTLE":               {"90s", "10"},
	"LOGFERRY_TAIL":                 {"off", "maybe"},
	"LOGFERRY_LOOKBACK":             {"2w", "2y"},
	"LOGFERRY_CLOUDFLARE_BUDGET":    {"10/1m", "1000"},
	"LOGFERRY_KEYWORDSAI_BUDGET":    {"60/1m", "0/1m"},
	"LOGFERRY_CONCURRENCY":          {"4", "0x10"},
	"LOGFERRY_RUN_TIMEOUT":          {"5m", "0s"},
	"LOGFERRY_RAW":                  {"on", "1 on"},
	"LOGFERRY_PAYLOADS":             {"ON", "payloads"},
	"LOGFERRY_SCHEDULE":             {"@hourly", "* * * *"},
	"LOGFERRY_TIMEZONE":             {"Europe/Berlin", "Berlin"},
	"LOGFERRY_LISTEN":               {"127.0.0.1:9090", "8080"},
	"LOGFERRY_LOG_FORMAT":           {"json", "xml"},
	"LOGFERRY_LOG_LEVEL":            {"debug", "loud"},
}

func TestEveryVariable(t *testing.T) {
	tried := 0
	for _, v := range variables() {
		values, ok := goodAndBad[v.name]
		if !ok {
			t.Errorf("%s: no values to try", v.name)
			continue
		}
		good, bad := values[0], values[1]
		unset, _ := checked(without(plain(), v.name), needs{})
		for name, try := range map[string]struct {
			value string
			fine  bool
		}{
			"good":         {good, true},
			"line end":     {good + "\r\n", true},
			"spaces":       {"  " + good + " ", true},
			"bad":          {bad, false},
			"two lines":    {good + "\nx", false},
			"two words":    {good + " x", false},
			"with a tab":   {good + "\tx", false},
			"with a zero":  {good + "\x00", false},
			"no UTF-8":     {good + "\xff", false},
			"quoted":       {`"` + good + `"`, false},
			"quoted once'": {`'` + good + `'`, false},
		} {
			_, c := checked(plain(v.name, try.value), needs{})
			tried++
			if try.fine && len(c.problems) > 0 {
				t.Errorf("%s, %s: %q", v.name, name, c.problems)
			}
			if !try.fine && (len(c.problems) != 1 || !strings.HasPrefix(c.problems[0], v.name+": ")) {
				t.Errorf("%s, %s: want one problem that begins with the name, got %q", v.name, name, c.problems)
			}
			if said := strings.Join(append(c.problems, c.warnings...), "\n"); strings.Contains(said, canary) {
				t.Errorf("%s, %s: a secret is shown: %s", v.name, name, said)
			}
			if strings.HasPrefix(name, "quoted") && !strings.Contains(strings.Join(c.problems, ""), "quotes") {
				t.Errorf("%s: nothing about the quotes: %q", v.name, c.problems)
			}
			if strings.ContainsAny(strings.Join(c.problems, ""), "\n\t\x00") || !utf8.ValidString(strings.Join(c.problems, "")) {
				t.Errorf("%s, %s: the problem is more than one line: %q", v.name, name, c.problems)
			}
		}
		for _, empty := range []string{"", " ", "\n"} {
			e, c := checked(plain(v.name, empty), needs{})
			tried++
			if diff := cmp.Diff(unset.ferry, e.ferry); diff != "" {
				t.Errorf("%s=%q is not as unset: %q\n%s", v.name, empty, c.problems, diff)
			}
		}
	}
	t.Logf("tried %d values", tried)
}

func without(env environ, name string) environ {
	delete(env, name)
	return env
}

func TestProblemsTogether(t *testing.T) {
	for _, test := range []struct {
		name string
		env  environ
		want needs
		say  []string // one for each problem, in order
	}{
		{"nothing set", environ{}, needs{database: true, source: true}, []string{"DATABASE_URL: is not set", "no source is set"}},
		{"nothing set, nothing wanted", environ{}, needs{}, nil},
		{"migrate alone", environ{}, needs{migrate: true}, []string{"DATABASE_URL: is not set"}},
		{"migrate with its own", environ{"LOGFERRY_MIGRATE_DATABASE_URL": "postgres://h/d"}, needs{migrate: true}, nil},
		{"token alone", without(plain(), "CLOUDFLARE_ACCOUNT_ID"), needs{source: true}, []string{"CLOUDFLARE_ACCOUNT_ID: is not set"}},
		{"account alone", without(plain(), "CLOUDFLARE_API_TOKEN"), needs{source: true}, []string{"CLOUDFLARE_API_TOKEN: is not set"}},
		{"two keys", plain("KEYWORDSAI_API_KEY", "a", "RESPAN_API_KEY", "b"), needs{}, []string{"KEYWORDSAI_API_KEY and RESPAN_API_KEY: differ"}},
		{"one key twice", plain("KEYWORDSAI_API_KEY", "a", "RESPAN_API_KEY", "a"), needs{}, nil},
		{"two addresses", plain("KEYWORDSAI_BASE_URL", "https://a", "RESPAN_BASE_URL", "https://b"), needs{}, []string{"KEYWORDSAI_BASE_URL and RESPAN_BASE_URL: differ"}},
		{"one address twice", plain("KEYWORDSAI_BASE_URL", "https://a", "RESPAN_BASE_URL", "https://a/"), needs{}, nil},
		{"many", plain("LOGFERRY_START", "x", "LOGFERRY_TAIL", "x", "LOGFERRY_LISTEN", "x"), needs{}, []string{"LOGFERRY_START: ", "LOGFERRY_TAIL: ", "LOGFERRY_LISTEN: "}},
		{"password in an address", plain("CLOUDFLARE_BASE_URL", "https://u:"+canary+"@h"), needs{}, []string{"CLOUDFLARE_BASE_URL: has a user name"}},
		{"at sign in the password", plain("DATABASE_URL", "postgres://u:a@"+canary+":x@h/d"), needs{}, []string{"DATABASE_URL: is not a Postgres URL"}},
		{"slash in the password", plain("DATABASE_URL", "postgres://u:"+canary+"/x@h/d"), needs{}, []string{"DATABASE_URL: is not a Postgres URL"}},
		{"password key", plain("DATABASE_URL", "host=h password="+canary+" port='x"+canary), needs{}, []string{"DATABASE_URL: is not a Postgres URL"}},
		{"never fires", plain("LOGFERRY_SCHEDULE", "0 0 30 2 *"), needs{}, []string{"LOGFERRY_SCHEDULE: \"0 0 30 2 *\" never comes"}},
		{"zone in the schedule", plain("LOGFERRY_SCHEDULE", "CRON_TZ=UTC 0 * * * *"), needs{}, []string{"LOGFERRY_SCHEDULE: \"CRON_TZ=UTC 0 * * * *\" names a time zone"}},
	} {
		_, c := checked(test.env, test.want)
		if len(c.problems) != len(test.say) {
			t.Errorf("%s: want %d problems, got %q", test.name, len(test.say), c.problems)
			continue
		}
		for i, say := range test.say {
			if !strings.HasPrefix(c.problems[i], say) {
				t.Errorf("%s: want %q, got %q", test.name, say, c.problems[i])
			}
			if strings.Contains(c.problems[i], canary) {
				t.Errorf("%s: a secret is shown: %s", test.name, c.problems[i])
			}
		}
	}
}

func TestPlainHTTPWarns(t *testing.T) {
	for address, warned := range map[string]bool{
		"http://api.example": true, "http://10.0.0.1:80": true, "https://api.example": false,
		"http://localhost:1": false, "http://127.0.0.2:1": false, "http://[::1]:1/x": false,
	} {
		_, c := checked(plain("CLOUDFLARE_BASE_URL", address), needs{})
		if len(c.problems) > 0 || (len(c.warnings) == 1) != warned {
			t.Errorf("%s: problems %q, warnings %q", address, c.problems, c.warnings)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, empty := write("good", canary+"\n"), write("empty", "\n")
	long := write("long", strings.Repeat("x", maxSecretFile+1))
	for _, test := range []struct {
		name  string
		token string // CLOUDFLARE_API_TOKEN
		file  string // CLOUDFLARE_API_TOKEN_FILE
		say   string // the problem; empty: none
	}{
		{"file", "", good, ""},
		{"file with a line end in its name", "", good + "\n", ""},
		{"empty variable beside it", " ", good, ""},
		{"both", "x", good, "are both set"},
		{"no such file", "", filepath.Join(dir, "none"), "no such file"},
		{"folder", "", dir, "is a directory"},
		{"empty file", "", empty, "is empty"},
		{"long file", "", long, "too long"},
	} {
		e, c := checked(plain("CLOUDFLARE_API_TOKEN", test.token, "CLOUDFLARE_API_TOKEN_FILE", test.file), needs{source: true})
		if test.say == "" {
			if len(c.problems) > 0 || e.ferry.Cloudflare.Token != canary {
				t.Errorf("%s: %q", test.name, c.problems)
			}
			continue
		}
		if len(c.problems) != 1 || !strings.Contains(c.problems[0], test.say) || !strings.HasPrefix(c.problems[0], "CLOUDFLARE_API_TOKEN") {
			t.Errorf("%s: want one problem with %q, got %q", test.name, test.say, c.problems)
		}
	}
	if _, c := checked(plain("LOGFERRY_TAIL_FILE", good), needs{}); len(c.problems) > 0 {
		t.Errorf("a file for what is no secret is not read, got %q", c.problems)
	}
}

func TestReasonsNeverShowPasswords(t *testing.T) {
	for _, test := range []struct{ text, reason, want string }{
		{"postgres://u:" + canary + "@h:x/d", "invalid port", " (invalid port)"},
		{"postgres://u:a@" + canary + ":1@h/d", `no host "` + canary + `"`, ""},
		{"postgres://u:" + canary + "/b@h/d", "invalid port " + canary[:3], ""},
		{"postgres://u@h/d?sslpassword=" + canary, "wrong " + canary, ""},
		{"host=h Password='" + canary, "unterminated '" + canary, ""},
		{"postgres://u:x@h/d", "0x is no port", ""},
	} {
		if got := safeReason(test.text, errors.New("cannot parse `x`: "+test.reason)); got != test.want {
			t.Errorf("%s: got %q", test.text, got)
		}
	}
}
