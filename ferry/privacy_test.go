package ferry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// canary is what a person said: it must not be found where payloads don't
// belong. It is no plain word, so that it can't pass for a member's name.
const canary = "please keep my canary 4711 to yourself"

// spoken are members that carry what was said, by source, in the forms they
// come in.
var spoken = map[string][]string{
	"cloudflare": {
		`"request":"%s"`, `"response":{"text":"%s"}`, `"request_head":"%s"`, `"response_head":"%s"`,
		`"prompts":[{"prompt_id":"%s"}]`, `"guardrails":{"verdict":"%s"}`, `"dlp_profiles":["%s"]`,
	},
	"keywordsai": {
		`"messages":[{"role":"user","content":"%s"},{"role":"assistant","content":"%[1]s"}]`,
		`"messages":[{"role":"user","content":[{"type":"text","text":"%s"}]}]`, `"messages":"%s"`,
		`"input":"%s"`, `"output":"{\"role\":\"assistant\",\"content\":\"%s\"}"`, `"prompt_messages":[{"content":"%s"}]`,
		`"completion_message":{"content":"%s"}`, `"prompt":"%s"`, `"completion":"%s"`, `"system":"%s"`,
		`"tools":[{"function":{"description":"%s"}}]`, `"error_message":"%s"`, `"updated_by_email":"%s"`,
		`"parameters":{"temperature":1,"stop":["%s"],"response_format":{"schema":"%[1]s"}}`,
		`"scores":{"judge":{"reason":"%s","value":1}}`, `"usage":{"note":"%s","prompt_tokens":3}`, `"metrics":["%s"]`,
	},
}

// anywhere are forms in which text turns up where nobody expects it.
var anywhere = []string{
	`"some_new_member":"%s"`, `"some_new_member":{"deep":[{"er":"%s"}]}`, `"%s":1`, `"model":{"name":"%s"}`,
	`"status_code":["%s"]`, `"cached":{"%s":true}`, `"request":"%s","request":"%[1]s"`, `"messages":"[{\"content\":\"%s\"}]"`,
}

// said are logs that hold the canary, one for each form; and bodies that can't
// be rows, or are no documents at all.
func said(source string, at time.Time) []emulator.Log {
	base := func(i int) (id, stamp string) {
		return fmt.Sprintf("said-%s-%d", source, i), at.Add(time.Duration(i) * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	var logs []emulator.Log
	add := func(doc string) {
		id, _ := base(len(logs))
		logs = append(logs, emulator.Log{ID: id, At: at.Add(time.Duration(len(logs)) * time.Second), Doc: []byte(doc)})
	}
	for _, form := range slices.Concat(spoken[source], anywhere) {
		id, stamp := base(len(logs))
		add(fmt.Sprintf(`{"id":%q,"created_at":%q,"model":"gpt-4o",%s}`, id, stamp, fmt.Sprintf(form, canary)))
	}
	_, stamp := base(len(logs))
	add(fmt.Sprintf(`{"created_at":%q,"input":%q}`, stamp, canary))                        // no id
	add(fmt.Sprintf(`{"id":"no time","output":%q}`, canary))                               // no time
	add(fmt.Sprintf(`{"id":"time","created_at":{"at":%q},"x":1}`, canary))                 // time of another type
	add(fmt.Sprintf(`{"id":{"%s":1},"created_at":%q}`, canary, stamp))                     // id of another type
	add(fmt.Sprintf(`%q`, canary))                                                         // a text
	add(fmt.Sprintf(`[{"content":%q}]`, canary))                                           // a list
	add(fmt.Sprintf(`{"id":"a","id":"b","messages":%q,"created_at":"x"}`, canary))         // twice an id
	add(fmt.Sprintf(`{"id":"long-%s","created_at":%q}`, strings.Repeat("x", 2000), stamp)) // an id that fits no key
	return logs
}

// found lists the tables and views, of the schemas that match, in which any
// row's text, bytes and JSON included, holds the text.
func (w *world) found(schemas, text string) []string {
	w.t.Helper()
	ctx := context.Background()
	conn := w.connect()
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `set bytea_output = 'escape'`); err != nil {
		w.t.Fatal(err)
	}
	rows, err := conn.Query(ctx, `
		select format('%I.%I', nspname, relname) from pg_class join pg_namespace n on n.oid = relnamespace
		 where nspname like $1 and relkind in ('r', 'v', 'm') order by 1`, schemas)
	if err != nil {
		w.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) == 0 {
		w.t.Fatalf("%d tables in %s: %v", len(tables), schemas, err)
	}
	var with []string
	for _, table := range tables {
		var n int
		if err := conn.QueryRow(ctx, `select count(*) from (select x::text as row from `+table+` x) all_rows where strpos(row, $1) > 0`, text).Scan(&n); err != nil {
			w.t.Fatalf("%s: %v", table, err)
		}
		if n > 0 {
			with = append(with, fmt.Sprintf("%s (%d rows)", table, n))
		}
	}
	return with
}

// With payloads off nothing that was said is anywhere in the database, not even
// in what could not be read, nor in the log. With payloads on it is in the
// private schema and nowhere else.
func TestPromptsStayPrivate(t *testing.T) {
	t.Parallel()
	for _, payloads := range []bool{false, true} {
		t.Run(fmt.Sprintf("payloads %t", payloads), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			var log bytes.Buffer
			w.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			w.cfg.Payloads = payloads
			now := time.Now()
			prod, set := w.gateway("prod"), w.dataset("ds1")
			prod.Insert(cloudflareLogs(1, 300, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
			set.Insert(keywordsLogs(2, 300, now.Add(-20*time.Hour), now.Add(-time.Hour), "ds1", "created_at")...)
			prod.Insert(said("cloudflare", now.Add(-10*time.Hour))...)
			set.Insert(said("keywordsai", now.Add(-10*time.Hour))...)

			f := w.ferry()
			sum, err := f.Sync(context.Background())
			if sum.Rejected < 10 {
				t.Errorf("only %d documents were rejected: this test shows little", sum.Rejected)
			}
			w.syncAny(ferry.ExitOK, ferry.ExitData) // reads what was rejected again
			for _, schema := range []string{"logferry", "llm"} {
				if with := w.found(schema, canary); len(with) > 0 {
					t.Errorf("what was said is in %s", with)
				}
			}
			private := w.found("logferry_private", canary)
			if payloads != (len(private) > 0) {
				t.Errorf("what was said is in %s", private)
			}
			told, _ := json.Marshal(sum)
			for place, text := range map[string]string{"the log": log.String(), "the error": fmt.Sprint(err), "the summary": string(told)} {
				for _, secret := range []string{canary, testToken, testKey} {
					if strings.Contains(text, secret) {
						t.Errorf("%s holds %q", place, secret)
					}
				}
			}
			for _, secret := range []string{testToken, testKey} {
				if with := w.found("l%", secret); len(with) > 0 {
					t.Errorf("a credential is in %s", with)
				}
			}
		})
	}
}
