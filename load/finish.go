package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// An Outcome is how a window's reading ended, for its ledger row.
type Outcome struct {
	Status     string    // attested, accepted, mismatch, failed, expired or loaded
	AttestedBy string    // total, two_walks or empty_proven; "" unless attested
	To         time.Time // the end that is proven, at most the claim's; zero: the claim's
	Total      int64     // entries the source announced; -1: none
	Walks      int
	Requests   int
	Bytes      int64
	Distinct   int64  // different logs read
	Detail     string // why it did not attest, or what was odd; no payload
	// Missing says that stored logs which the reading did not meet are to be
	// marked; only for attested readings whose head agrees. Floor is the
	// source's oldest log: below it nothing is marked; zero: no floor known.
	Missing bool
	Floor   time.Time
}

// covers tells whether the window becomes part of the stream's coverage.
func (o Outcome) covers() bool { return o.Status == "attested" || o.Status == "accepted" }

// Finish is the window's last transaction: marks what is missing upstream,
// clears what is listed again, ends the ledger row and, locking the stream's
// row last, adds the window to coverage.
func (w *Writing) Finish(ctx context.Context, o Outcome) error {
	if o.To.IsZero() {
		o.To = w.claim.To
	}
	missed, err := w.missed(ctx, o)
	if err != nil {
		return err
	}
	return w.store.tx(ctx, "finish a window", func(tx pgx.Tx) error {
		if err := w.endRow(ctx, tx, o, len(missed.marked)); err != nil {
			return err
		}
		if _, err := deleteMoved(ctx, tx, w.claim.Stream, missed.moved); err != nil {
			return err
		}
		if err := w.markMissing(ctx, tx, missed); err != nil {
			return err
		}
		if w.claim.Kind == KindTail {
			return replaceTail(ctx, tx, w.claim)
		}
		if !o.covers() {
			return nil
		}
		_, err := tx.Exec(ctx, `
			update logferry.stream_state
			   set coverage = coverage + tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)), updated_at = now()
			 where stream_id = $1::integer`, w.claim.Stream, w.claim.From, o.To)
		return err
	})
}

// endRow is the fence and the ledger entry. A mismatch waits 15 minutes, twice
// as long after each earlier one of the same time, a day at most.
func (w *Writing) endRow(ctx context.Context, tx pgx.Tx, o Outcome, missing int) error {
	var total *int64
	if o.Total >= 0 {
		total = &o.Total
	}
	return fenced(tx.Exec(ctx, `
		update logferry.windows w
		   set status = $2::text, attested_by = $3::text, window_end = $4::timestamptz, source_total = $5::bigint, walks = $6::smallint,
		       requests = $7::integer, bytes = $8::bigint, distinct_rows = $9::bigint, detail = $10::text, missing_upstream_rows = $11::bigint,
		       inserted_rows = $12::bigint, changed_rows = $13::bigint, unchanged_rows = $14::bigint, quarantined_rows = $15::bigint,
		       lease_until = null, finished_at = clock_timestamp(),
		       retry_at = case when $2::text = 'mismatch' then clock_timestamp() + interval '15 minutes' * power(2, least(7, (
		           select count(*) from logferry.windows e
		            where e.stream_id = w.stream_id and e.status = 'mismatch' and e.window_start < w.window_end and e.window_end > w.window_start))) end
		 where window_id = $1::bigint and status = 'claimed'`,
		w.claim.ID, o.Status, orNull(o.AttestedBy), o.To, total, min(o.Walks, 32767),
		o.Requests, o.Bytes, o.Distinct, orNull(o.Detail), missing,
		w.Inserted, w.Changed, w.Unchanged, w.Quarantined))
}

// missed is what an attested reading says about rows it did not meet.
type missed struct {
	marked  []string // to be marked as missing upstream
	cleared []string // marked before, listed again
	moved   []move   // stored a second time under a later time
}

func (w *Writing) missed(ctx context.Context, o Outcome) (missed, error) {
	m := missed{}
	if o.Status != "attested" {
		return m, nil
	}
	m.moved = append(m.moved, w.twice...)
	var unseen []string
	for id, was := range w.stored {
		if _, met := w.seen[id]; met {
			if was.missing {
				m.cleared = append(m.cleared, id)
			}
		} else if o.Missing && !was.missing && was.at.Before(o.To) && !was.at.Before(o.Floor) {
			unseen = append(unseen, id)
		}
	}
	elsewhere, err := w.store.lookUp(ctx, w.claim.Stream, unseen)
	if err != nil {
		return m, err
	}
	for _, id := range unseen {
		at := w.stored[id].at
		if len(elsewhere[id]) > 1 {
			m.moved = append(m.moved, move{id, at})
		} else {
			m.marked = append(m.marked, id)
		}
	}
	w.Missing = int64(len(m.marked))
	return m, nil
}

// markMissing sets and clears missing_upstream_at; the rows still count.
func (w *Writing) markMissing(ctx context.Context, tx pgx.Tx, m missed) error {
	if len(m.marked) > 0 {
		if _, err := tx.Exec(ctx, `
			update logferry.requests set missing_upstream_at = now()
			 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz and log_id = any($4::text[])`,
			w.claim.Stream, w.claim.From, w.claim.To, m.marked); err != nil {
			return err
		}
	}
	if len(m.cleared) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		update logferry.requests set missing_upstream_at = null
		 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz and log_id = any($4::text[])`,
		w.claim.Stream, w.claim.From, w.claim.To, m.cleared)
	return err
}

// Split ends the window as split, with the reading so far in its ledger row,
// and claims both halves in the same transaction.
func (w *Writing) Split(ctx context.Context, at time.Time, o Outcome) (left, right *Claim, err error) {
	o.Status, o.To = "split", w.claim.To
	err = w.store.tx(ctx, "split a window", func(tx pgx.Tx) error {
		if err := w.endRow(ctx, tx, o, 0); err != nil {
			return err
		}
		if err := lockStream(ctx, tx, w.claim.Stream); err != nil {
			return err
		}
		want := Want{Stream: w.claim.Stream, Run: w.claim.Run, Kind: w.claim.Kind, Lease: w.claim.lease}
		if left, err = insertClaim(ctx, tx, want, Span{w.claim.From, at}); err != nil {
			return err
		}
		right, err = insertClaim(ctx, tx, want, Span{at, w.claim.To})
		return err
	})
	return left, right, err
}

// Unseen counts stored logs of the span that the reading has not met: what
// Finish would mark as missing upstream.
func (w *Writing) Unseen() int {
	n := 0
	for id, was := range w.stored {
		if _, met := w.seen[id]; !met && !was.missing {
			n++
		}
	}
	return n
}
