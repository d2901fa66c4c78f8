package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A StreamRow is a stream as a source lists it.
type StreamRow struct {
	Source    string    // transform.SourceCloudflare or transform.SourceKeywordsAI
	Account   string    // Cloudflare account id or Keywords AI organisation; may be empty
	Container string    // gateway id or dataset id
	Name      string    // shown to people, unique; kept as first registered
	StartsAt  time.Time // where the promise begins if the stream was never met before
}

func (r StreamRow) key() streamKey { return streamKey{r.Source, r.Account, r.Container} }

// A streamKey is what makes a stream the same stream.
type streamKey struct{ source, account, container string }

// A Stream is a registered stream and what is known of it. Times are UTC.
type Stream struct {
	ID                               int32
	Source, Account, Container, Name string
	Environment                      string // of rows that don't say; empty: not known
	UserIDKeys, ConversationIDKeys   []string
	Enabled                          bool // false: an operator stopped it
	Gone                             bool // the source no longer has it
	StartsAt                         time.Time
	Dialect                          []byte     // JSON of what was proven; nil: nothing yet
	Head                             []byte     // JSON of what the last head showed; nil: none yet
	SourceOldest                     *time.Time // oldest log the source still served; nil: never asked
}

func (st Stream) key() streamKey { return streamKey{st.Source, st.Account, st.Container} }

// Streams lists every registered stream by name. One that was forgotten has no
// state and is left out until it is registered again.
func (s *Store) Streams(ctx context.Context) ([]Stream, error) {
	var streams []Stream
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select st.stream_id, st.source, st.account_ref, st.container_ref, st.stream_name, st.environment,
				st.user_id_keys, st.conversation_id_keys, st.is_enabled, st.is_gone,
				ss.starts_at, ss.dialect::text, ss.head::text, ss.source_oldest_at
			from logferry.streams st join logferry.stream_state ss using (stream_id)
			order by st.stream_name`).each(func(rows pgx.Rows) (err error) {
			streams, err = pgx.CollectRows(rows, scanStream)
			return err
		})
	})
	return streams, classify("list the streams", err)
}

func scanStream(row pgx.CollectableRow) (Stream, error) {
	var st Stream
	var dialect, head *string
	err := row.Scan(&st.ID, &st.Source, &st.Account, &st.Container, &st.Name, &st.Environment,
		&st.UserIDKeys, &st.ConversationIDKeys, &st.Enabled, &st.Gone,
		&st.StartsAt, &dialect, &head, &st.SourceOldest)
	st.StartsAt = st.StartsAt.UTC()
	if st.SourceOldest != nil {
		oldest := st.SourceOldest.UTC()
		st.SourceOldest = &oldest
	}
	st.Dialect, st.Head = document(dialect), document(head)
	return st, err
}

func document(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

// Register makes the listed streams known and returns them in the given order.
// A stream never met before gets a number and its StartsAt, which never moves
// again; one that was gone is back. When all are known nothing is written.
func (s *Store) Register(ctx context.Context, listed []StreamRow) ([]Stream, error) {
	found, missing, err := s.registered(ctx, listed)
	if err != nil || len(missing) == 0 {
		return found, err
	}
	err = s.tx(ctx, "register streams", func(tx pgx.Tx) error { return register(ctx, tx, missing) })
	if err != nil {
		return nil, err
	}
	found, missing, err = s.registered(ctx, listed)
	if err == nil && len(missing) > 0 {
		err = &Error{Class: Temporary, Op: "register streams", Err: fmt.Errorf("%s was removed at the same time; run again", missing[0].Name)}
	}
	return found, err
}

// registered finds the listed streams, and those that must still be registered
// (or are marked as gone).
func (s *Store) registered(ctx context.Context, listed []StreamRow) (found []Stream, missing []StreamRow, err error) {
	all, err := s.Streams(ctx)
	if err != nil {
		return nil, nil, err
	}
	known := make(map[streamKey]Stream, len(all))
	for _, st := range all {
		known[st.key()] = st
	}
	for _, row := range listed {
		st, ok := known[row.key()]
		if !ok || st.Gone {
			missing = append(missing, row)
		}
		found = append(found, st)
	}
	return found, missing, nil
}

// register allocates numbers under a lock, so that two processes which meet a
// stream at once give it one number.
func register(ctx context.Context, tx pgx.Tx, rows []StreamRow) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('logferry.streams'))`); err != nil {
		return err
	}
	var last int32
	if err := tx.QueryRow(ctx, `select coalesce(max(stream_id), 0) from logferry.streams`).Scan(&last); err != nil {
		return err
	}
	for _, row := range rows {
		var id int32
		err := tx.QueryRow(ctx, `
			update logferry.streams set is_gone = false
			where source = $1::text and account_ref = $2::text and container_ref = $3::text
			returning stream_id`, row.Source, row.Account, row.Container).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			last++
			id = last
			_, err = tx.Exec(ctx, `
				insert into logferry.streams (stream_id, source, account_ref, container_ref, stream_name)
				values ($1::integer, $2::text, $3::text, $4::text, $5::text)`,
				id, row.Source, row.Account, row.Container, row.Name)
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			insert into logferry.stream_state (stream_id, starts_at) values ($1::integer, $2::timestamptz)
			on conflict (stream_id) do nothing`, id, micros(row.StartsAt)); err != nil {
			return err
		}
	}
	return nil
}

// Configured notes that settings name the streams, or their source lists them,
// at most once an hour: see llm.freshness. A row that somebody holds just now is
// left for the next time.
func (s *Store) Configured(ctx context.Context, ids []int32) error {
	return s.tx(ctx, "note what is configured", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.stream_state set configured_at = now()
			 where stream_id in (select stream_id from logferry.stream_state
			                      where stream_id = any($1::integer[]) and configured_at < now() - interval '1 hour'
			                      order by stream_id for update skip locked)`, ids)
		return err
	})
}

// SetGone marks a stream as no longer listed by its source, or as back. Its
// rows stay.
func (s *Store) SetGone(ctx context.Context, id int32, gone bool) error {
	return s.change(ctx, "mark the stream as gone", id,
		`update logferry.streams set is_gone = $2::boolean where stream_id = $1::integer`, gone)
}

// SetEnabled stops or restarts the syncing of a stream. Stopping fails its
// live claims, so that whoever holds one can write no further chunk. found
// tells whether there is a stream of that name.
func (s *Store) SetEnabled(ctx context.Context, name string, on bool) (found bool, err error) {
	err = s.tx(ctx, "enable or disable the stream", func(tx pgx.Tx) error {
		var id int32
		err := tx.QueryRow(ctx, `
			update logferry.streams set is_enabled = $2::boolean where stream_name = $1::text
			returning stream_id`, name, on).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if on {
			return nil
		}
		return failClaims(ctx, tx, id, "stream disabled")
	})
	return found && err == nil, err
}

// failClaims ends the live claims of a stream. Claims are made under the
// stream's row lock: taking it first leaves none behind that is being made.
func failClaims(ctx context.Context, tx pgx.Tx, id int32, why string) error {
	_, err := tx.Exec(ctx, `select 1 from logferry.stream_state where stream_id = $1::integer for update`, id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update logferry.windows
		set status = 'failed', lease_until = null, finished_at = clock_timestamp(), detail = $2::text
		where stream_id = $1::integer and status = 'claimed'`, id, why)
	return err
}
