package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// KindNotice is a ledger row of which nothing was read: its detail says what
// changed at the source.
const KindNotice = "notice"

// Notice writes into the ledger what changed at a stream's source, as seen by a
// run over the span. Saying the same twice in a run writes one row.
func (s *Store) Notice(ctx context.Context, stream int32, run int64, seen Span, detail string) error {
	return s.tx(ctx, "write a notice", func(tx pgx.Tx) error { return notice(ctx, tx, stream, run, seen, detail) })
}

func notice(ctx context.Context, tx pgx.Tx, stream int32, run int64, seen Span, detail string) error {
	_, err := tx.Exec(ctx, `
		insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, finished_at, detail)
		select $1::integer, $2::bigint, 'notice', $3::timestamptz, $4::timestamptz, 'loaded', clock_timestamp(), $5::text
		 where not exists (select from logferry.windows
		                    where stream_id = $1::integer and run_id = $2::bigint and kind = 'notice' and detail = $5::text)`,
		stream, run, seen.From, seen.To, detail)
	return err
}

// A RetentionRisk is how a source is about to lose logs before they are read.
type RetentionRisk struct {
	Code   string    // as in llm.freshness.retention_risk; empty: none known
	At     time.Time // see llm.freshness.retention_risk_at
	Detail string    // for the ledger, when the code is new
	Lost   Span      // what was deleted unread; empty: nothing
}

// SaveRetentionRisk keeps the stream's risk, and writes a notice over the span
// when it is another one than before, or more was lost. A loss is shown for 30
// days, unless something else threatens: it does not end with the pass that found
// it.
func (s *Store) SaveRetentionRisk(ctx context.Context, stream int32, run int64, seen Span, risk RetentionRisk) error {
	return s.tx(ctx, "save the stream's retention risk", func(tx pgx.Tx) error {
		var before string
		var same, mourned bool
		err := tx.QueryRow(ctx, `
			select coalesce(retention_risk, ''), retention_risk is not distinct from $2::text and ($3::timestamptz is null or retention_risk_at = $3::timestamptz),
			       coalesce(retention_risk = 'deleted' and retention_found_at > now() - interval '30 days', false)
			  from logferry.stream_state where stream_id = $1::integer for update`,
			stream, orNull(risk.Code), instantOrNull(risk.Lost.To)).Scan(&before, &same, &mourned)
		if err != nil || risk.Code == "" && (before == "" || mourned) {
			return err
		}
		if !risk.Lost.Empty() {
			seen = risk.Lost
		}
		if risk.Code != "" && !same {
			if err := notice(ctx, tx, stream, run, seen, risk.Detail); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			update logferry.stream_state
			   set retention_risk = $2::text, retention_risk_at = $3::timestamptz, updated_at = clock_timestamp(),
			       retention_found_at = case when $4::boolean then retention_found_at else clock_timestamp() end
			 where stream_id = $1::integer`, stream, orNull(risk.Code), instantOrNull(risk.At), same)
		return err
	})
}

// instantOrNull is a time as a parameter; the zero time is null.
func instantOrNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
