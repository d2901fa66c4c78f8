package load

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Case is one document in quarantine. Times are UTC.
type Case struct {
	ID               int64
	Stream           string // name
	Source           string
	Container        string
	Code             string // why it could not be a row
	Detail           string
	LogID            string // "": none could be read
	ClaimedCreatedAt string // as the source wrote it; "": none
	FirstSeen        time.Time
	LastSeen         time.Time
	Seen             int
	Resolution       string // "": open
	Size             int    // bytes kept
	streamID         int32
}

// CaseFilter picks cases; the zero value means all open ones.
type CaseFilter struct {
	IDs      []int64 // nil: any
	Stream   string  // "": any
	Resolved bool    // also those dealt with
}

// Cases lists cases, oldest first.
func (s *Store) Cases(ctx context.Context, f CaseFilter) ([]Case, error) {
	var cases []Case
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select q.quarantine_id, s.stream_name, s.source, s.container_ref, q.reason_code, coalesce(q.reason_detail, ''), coalesce(q.log_id, ''),
			       coalesce(q.claimed_created_at, ''), q.first_seen_at, q.last_seen_at, q.seen_count, coalesce(q.resolution, ''),
			       coalesce(octet_length(q.raw), 0), q.stream_id
			  from logferry_private.quarantine q join logferry.streams s using (stream_id)
			 where ($1::bigint[] is null or q.quarantine_id = any($1::bigint[])) and ($2::text = '' or s.stream_name = $2::text)
			   and ($3::boolean or q.resolved_at is null)
			 order by q.quarantine_id`, f.IDs, f.Stream, f.Resolved).each(func(rows pgx.Rows) (err error) {
			cases, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Case, err error) {
				return c, row.Scan(&c.ID, &c.Stream, &c.Source, &c.Container, &c.Code, &c.Detail, &c.LogID,
					&c.ClaimedCreatedAt, &c.FirstSeen, &c.LastSeen, &c.Seen, &c.Resolution, &c.Size, &c.streamID)
			})
			return err
		})
	})
	return cases, classify("read the quarantine", err)
}

// CaseBytes are a case's bytes, as far as the settings let them be kept; nil
// when none were, or there is no such case.
func (s *Store) CaseBytes(ctx context.Context, id int64) ([]byte, error) {
	var raw []byte
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `select raw from logferry_private.quarantine where quarantine_id = $1::bigint`, id).Scan(&raw)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return raw, classify("read a case", err)
}

// Discard closes open cases for good and returns how many there were. A log
// that is met again in the same form stays closed.
func (s *Store) Discard(ctx context.Context, ids []int64) (n int64, err error) {
	err = s.tx(ctx, "discard cases", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update logferry_private.quarantine set resolved_at = now(), resolution = 'discarded'
			 where quarantine_id = any($1::bigint[]) and resolved_at is null`, ids)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}
