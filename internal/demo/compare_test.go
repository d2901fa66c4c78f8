package demo

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtest"
	"logferry/migrations"
)

// carried is a show whose traffic of n calls is synced and compared.
func carried(t *testing.T, n int) *show {
	t.Helper()
	calls := madeUp(n, time.Now()).calls
	w, err := newWorld(calls, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	var out bytes.Buffer
	s := &show{world: w, url: pgtest.New(t, migrations.Up), print: &printer{to: &out}}
	if err := s.carry(t.Context(), calls[0].At); err != nil {
		t.Fatalf("%v, after\n%s", err, out.String())
	}
	return s
}

// Whatever is changed in the warehouse behind its back is found.
func TestCompareFinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change string // $1 is a log's id, $2 its prompt
		want   string
	}{
		"nothing":         {`select $1::text, $2::text`, ""},
		"a number":        {`update logferry.requests set duration_ms = duration_ms + 1 where log_id = $1 and $2 <> ''`, "duration_ms is"},
		"a cent":          {`update logferry.requests set cost_usd = coalesce(cost_usd, 0) + 0.01 where log_id = $1 and $2 <> ''`, "cost_usd is"},
		"a time":          {`update logferry.requests set created_at = created_at + interval '1 microsecond' where log_id = $1 and $2 <> ''`, "created_at is"},
		"another name":    {`update logferry.models set model = 'x' where $1 <> $2`, "model is x, served"},
		"a tag":           {`update logferry.requests set metadata = metadata || '{"more": 1}' where log_id = $1 and $2 <> ''`, "other metadata is"},
		"a lost row":      {`delete from logferry.requests where log_id = $1 and $2 <> ''`, "was served, but is no row"},
		"a strange row":   {copied(`created_at`, `'strange'`), "log strange: is a row, but was never served"},
		"a row twice":     {copied(`created_at + interval '1 second'`, `log_id`), "is there more than once"},
		"a kept prompt":   {`update logferry_private.raw_logs set raw = convert_to($2, 'UTF8') where log_id = $1`, "must be withheld"},
		"a lost document": {`delete from logferry_private.raw_logs where log_id = $1 and $2 <> ''`, "raw documents are kept of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := carried(t, 60)
			id, prompt := s.world.someLog()
			execute(t, s.url, c.change, id, prompt)
			_, err := compare(t.Context(), s.url, s.world.feeds)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), prompt):
				t.Error("the error quotes a prompt")
			}
		})
	}
}

// someLog is a log of the dataset.
func (w *world) someLog() (id, prompt string) {
	for id, c := range w.feeds[2].calls {
		return id, c.Prompt
	}
	panic("the dataset is empty")
}

// copied inserts a log's row again with another time and id.
func copied(createdAt, id string) string {
	return `insert into logferry.requests (created_at, run_id, stream_id, log_id, outcome, cost_basis, content_hash)
		select ` + createdAt + `, run_id, stream_id, ` + id + `, outcome, cost_basis, content_hash
		from logferry.requests where log_id = $1 and $2 <> ''`
}

// A row that is written again, even unchanged, is another version.
func TestRowVersionsSeeEveryWrite(t *testing.T) {
	t.Parallel()
	s := carried(t, 60)
	id, _ := s.world.someLog()
	versions := func() string {
		digest, err := rowVersions(t.Context(), s.url, s.world.streams())
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	before := versions()
	if again := versions(); again != before || before == "" {
		t.Errorf("two looks at the same rows: %q and %q", before, again)
	}
	execute(t, s.url, `update logferry.requests set outcome = outcome where log_id = $1`, id)
	if versions() == before {
		t.Error("an update that changed no value was not seen")
	}
}

func execute(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tag, err := conn.Exec(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	if tag.RowsAffected() == 0 {
		t.Fatal("the statement changed nothing")
	}
}
