package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// missed is what an attested reading says about rows it did not meet.
type missed struct {
	marked  []string // to be marked as missing upstream
	cleared []string // marked before, listed again
	moved   []move   // stored a second time, where the log stands now
}

func (w *Writing) missed(ctx context.Context, o Outcome) (missed, error) {
	m := missed{}
	if o.Status != "attested" {
		return m, nil
	}
	for _, older := range w.twice {
		if stands := w.stored[older.id].at; !stands.Equal(older.from) {
			m.moved = append(m.moved, move{older.id, older.from, stands})
		}
	}
	var unmet []string
	for id, was := range w.stored {
		switch {
		case w.met(id) && was.missing:
			m.cleared = append(m.cleared, id)
		case !w.met(id) && (was.missing || o.says(was.at)):
			unmet = append(unmet, id)
		}
	}
	found, err := w.store.lookUp(ctx, w.claim.Stream, unmet)
	if err != nil {
		return m, err
	}
	for _, id := range unmet {
		was := w.stored[id]
		if to, moved := latestOutside(found[id], Span{w.claim.From, o.To}); moved {
			m.moved = append(m.moved, move{id, was.at, to})
		} else if !was.missing {
			m.marked = append(m.marked, id)
		}
	}
	w.Missing = int64(len(m.marked))
	return m, nil
}

// says tells whether a log stored at that time is missing upstream if the
// reading did not meet it.
func (o Outcome) says(at time.Time) bool {
	return o.Missing && at.Before(o.To) && !at.Before(o.Floor)
}

// latestOutside is the last of the times that the reading says nothing about.
func latestOutside(times []time.Time, read Span) (latest time.Time, found bool) {
	for _, at := range times {
		if (at.Before(read.From) || !at.Before(read.To)) && !at.Before(latest) {
			latest, found = at, true
		}
	}
	return latest, found
}

// settleMissed sets and clears missing_upstream_at (marked rows still count)
// and ends rows whose log stands elsewhere.
func (w *Writing) settleMissed(ctx context.Context, tx pgx.Tx, m missed) error {
	batch := &pgx.Batch{}
	if len(m.marked) > 0 {
		batch.Queue(`
			update logferry.requests set missing_upstream_at = now()
			 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz and log_id = any($4::text[])`,
			w.claim.Stream, w.claim.From, w.claim.To, m.marked)
	}
	if len(m.cleared) > 0 {
		batch.Queue(`
			update logferry.requests set missing_upstream_at = null
			 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz and log_id = any($4::text[])`,
			w.claim.Stream, w.claim.From, w.claim.To, m.cleared)
	}
	queueMoves(batch, w.claim.Stream, m.moved)
	return tx.SendBatch(ctx, batch).Close()
}
