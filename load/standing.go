package load

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// NoteStanding remembers that the source's count of a span differs from what a
// full, attested reading of it found: the difference goes into the ledger row
// of the latest such reading, where [Store.Stored] finds it until the span is
// read again.
func (s *Store) NoteStanding(ctx context.Context, stream int32, in Span, counted, stored int64) error {
	return s.tx(ctx, "remember a difference", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.windows
			   set source_total = source_total + $4::bigint, detail = 'the source counts ' || $5::bigint || ', a full reading found ' || $6::bigint
			 where window_id = (select max(window_id) from logferry.windows
			                     where stream_id = $1::integer and status = 'attested' and source_total is not null
			                       and window_start >= $2::timestamptz and window_end <= $3::timestamptz)`,
			stream, in.From, in.To, counted-stored, counted, stored)
		return err
	})
}
