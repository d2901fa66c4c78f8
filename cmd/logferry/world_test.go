package main

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/internal/pgtest"
	"logferry/migrations"
)

// What no output may ever hold: the credentials of every world.
const (
	canaryToken = "canary-token-61c0"
	canaryKey   = "canary-key-93ab"
	// What a person said to a model.
	canaryPrompt = "canary-prompt-b7f4"
)

const account = "0123456789abcdef0123456789abcdef"

// A world is both providers' APIs, a warehouse, and the variables that a
// person would set to carry logs from one to the other.
type world struct {
	t       *testing.T
	emu     *emulator.Emulator
	gateway *emulator.Stream
	dataset *emulator.Stream
	env     environ
}

// newWorld makes a world with a gateway and a dataset of a few hundred logs
// each, of the last two days, and a database that migrate has been run in.
func newWorld(t *testing.T, migrate func(context.Context, string) error) *world {
	t.Helper()
	w := &world{t: t, emu: emulator.New(emulator.Options{
		CloudflareToken: canaryToken, KeywordsAIKey: canaryKey,
		CloudflareBudget: emulator.Unlimited, KeywordsAIBudget: emulator.Unlimited,
	})}
	base, stop, err := w.emu.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	now := time.Now()
	w.gateway, w.dataset = w.emu.AddGateway(account, "prod"), w.emu.AddDataset("ds_1", "evaluations")
	for _, c := range emulator.Synthetic(1, 400, now.Add(-2*day), now) {
		w.gateway.Insert(emulator.CloudflareLog(c))
	}
	for _, c := range emulator.Synthetic(2, 300, now.Add(-2*day), now) {
		w.dataset.Insert(emulator.KeywordsAILog(c, "ds_1", "created_at"))
	}
	w.env = environ{
		"DATABASE_URL":               pgtest.New(t, migrate),
		"CLOUDFLARE_API_TOKEN":       canaryToken,
		"CLOUDFLARE_ACCOUNT_ID":      account,
		"CLOUDFLARE_BASE_URL":        emulator.CloudflareBase(base),
		"KEYWORDSAI_API_KEY":         canaryKey,
		"KEYWORDSAI_BASE_URL":        base,
		"LOGFERRY_CLOUDFLARE_BUDGET": "1000000/1m",
		"LOGFERRY_KEYWORDSAI_BUDGET": "1000000/1m",
		"LOGFERRY_LOG_FORMAT":        "text",
	}
	return w
}

func nothing(context.Context, string) error { return nil }

// A result is what a command left behind.
type result struct {
	code      int
	out, errs string
}

// run runs a command line, its words separated by spaces, with some variables
// changed: name, value, name, value. It checks that nothing secret is shown.
func (w *world) run(ctx context.Context, line string, changed ...string) result {
	w.t.Helper()
	r := w.unseen(ctx, line, changed...)
	w.hides(line, r, secrets()...)
	return r
}

// unseen is run without that check.
func (w *world) unseen(ctx context.Context, line string, changed ...string) result {
	var out, errs bytes.Buffer
	code := run(ctx, strings.Fields(line), w.with(changed), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// hides checks that what a command left behind shows none of these.
func (w *world) hides(line string, r result, secrets ...string) {
	w.t.Helper()
	for _, secret := range secrets {
		if strings.Contains(r.out+r.errs, secret) {
			w.t.Errorf("%s: %q is shown:\n%s%s", line, secret, r.out, r.errs)
		}
	}
}

// secrets are what no output may hold, the last of them but for one command.
func secrets() []string {
	return []string{canaryToken, canaryKey, canary, pgtest.Password, canaryPrompt}
}

// with is the world's variables, some of them changed.
func (w *world) with(changed []string) environ {
	env := maps.Clone(w.env)
	for i := 0; i < len(changed); i += 2 {
		env[changed[i]] = changed[i+1]
	}
	return env
}

// ok runs a command that must succeed and returns its standard output.
func (w *world) ok(line string, changed ...string) string {
	w.t.Helper()
	r := w.run(w.t.Context(), line, changed...)
	if r.code != 0 {
		w.t.Fatalf("%s: exit code %d\n%s%s", line, r.code, r.out, r.errs)
	}
	return r.out
}

// database is the warehouse's URL with parts of its query replaced.
func (w *world) database(changed ...string) string {
	w.t.Helper()
	u, err := url.Parse(w.env["DATABASE_URL"])
	if err != nil {
		w.t.Fatal(err)
	}
	query := u.Query()
	for i := 0; i < len(changed); i += 2 {
		query.Set(changed[i], changed[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// query returns the rows of a statement as text, tab between columns.
func (w *world) query(sql string) string {
	w.t.Helper()
	ctx := context.Background() // it also tidies up
	conn, err := pgx.Connect(ctx, w.env["DATABASE_URL"])
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range results {
		for _, row := range r.Rows {
			b.Write(bytes.Join(row, []byte("\t")))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// full is a world whose database is migrated.
func full(t *testing.T) *world { return newWorld(t, migrations.Up) }
