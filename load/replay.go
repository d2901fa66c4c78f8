package load

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
)

// How a replay closes a case.
const (
	Replayed   = "replayed"   // its log is a row, as the case has it
	Superseded = "superseded" // nothing was written: the log has something newer
)

// Replay stores a record that could be made of a case after all, in a claim of
// its own on the record's tick, and closes the case. Coverage is untouched. A row
// that was read since, or another open case that was met later, is newer than the
// case and stands. It tells how the case was closed; "" when another run holds
// that time.
func (s *Store) Replay(ctx context.Context, run int64, c Case, r *transform.Record, keep Keep, tick, lease time.Duration) (how string, err error) {
	at := r.CreatedAt.Truncate(tick)
	turn, err := s.Claim(ctx, Want{
		Stream: c.streamID, Run: run, Kind: KindBackfill, Span: Span{at, at.Add(tick)}, Force: true, Hurry: true, Exact: true, Tick: tick, Lease: lease,
	})
	if err != nil || turn.Claim == nil {
		return "", err
	}
	turn.Claim.Known = []Span{turn.Claim.Span} // its row may stand under another time, covered or not
	if slices.Contains(r.Issues, transform.IssueValueWithheld) {
		keep.Raw, keep.Payloads = false, false // the document is not what the source says
	}
	w, err := s.Begin(ctx, turn.Claim, c.Source, keep)
	if err == nil {
		how, err = w.replay(ctx, c, r)
	}
	if err == nil {
		err = w.Finish(ctx, Outcome{Status: "loaded", Total: -1, Distinct: 1, Detail: "a case in quarantine was " + how})
	}
	if err != nil {
		err = errors.Join(err, s.Release(context.WithoutCancel(ctx), []int64{turn.Claim.ID}, "a replay failed"))
	}
	return how, err
}

// A replayed case is what a chunk's only record was made of.
type replayed struct {
	Case
	unlisted bool // an attested reading of all of where it lies has missed it since
}

// replay writes the record and closes its case in one transaction, unless the log
// has something newer.
func (w *Writing) replay(ctx context.Context, c Case, r *transform.Record) (how string, err error) {
	newer, unlisted, err := w.store.since(ctx, c, r.LogID)
	switch {
	case err != nil:
		return "", err
	case newer:
		return Superseded, w.store.tx(ctx, "close a case", func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, closeCase, c.ID, Superseded)
			return err
		})
	}
	ch, err := w.diff(ctx, []Entry{{Record: r}})
	if err != nil {
		return "", err
	}
	ch.replayed = &replayed{c, unlisted}
	if err := w.commit(ctx, ch); err != nil {
		return "", err
	}
	return Replayed, nil
}

// since tells what became of a case's log after the case was last met: whether
// something newer is known of it, a row under any time or another open case, and
// whether its source lists it no longer. The case itself may lack the log's id.
func (s *Store) since(ctx context.Context, c Case, id string) (newer, unlisted bool, err error) {
	err = s.retry(ctx, func() error {
		return s.ask(ctx, `
			select exists (select from logferry.requests where stream_id = $1::integer and log_id = $2::text and loaded_at > $3::timestamptz)
			    or exists (select from logferry_private.quarantine
			                where stream_id = $1::integer and log_id = $2::text and resolved_at is null and quarantine_id <> $4::bigint
			                  and (last_seen_at, quarantine_id) > ($3::timestamptz, $4::bigint)),
			       exists (select from logferry_private.quarantine q where q.quarantine_id = $4::bigint and `+unmetSQL+`)`,
			c.streamID, id, c.LastSeen, c.ID).Scan(&newer, &unlisted)
	})
	return newer, unlisted, classify("read what is newer than a case", err)
}

const closeCase = `
	update logferry_private.quarantine set resolved_at = now(), resolution = $2::text
	 where quarantine_id = $1::bigint and resolved_at is null`

// queueReplayed closes the case that the chunk was made of. A row of a log that
// its source does not list is one that is missing upstream.
func (w *Writing) queueReplayed(b *pgx.Batch, c *chunk) {
	if c.replayed == nil {
		return
	}
	b.Queue(closeCase, c.replayed.ID, Replayed)
	if !c.replayed.unlisted {
		return
	}
	for _, r := range slices.Concat(c.fresh, c.changed) {
		b.Queue(`
			update logferry.requests set missing_upstream_at = coalesce(missing_upstream_at, now())
			 where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text`,
			w.claim.Stream, r.CreatedAt, r.LogID)
	}
}
