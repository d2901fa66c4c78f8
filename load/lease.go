package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Renew prolongs the leases of the claims; those that were lost stay lost. A
// row locked by its own writer is being renewed by that.
func (s *Store) Renew(ctx context.Context, ids []int64, lease time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	return s.tx(ctx, "renew leases", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.windows set lease_until = clock_timestamp() + $2::text::interval
			 where window_id in (select window_id from logferry.windows
			                      where window_id = any($1::bigint[]) and status = 'claimed' for update skip locked)`,
			ids, interval(lease))
		return err
	})
}

// Narrow moves the claim's end to an earlier instant inside it: the rest is a
// gap again, for anyone.
func (s *Store) Narrow(ctx context.Context, c *Claim, to time.Time) error {
	err := s.tx(ctx, "narrow a window", func(tx pgx.Tx) error {
		return fenced(tx.Exec(ctx, `
			update logferry.windows set window_end = $2::timestamptz, lease_until = clock_timestamp() + $3::text::interval
			 where window_id = $1::bigint and status = 'claimed' and window_start < $2::timestamptz and window_end >= $2::timestamptz`, c.ID, to, interval(c.lease)))
	})
	if err == nil {
		c.To = to
	}
	return err
}

// Release ends claims without a result, so that anyone may claim their spans
// at once: for a run that ends early.
func (s *Store) Release(ctx context.Context, ids []int64, detail string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.tx(ctx, "release claims", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.windows set status = 'failed', lease_until = null, finished_at = clock_timestamp(), detail = $2::text
			 where window_id = any($1::bigint[]) and status = 'claimed'`, ids, detail)
		return err
	})
}

// Fail is Release for a window at which the source failed: so many requests were
// made for it. Whoever claims its span next is told, in [Claim.Failed].
func (s *Store) Fail(ctx context.Context, id int64, requests int, detail string) error {
	return s.tx(ctx, "end a failed claim", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.windows
			   set status = 'failed', lease_until = null, finished_at = clock_timestamp(), requests = $2::integer, detail = $3::text
			 where window_id = $1::bigint and status = 'claimed'`, id, requests, detail)
		return err
	})
}

// ReleaseRun is Release for every claim of a run.
func (s *Store) ReleaseRun(ctx context.Context, run int64, detail string) error {
	return s.tx(ctx, "release claims", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.windows set status = 'failed', lease_until = null, finished_at = clock_timestamp(), detail = $2::text
			 where run_id = $1::bigint and status = 'claimed'`, run, detail)
		return err
	})
}
