package load

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Credential names the holder of a budget without revealing it: SHA-256 of
// the source and the secret.
type Credential [sha256.Size]byte

// NewCredential hashes source and secret. Nobody can read the secret back out
// of it, and one secret used with two sources has two budgets.
func NewCredential(source, secret string) Credential {
	return sha256.Sum256([]byte(source + "\x00" + secret))
}

// A Budget is how many requests a credential may make in any span of length
// Per, by all processes together. Both are positive.
type Budget struct {
	Requests int
	Per      time.Duration
}

// slot is the grain in which permits are remembered.
func (b Budget) slot() time.Duration { return max(b.Per/100, time.Millisecond) }

// maxBlock bounds how long a provider, or a mistaken clock of one, can stop a
// credential.
const maxBlock = 5 * time.Minute

// A Drawer is who draws: a pass, or everything else, which keeps to four fifths
// of the budget while a pass of the same credential runs.
type Drawer int

// The classes of drawers.
const (
	ByPass Drawer = iota
	ByOther
)

// Draw takes up to want permits from the budget of c. It never waits: what it
// grants may be used at once, and when it grants none, wait is how long to
// wait before asking again.
//
// The permits of a slot are counted until the whole slot is older than b.Per,
// so that no span of that length, wherever it begins, holds more than
// b.Requests of them. Processes may draw by budgets of different lengths: slots
// are kept for the longest that was ever drawn by, and counted until one of its
// grain would be old.
func (s *Store) Draw(ctx context.Context, c Credential, b Budget, by Drawer, want int) (granted int, wait time.Duration, err error) {
	d, err := s.draw(ctx, c, b, by, want)
	return d.granted, d.wait(b), err
}

// A draw is what the database answered.
type draw struct {
	at      time.Time // the instant it was decided, by the database clock
	granted int
	blocked *time.Time // no permits before it; nil: not blocked
	oldest  *time.Time // the oldest slot counted; nil: none
}

// wait is how long after d it is worth asking again; 0 when d granted.
func (d draw) wait(b Budget) time.Duration {
	if d.granted > 0 {
		return 0
	}
	wait := b.slot()
	if d.oldest != nil {
		wait = max(wait, d.oldest.Add(b.Per+b.slot()).Sub(d.at))
	}
	if d.blocked != nil {
		wait = max(b.slot(), d.blocked.Sub(d.at))
	}
	return min(wait, maxBlock)
}

// draw sends its statements as one pipeline, which is one round trip and one
// transaction. The credential's row is locked in a statement before the sum is
// taken: under read committed every statement sees what was committed before
// it began, so the sum holds every earlier draw, and the clock read after the
// lock never runs behind theirs.
func (s *Store) draw(ctx context.Context, c Credential, b Budget, by Drawer, want int) (d draw, err error) {
	err = s.retry(ctx, func() error {
		d = draw{}
		batch := &pgx.Batch{}
		batch.Queue(`select set_config('lock_timeout', $1::text, true), set_config('statement_timeout', '30s', true)`, fmt.Sprint(s.lock.Milliseconds()))
		batch.Queue(`insert into logferry.budgets (credential_hash) values ($1::bytea) on conflict do nothing`, c[:])
		batch.Queue(`select 1 from logferry.budgets where credential_hash = $1::bytea for update`, c[:])
		batch.Queue(drawSQL, c[:], interval(b.Per), interval(b.slot()), b.Requests, max(want, 0), by == ByPass).
			QueryRow(func(row pgx.Row) error { return row.Scan(&d.at, &d.granted, &d.blocked, &d.oldest) })
		return s.pool.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return draw{}, classify("draw from the request budget", err)
	}
	return d, nil
}

// coarsest is the grain of the coarsest slots that may lie in a span: those of
// the longest budget drawn by.
const coarsest = `coalesce((select greatest($3::interval, longest / 100) from logferry.budgets where credential_hash = $1::bytea), $3::interval)`

const drawSQL = `
with clock as materialized (
	select clock_timestamp() as t
), counted as (
	select coalesce(sum(used), 0) as used, min(slot_at) as oldest
	from logferry.budget_slots, clock
	where credential_hash = $1::bytea and slot_at > t - $2::interval - ` + coarsest + ` and slot_at <= t
), drawn as (
	select t, oldest,
		case when blocked_until > t then blocked_until end as blocked,
		case when blocked_until > t then 0
			else greatest(0, least($5::bigint, case when pass_until > t and not $6::boolean then $4::bigint * 4 / 5 else $4::bigint end - used)) end as granted
	from clock, counted, logferry.budgets
	where credential_hash = $1::bytea
), passing as (
	update logferry.budgets
	set pass_until = case when $6::boolean then clock.t + interval '1 minute' else pass_until end, longest = greatest(longest, $2::interval)
	from clock
	where credential_hash = $1::bytea
		and (longest < $2::interval or $6::boolean and (pass_until is null or pass_until < clock.t + interval '30 seconds'))
), put as (
	insert into logferry.budget_slots (credential_hash, slot_at, used)
	select $1::bytea, date_bin($3::interval, t, '2000-01-01 00:00:00Z'::timestamptz), granted from drawn where granted > 0
	on conflict (credential_hash, slot_at) do update set used = budget_slots.used + excluded.used
), swept as (
	delete from logferry.budget_slots
	where credential_hash = $1::bytea and slot_at < (
		select t - 2 * greatest(longest, $2::interval) from clock, logferry.budgets where credential_hash = $1::bytea)
)
select t, granted, blocked, oldest from drawn`

// Block lets nobody draw from the budget of c for d, at most 5 minutes. A
// longer block in force stays.
func (s *Store) Block(ctx context.Context, c Credential, d time.Duration) error {
	return s.tx(ctx, "block the request budget", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into logferry.budgets (credential_hash, blocked_until)
			values ($1::bytea, clock_timestamp() + $2::interval)
			on conflict (credential_hash) do update
			set blocked_until = greatest(budgets.blocked_until, excluded.blocked_until)`,
			c[:], interval(min(max(d, 0), maxBlock)))
		return err
	})
}

// BudgetUse tells how many permits of c count at this moment, and until when
// it is blocked (UTC; zero when it is not).
func (s *Store) BudgetUse(ctx context.Context, c Credential, b Budget) (used int, blockedUntil time.Time, err error) {
	var blocked *time.Time
	err = s.retry(ctx, func() error {
		return s.ask(ctx, `
			with clock as materialized (select clock_timestamp() as t)
			select
				(select coalesce(sum(used), 0) from logferry.budget_slots, clock
				 where credential_hash = $1::bytea and slot_at > t - $2::interval - `+coarsest+` and slot_at <= t),
				(select blocked_until from logferry.budgets, clock
				 where credential_hash = $1::bytea and blocked_until > t)`,
			c[:], interval(b.Per), interval(b.slot())).Scan(&used, &blocked)
	})
	if blocked != nil {
		blockedUntil = blocked.UTC()
	}
	return used, blockedUntil, classify("read the request budget", err)
}
