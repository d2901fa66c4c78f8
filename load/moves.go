package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A move is a stored row of a log whose time the source has changed: the same
// id under another time is the same log, and the latest reading says when.
type move struct {
	id       string
	from, to time.Time // created_at of the stored row, and of the one that stands
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
	for _, r := range c.fresh {
		for _, at := range found[r.LogID] {
			if at.Equal(r.CreatedAt) {
				continue
			}
			c.moved = append(c.moved, move{r.LogID, at, r.CreatedAt})
			c.countsNow[r.LogID] = seenChanged
		}
	}
	return nil
}

// lookUp finds at which times the stream holds the ids.
func (s *Store) lookUp(ctx context.Context, stream int32, ids []string) (map[string][]time.Time, error) {
	found := map[string][]time.Time{}
	if len(ids) == 0 {
		return found, nil
	}
	err := s.retry(ctx, func() error {
		clear(found)
		return s.ask(ctx, `
			select log_id, created_at from logferry.requests where stream_id = $1::integer and log_id = any($2::text[])`, stream, ids).each(func(rows pgx.Rows) error {
			var id string
			var at time.Time
			_, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error {
				found[id] = append(found[id], at.UTC())
				return nil
			})
			return err
		})
	})
	return found, classify("look up logs by id", err)
}

// inherit lets the row that stands take over from an older row of its log: when
// it was first loaded, and what it should say about the change. The issues stay
// out of the content hash: the next reading finds the row unchanged.
var inherit = `
	update logferry.requests n
	   set first_loaded_at = least(n.first_loaded_at, o.first_loaded_at),
	       load_issues = array_append(array_remove(case when ` + withdrawn("o", "n") + `
	           then array_append(n.load_issues, 'value_withdrawn') else n.load_issues end, 'time_moved'), 'time_moved')
	  from logferry.requests o
	 where n.stream_id = $1::integer and n.created_at = $3::timestamptz and n.log_id = $4::text
	   and o.stream_id = $1::integer and o.created_at = $2::timestamptz and o.log_id = n.log_id`

// queueMoves ends the older rows of moved logs, and their payloads, once those
// that stand are there. One that does not stand any more, because another
// window's reading moved it at the same time, ends nothing.
func queueMoves(b *pgx.Batch, stream int32, moves []move) {
	for _, m := range moves {
		b.Queue(inherit, stream, m.from, m.to, m.id)
		b.Queue(`
			delete from logferry.requests o
			 where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $4::text
			   and exists (select from logferry.requests n where n.stream_id = $1::integer and n.created_at = $3::timestamptz and n.log_id = o.log_id)`,
			stream, m.from, m.to, m.id)
		b.Queue(`
			delete from logferry_private.payloads p
			 where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text
			   and not exists (select from logferry.requests o where o.stream_id = $1::integer and o.created_at = $2::timestamptz and o.log_id = p.log_id)`,
			stream, m.from, m.id)
	}
}
