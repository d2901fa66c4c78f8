package load

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
)

// A move is a stored row of a log whose time the source has changed: the same
// id under another time is the same log, and the latest reading says when.
type move struct {
	id   string
	from time.Time // the stored row's created_at
}

// lookUpFresh finds, among records new to this span, logs stored under another
// time. Only spans that were covered or tail-read before are looked up: the
// search by id alone reads the stream's whole index.
func (w *Writing) lookUpFresh(ctx context.Context, c *chunk) error {
	var ids []string
	for _, r := range c.fresh {
		if _, known := w.stored[r.LogID]; !known && w.claim.knows(r.CreatedAt) {
			ids = append(ids, r.LogID)
		}
	}
	found, err := w.store.lookUp(ctx, w.claim.Stream, ids)
	if err != nil {
		return err
	}
	for i, r := range c.fresh {
		for _, at := range found[r.LogID] {
			if at.Equal(r.CreatedAt) {
				continue
			}
			c.moved = append(c.moved, move{r.LogID, at})
			c.fresh[i] = movedRecord(r)
			c.countsNow[r.LogID] = seenChanged
		}
	}
	return nil
}

// movedRecord marks a record as moved. The mark stays out of the content hash:
// the next reading, which has nothing to compare with, finds the row unchanged.
func movedRecord(r *transform.Record) *transform.Record {
	marked := *r
	marked.Issues = append(slices.Clone(r.Issues), "time_moved")
	slices.Sort(marked.Issues)
	marked.Issues = slices.Compact(marked.Issues)
	return &marked
}

// lookUp finds at which times the stream holds the ids.
func (s *Store) lookUp(ctx context.Context, stream int32, ids []string) (map[string][]time.Time, error) {
	found := map[string][]time.Time{}
	if len(ids) == 0 {
		return found, nil
	}
	err := s.retry(ctx, func() error {
		clear(found)
		rows, err := s.pool.Query(ctx, `
			select log_id, created_at from logferry.requests where stream_id = $1::integer and log_id = any($2::text[])`, stream, ids)
		if err != nil {
			return err
		}
		var id string
		var at time.Time
		_, err = pgx.ForEachRow(rows, []any{&id, &at}, func() error {
			found[id] = append(found[id], at.UTC())
			return nil
		})
		return err
	})
	return found, classify("look up logs by id", err)
}

// deleteMoved removes the rows of moved logs, so that they can be inserted
// under their new time in the same transaction, and returns when each was
// first loaded.
func deleteMoved(ctx context.Context, tx pgx.Tx, stream int32, moves []move) (map[string]time.Time, error) {
	born := map[string]time.Time{}
	for _, m := range moves {
		rows, err := tx.Query(ctx, `
			delete from logferry.requests
			 where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text returning first_loaded_at`,
			stream, m.from, m.id)
		if err != nil {
			return nil, err
		}
		times, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err != nil {
			return nil, err
		}
		for _, at := range times {
			if was, have := born[m.id]; !have || at.Before(was) {
				born[m.id] = at
			}
		}
		if _, err := tx.Exec(ctx, `
			delete from logferry_private.payloads where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text`,
			stream, m.from, m.id); err != nil {
			return nil, err
		}
	}
	return born, nil
}
