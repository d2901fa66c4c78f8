package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"logferry/ferry"
	"logferry/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The report tells everything that a newcomer should see, fits a terminal, and
// holds no secret.
func TestDemo(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	var out bytes.Buffer
	if err := run(t.Context(), Options{DatabaseURL: url, Out: &out}, madeUp(900, time.Now())); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`first sync: 900 logs read, 900 rows inserted, \d+ requests`,
		`all 900 rows equal what was served, in \d\d fields`,
		`no prompt text is stored`,
		`second sync: 0 rows inserted, 0 changed, 11 requests`,
		`cloudflare/demo-\d+/assistant +\d+ +(\d+) +\d+ +[1-9]`, // windows, total, rows, tail
		`keywordsai/evals-\d+ +\d+ +(\d+) +\d+ +[1-9]`,
		`Cloudflare AI Gateway +\d+ +\d+ +1000/5m`,
		`Keywords AI +\d+ +\d+ +50/1m`,
		`from llm\.usage_daily`,
		`claude-sonnet-4-5 +\d+`,
		`stays in the database of DATABASE_URL(?s).*\n  keywordsai/evals-\d+\n`,
		`logferry check && logferry migrate up && logferry sync`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("the report has nothing like %q", want)
		}
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, secret := range []string{token, key, url} {
		if strings.Contains(out.String(), secret) {
			t.Error("the report holds a credential or the database's URL")
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// The ledger's totals are the rows, stream by stream.
func TestLedgerAddsUp(t *testing.T) {
	t.Parallel()
	s := carried(t, 300)
	conn, err := connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	lines, err := ask(t.Context(), conn, ledgerSQL, s.world.streams())
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1+3 {
		t.Fatalf("%d lines, want a head and three streams", len(lines))
	}
	for _, line := range lines[1:] {
		if total, rows := line[2], line[3]; total != rows {
			t.Errorf("%s: the source announced %s logs, there are %s rows", line[0], total, rows)
		}
	}
}

// A trace is replayed into a private server, which is gone afterwards.
func TestReplay(t *testing.T) {
	t.Parallel()
	path := traceFile(t, "TIMESTAMP,ContextTokens,GeneratedTokens\n"+
		"2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n2023-11-16 18:20:00,0,0\n")
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Trace: path, Out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a private PostgreSQL", "replayed from " + path, "all 3 rows equal what was served", "stopped and removed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q was not said in:\n%s", want, out.String())
		}
	}
}

func TestBadTrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ csv, want string }{
		"empty":         {"", "the file is empty"},
		"other columns": {"a,b,c\n", "TIMESTAMP,ContextTokens,GeneratedTokens"},
		"a bad number":  {"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,many,8\n", "line 2, column 21"},
		"too long": {"TIMESTAMP,ContextTokens,GeneratedTokens\n1999-11-16 18:17:03,1,8\n2023-11-16 18:17:03,1,8\n",
			"the demo replays at most"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), Options{Trace: traceFile(t, c.csv), Out: io.Discard})
			if ferry.ExitCode(err) != ferry.ExitUsage || !strings.Contains(err.Error(), c.want) {
				t.Errorf("exit code %d, %v; want %d and %q", ferry.ExitCode(err), err, ferry.ExitUsage, c.want)
			}
		})
	}
}

// An interrupt before anything, and one in the middle of a sync: everything is
// removed.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"private PostgreSQL", "schema is migrated"} {
		t.Run(step, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			out := &interrupter{at: step, cancel: cancel}
			err := Run(ctx, Options{Out: out})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that it was cancelled", err)
			}
			if !strings.Contains(out.String(), "stopped and removed") {
				t.Errorf("the server was not removed:\n%s", out.String())
			}
		})
	}
}

// An interrupter cancels when a line with a certain text is written.
type interrupter struct {
	bytes.Buffer
	at     string
	cancel func()
}

func (i *interrupter) Write(line []byte) (int, error) {
	if strings.Contains(string(line), i.at) {
		i.cancel()
	}
	return i.Buffer.Write(line)
}

func traceFile(t *testing.T, csv string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(path, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
