package load

import (
	"context"
	"errors"
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
		if err := w.endRow(ctx, tx, o, len(missed.marked)); errors.Is(err, ErrLost) {
			return w.unlessEnded(ctx, tx, o)
		} else if err != nil {
			return err
		}
		if err := w.settleMissed(ctx, tx, missed); err != nil {
			return err
		}
		if w.claim.Kind == KindTail {
			return replaceTail(ctx, tx, w.claim)
		}
		if !o.covers() {
			return nil
		}
		if err := w.closeUnmet(ctx, tx, o); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			update logferry.stream_state
			   set coverage = coverage + tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)), updated_at = now()
			 where stream_id = $1::integer`, w.claim.Stream, w.claim.From, o.To)
		return err
	})
}

// unlessEnded tells a claim that was lost, which is a failed one, from one that
// an earlier try of this very transaction has ended, whose answer never came.
func (w *Writing) unlessEnded(ctx context.Context, tx pgx.Tx, o Outcome) error {
	var ended bool
	err := tx.QueryRow(ctx, `
		select status = $2::text and status <> 'failed' and lease_until is null from logferry.windows where window_id = $1::bigint`,
		w.claim.ID, o.Status).Scan(&ended)
	if err == nil && !ended || errors.Is(err, pgx.ErrNoRows) {
		return ErrLost
	}
	return err
}

// endRow is the fence and the ledger entry. A mismatch waits 15 minutes, twice
// as long after each earlier run that met one in the same time (a run may meet
// several, in the halves of a window), a day at most.
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
		       retry_at = case when $2::text = 'mismatch' then clock_timestamp() + least(interval '1 day', interval '15 minutes' * power(2, least(7, (
		           select count(distinct e.run_id) from logferry.windows e
		            where e.stream_id = w.stream_id and e.status = 'mismatch' and e.window_start < w.window_end and e.window_end > w.window_start
		              and e.run_id <> w.run_id)))) end
		 where window_id = $1::bigint and status = 'claimed'`,
		w.claim.ID, o.Status, orNull(o.AttestedBy), o.To, total, min(o.Walks, 32767),
		o.Requests, o.Bytes, o.Distinct, orNull(o.Detail), missing,
		w.Inserted, w.Changed, w.Unchanged, w.Quarantined))
}

// unmetSQL tells of a case q that all of its span was read again without meeting
// it: by one window, or by several that share it.
const unmetSQL = `coalesce(q.span <@ (
	select range_agg(tstzrange(v.window_start, v.window_end)) from logferry.windows v
	 where v.stream_id = q.stream_id and v.status = 'attested' and v.window_id > q.window_id
	   and v.window_start < upper(q.span) and v.window_end > lower(q.span)), false)`

// closeUnmet closes older cases in the window that no id tells: documents
// without one, or too large to be kept. What this reading met of them are cases
// of its own; the others are not listed any more, or can be read by now.
func (w *Writing) closeUnmet(ctx context.Context, tx pgx.Tx, o Outcome) error {
	if o.Status != "attested" {
		return nil
	}
	if err := w.trimCases(ctx, tx, o); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update logferry_private.quarantine q set resolved_at = now(), resolution = 'superseded'
		 where stream_id = $1::integer and log_id is null and resolved_at is null
		   and span && tstzrange($2::timestamptz, $3::timestamptz) and `+unmetSQL,
		w.claim.Stream, w.claim.From, o.To)
	return err
}

// trimCases ends where the window's coverage ends the spans of undated cases that
// it met: counts know nothing of what reaches beyond that.
func (w *Writing) trimCases(ctx context.Context, tx pgx.Tx, o Outcome) error {
	if !o.To.Before(w.claim.To) {
		return nil
	}
	_, err := tx.Exec(ctx, `
		update logferry_private.quarantine set span = tstzrange(lower(span), $3::timestamptz)
		 where stream_id = $1::integer and window_id = $2::bigint and lower(span) < $3::timestamptz and upper(span) > $3::timestamptz`,
		w.claim.Stream, w.claim.ID, o.To)
	return err
}

// Split ends the window as split, with the reading so far in its ledger row,
// and claims both halves in the same transaction.
func (w *Writing) Split(ctx context.Context, at time.Time, o Outcome) (left, right *Claim, err error) {
	o.Status, o.To = "split", w.claim.To
	err = w.store.tx(ctx, "split a window", func(tx pgx.Tx) error {
		if err := w.endRow(ctx, tx, o, 0); errors.Is(err, ErrLost) {
			left, right, err = w.halves(ctx, tx, at)
			return err
		} else if err != nil {
			return err
		}
		if err := lockStream(ctx, tx, w.claim.Stream); err != nil {
			return err
		}
		want := Want{Stream: w.claim.Stream, Run: w.claim.Run, Kind: w.claim.Kind, Ahead: w.claim.Ahead, Lease: w.claim.lease}
		if left, err = insertClaim(ctx, tx, want, Span{w.claim.From, at}); err != nil {
			return err
		}
		right, err = insertClaim(ctx, tx, want, Span{at, w.claim.To})
		return err
	})
	return left, right, err
}

// halves finds the claims that an earlier try of Split, whose answer never
// came, has made.
func (w *Writing) halves(ctx context.Context, tx pgx.Tx, at time.Time) (left, right *Claim, err error) {
	claim := func(span Span) (*Claim, error) {
		c := *w.claim
		c.Span = span
		err := tx.QueryRow(ctx, `
			select h.window_id from logferry.windows h join logferry.windows p on p.window_id = $1::bigint
			 where p.status = 'split' and h.stream_id = p.stream_id and h.run_id = p.run_id and h.status = 'claimed'
			   and h.window_id > p.window_id and h.window_start = $2::timestamptz and h.window_end = $3::timestamptz`,
			w.claim.ID, span.From, span.To).Scan(&c.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			err = ErrLost
		}
		return &c, err
	}
	if left, err = claim(Span{w.claim.From, at}); err != nil {
		return nil, nil, err
	}
	right, err = claim(Span{at, w.claim.To})
	return left, right, err
}

// Met tells whether the reading has met the log.
func (w *Writing) Met(id string) bool {
	_, met := w.seen[id]
	return met
}
