package load

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A Run is one execution of a command, as it is entered when it starts.
type Run struct {
	Command    string // sync, backfill, serve, verify, demo, …
	Version    string // of the program
	Schema     int    // migration level of the tables
	Mapping    int    // transform.MappingVersion
	ConfigHash []byte // of the effective settings without secrets; nil: not known
	Host       string // where it runs; empty: not known
}

// StartRun enters run with status running and returns its number.
func (s *Store) StartRun(ctx context.Context, run Run) (id int64, err error) {
	err = s.tx(ctx, "enter the run", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			insert into logferry.runs
				(command, status, started_at, logferry_version, schema_version, mapping_version, config_sha256, host)
			values ($1::text, 'running', clock_timestamp(), $2::text, $3::integer, $4::integer, $5::bytea, nullif($6::text, ''))
			returning run_id`,
			run.Command, run.Version, run.Schema, run.Mapping, run.ConfigHash, run.Host).Scan(&id)
	})
	return id, err
}

// FinishRun enters how run id ended: status succeeded, unfinished, failed or
// interrupted, the exit code, and why, without secrets or payload. A run that
// has ended already is left alone. After a cancellation the caller passes a
// fresh context.
func (s *Store) FinishRun(ctx context.Context, id int64, status string, exitCode int, errText string) error {
	return s.tx(ctx, "enter the end of the run", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.runs
			set status = $2::text, exit_code = $3::smallint, error = nullif($4::text, ''), finished_at = clock_timestamp()
			where run_id = $1::bigint and status = 'running'`,
			id, status, exitCode, storable(errText))
		return err
	})
}

// storable is text without what Postgres refuses in a text.
func storable(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// MismatchesCovered counts the windows of a run that would not attest though
// their time is covered: it was before, and stays so.
func (s *Store) MismatchesCovered(ctx context.Context, run int64) (int, error) {
	var n int
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select count(*) from logferry.windows w join logferry.stream_state ss using (stream_id)
			 where w.run_id = $1::bigint and w.status = 'mismatch' and ss.coverage @> tstzrange(w.window_start, w.window_end)`, run).Scan(&n)
	})
	return n, classify("read the ledger", err)
}
