package load

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
)

// refusal is the case of a record whose value Postgres refused.
func refusal(r *transform.Record, code string) *transform.Reject {
	return &transform.Reject{
		Code: "value_out_of_range", Detail: "Postgres refused a value (SQLSTATE " + code + ")",
		LogID: r.LogID, At: r.CreatedAt, ClaimedCreatedAt: r.CreatedAt.Format(time.RFC3339Nano), Raw: r.Raw, SHA256: sha256.Sum256(r.Raw),
	}
}

// queueRejects enters cases. One that comes again is counted, and open again if
// its log could be read meanwhile; any other that was closed stays so. A case
// without a time lies in the window that met it last: what an earlier one says may
// have come by a filter that was ignored.
func (w *Writing) queueRejects(b *pgx.Batch, c *chunk) {
	for _, r := range c.rejects {
		span := w.claim.Span // where it was met
		if !r.At.IsZero() {
			span = Span{r.At, r.At.Add(time.Microsecond)}
		}
		b.Queue(`
			insert into logferry_private.quarantine as q
			       (stream_id, raw_sha256, reason_code, reason_detail, log_id, claimed_created_at, raw, run_id, window_id, span)
			values ($1::integer, $2::bytea, $3::text, $4::text, $5::text, $6::text, $7::bytea, $8::bigint, $9::bigint, tstzrange($10::timestamptz, $11::timestamptz))
			on conflict (stream_id, raw_sha256, reason_code) do update set
			       seen_count = q.seen_count + 1, last_seen_at = excluded.last_seen_at, window_id = excluded.window_id, span = excluded.span,
			       resolved_at = case when q.resolution = 'superseded' then null else q.resolved_at end,
			       resolution = case when q.resolution = 'superseded' then null else q.resolution end
			returning resolved_at is not null`,
			w.claim.Stream, r.SHA256[:], r.Code, r.Detail, cleanOrNull(r.LogID), cleanOrNull(r.ClaimedCreatedAt), nonNil(r.Raw),
			w.claim.Run, w.claim.ID, span.From, span.To).QueryRow(func(row pgx.Row) error {
			var closed bool
			err := row.Scan(&closed)
			if closed {
				c.closed[rejectKey(r)] = struct{}{}
			}
			return err
		})
	}
}

// cleanOrNull makes any text fit for a text column: what is in quarantine came
// as it came.
func cleanOrNull(s string) *string {
	return orNull(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"))
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// selectOpenRejects notes which ids met in this span still wait in quarantine.
func (w *Writing) selectOpenRejects(ctx context.Context) error {
	w.open = map[string]struct{}{}
	var id string
	return w.store.ask(ctx, `
		select log_id from logferry_private.quarantine
		 where stream_id = $1::integer and log_id is not null and resolved_at is null and span && tstzrange($2::timestamptz, $3::timestamptz)`,
		w.claim.Stream, w.claim.From, w.claim.To).each(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			w.open[id] = struct{}{}
			return nil
		})
		return err
	})
}

// queueResolved closes quarantine cases whose log can be read now.
func (w *Writing) queueResolved(b *pgx.Batch, resolved map[string]struct{}) {
	if len(resolved) > 0 {
		b.Queue(`
			update logferry_private.quarantine set resolved_at = now(), resolution = 'superseded'
			 where stream_id = $1::integer and log_id = any($2::text[]) and resolved_at is null`, w.claim.Stream, keys(resolved))
	}
}
