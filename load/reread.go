package load

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Leaving lists what of the stream's coverage before edge is to be read in full
// once more: what was not reread yet and was last read while it was younger than
// lookback. Of a stream that was never reread that is what its first passes
// covered while it was young, as the newest hour is, not what they found old. What
// would not attest is read: its retries are [Store.Doubtful]'s.
func (s *Store) Leaving(ctx context.Context, stream int32, edge time.Time, lookback time.Duration) ([]Span, error) {
	return s.selectSpans(ctx, "read what is to be reread", `
		with due as (
		     select tstzrange(least(coalesce(reread_until, starts_at), $2::timestamptz), $2::timestamptz) as span
		       from logferry.stream_state where stream_id = $1::integer),
		old as (
		     select coalesce(range_agg(tstzrange(w.window_start, least(w.window_end, w.finished_at - $3::text::interval))), '{}') as spans
		       from logferry.windows w, due
		      where w.stream_id = $1::integer and w.status in ('attested', 'accepted', 'mismatch') and w.window_start < w.finished_at - $3::text::interval
		        and w.window_start < upper(due.span) and w.window_end > lower(due.span))
		select lower(g), upper(g)
		  from logferry.stream_state ss, due, old, unnest(ss.coverage * tstzmultirange(due.span) - old.spans) g
		 where ss.stream_id = $1::integer order by 1`, stream, micros(edge), interval(lookback))
}

// SaveReread notes how far rereading has come; it never goes back.
func (s *Store) SaveReread(ctx context.Context, stream int32, until time.Time) error {
	return s.tx(ctx, "note how far rereading has come", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.stream_state set reread_until = greatest(coalesce(reread_until, $2::timestamptz), $2::timestamptz)
			 where stream_id = $1::integer and reread_until is distinct from greatest(coalesce(reread_until, $2::timestamptz), $2::timestamptz)`,
			stream, micros(until))
		return err
	})
}

// Forget fails the stream's live claims and drops what is known and covered of
// it. The streams row and the facts stay; met again, the stream starts anew.
func (s *Store) Forget(ctx context.Context, name string) (found bool, err error) {
	err = s.tx(ctx, "forget a stream", func(tx pgx.Tx) error {
		var id int32
		err := tx.QueryRow(ctx, `
			select stream_id from logferry.stream_state join logferry.streams using (stream_id)
			 where stream_name = $1::text for update of stream_state`, name).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if err := failClaims(ctx, tx, id, "stream forgotten"); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from logferry.stream_state where stream_id = $1::integer`, id)
		return err
	})
	return found, err
}
