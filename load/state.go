package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// SaveDialect keeps what was proven of the stream's API, as JSON; nil takes it
// back.
func (s *Store) SaveDialect(ctx context.Context, id int32, json []byte) error {
	return s.change(ctx, "save the stream's dialect", id, `
		update logferry.stream_state set dialect = $2::text::jsonb, updated_at = clock_timestamp()
		where stream_id = $1::integer`, text(json))
}

// SaveHead keeps what the source showed without a time filter, as JSON.
func (s *Store) SaveHead(ctx context.Context, id int32, json []byte) error {
	return s.change(ctx, "save the stream's head", id, `
		update logferry.stream_state set head = $2::text::jsonb, updated_at = clock_timestamp()
		where stream_id = $1::integer`, text(json))
}

// SaveOldest keeps the time of the oldest log that the source still serves;
// nil means that it serves none.
func (s *Store) SaveOldest(ctx context.Context, id int32, oldest *time.Time) error {
	return s.change(ctx, "save the stream's oldest log", id, `
		update logferry.stream_state set source_oldest_at = $2::timestamptz, updated_at = clock_timestamp()
		where stream_id = $1::integer`, oldest)
}

// SaveOutside keeps how many logs the source counts outside the spans read;
// nil means not known.
func (s *Store) SaveOutside(ctx context.Context, id int32, rows *int64) error {
	return s.change(ctx, "save the stream's logs outside", id, `
		update logferry.stream_state set outside_rows = $2::bigint, updated_at = clock_timestamp()
		where stream_id = $1::integer`, rows)
}

// change runs an update of the one row of stream id.
func (s *Store) change(ctx context.Context, op string, id int32, sql string, value any) error {
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, id, value)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrLost // forgotten meanwhile
		}
		return err
	})
}

// text passes JSON as text, because a []byte parameter would be bytea.
func text(json []byte) *string {
	if json == nil {
		return nil
	}
	t := string(json)
	return &t
}
