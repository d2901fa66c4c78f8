package load

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
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

// Replay stores a record that could be made of a case after all, in a claim of
// its own on the record's tick, and closes the case. Coverage is untouched. It
// is not done when another run holds that time.
func (s *Store) Replay(ctx context.Context, run int64, c Case, r *transform.Record, keep Keep, tick, lease time.Duration) (done bool, err error) {
	at := r.CreatedAt.Truncate(tick)
	turn, err := s.Claim(ctx, Want{
		Stream: c.streamID, Run: run, Kind: KindBackfill, Span: Span{at, at.Add(tick)}, Force: true, Hurry: true, Exact: true, Tick: tick, Lease: lease,
	})
	if err != nil || turn.Claim == nil {
		return false, err
	}
	turn.Claim.Known = []Span{turn.Claim.Span} // its row may stand under another time, covered or not
	w, err := s.Begin(ctx, turn.Claim, c.Source, keep)
	resolution := "replayed"
	if err == nil {
		var newer bool
		if newer, err = s.readSince(ctx, c); newer {
			resolution = "superseded"
		} else if err == nil {
			err = w.tryChunk(ctx, []Entry{{Record: r}})
		}
	}
	if err == nil {
		err = w.Finish(ctx, Outcome{Status: "loaded", Total: -1, Distinct: 1, Detail: "replayed from quarantine"})
	}
	if err != nil {
		return false, errors.Join(err, s.Release(context.WithoutCancel(ctx), []int64{turn.Claim.ID}, "a replay failed"))
	}
	err = s.tx(ctx, "close a case", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry_private.quarantine set resolved_at = now(), resolution = $2::text
			 where quarantine_id = $1::bigint and resolved_at is null`, c.ID, resolution)
		return err
	})
	return err == nil, err
}

// readSince tells whether the case's log was loaded, under any time, after the
// case was last met.
func (s *Store) readSince(ctx context.Context, c Case) (newer bool, err error) {
	err = s.retry(ctx, func() error {
		return s.ask(ctx, `
			select exists (select from logferry.requests where stream_id = $1::integer and log_id = $2::text and loaded_at > $3::timestamptz)`,
			c.streamID, c.LogID, c.LastSeen).Scan(&newer)
	})
	return newer, classify("look up logs by id", err)
}
