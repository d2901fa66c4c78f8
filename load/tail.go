package load

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// ClaimTail claims the tail of a stream; nil when another run reads there.
func (s *Store) ClaimTail(ctx context.Context, w Want) (*Claim, error) {
	var claim *Claim
	err := s.tx(ctx, "claim the tail", func(tx pgx.Tx) error {
		claim = nil
		if err := lockStream(ctx, tx, w.Stream); err != nil {
			return err
		}
		if err := endDeadClaims(ctx, tx, w.Stream); err != nil {
			return err
		}
		span := w.onTicks(w.Tick)
		var busy bool
		err := tx.QueryRow(ctx, `
			select exists (select from logferry.windows
			                where stream_id = $1::integer and status = 'claimed' and window_end > $2::timestamptz)`,
			w.Stream, span.From).Scan(&busy)
		if err != nil || busy {
			return err
		}
		claim, err = insertClaim(ctx, tx, w, span)
		return err
	})
	return claim, err
}

// replaceTail leaves one tail row per stream, the one just finished: it takes
// over what earlier ones inserted, so that the ledger's sums still are the
// stream's rows, and reaches back over what they read and nothing has covered
// since, so that those logs are still looked up when their windows come.
func replaceTail(ctx context.Context, tx pgx.Tx, c *Claim) error {
	_, err := tx.Exec(ctx, `
		with older as (
		     delete from logferry.windows
		      where stream_id = $1::integer and kind = 'tail' and status <> 'claimed' and window_id <> $2::bigint
		     returning window_start, window_end, inserted_rows),
		kept as (
		     select coalesce(sum(o.inserted_rows), 0) as inserted,
		            min(o.window_start) filter (where not ss.coverage @> tstzrange(o.window_start, o.window_end)) as start
		       from older o, logferry.stream_state ss where ss.stream_id = $1::integer)
		update logferry.windows w
		   set inserted_rows = w.inserted_rows + kept.inserted, window_start = least(w.window_start, kept.start)
		  from kept where w.window_id = $2::bigint`, c.Stream, c.ID)
	return err
}
