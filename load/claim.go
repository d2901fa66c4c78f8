package load

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// The kinds of windows.
const (
	KindSync     = "sync"
	KindTail     = "tail"
	KindRecheck  = "recheck"
	KindReread   = "reread"
	KindBackfill = "backfill"
	KindVerify   = "verify"
)

// A Span is the half-open stretch of time [From, To), UTC.
type Span struct{ From, To time.Time }

// Empty tells a span without an instant in it.
func (s Span) Empty() bool { return !s.From.Before(s.To) }

// String writes the span with its bounds in RFC 3339.
func (s Span) String() string { return span(s.From, s.To) }

// A Claim is a window that this process holds: the right to read the span and
// to write what was read. It is void once its lease has run out.
type Claim struct {
	ID     int64 // ledger row; the fence
	Stream int32
	Run    int64
	Kind   string
	Span
	// Known are the parts of the span that were covered or tail-read before: an
	// id new there may be a stored log whose time has moved.
	Known []Span
	// Covered are the parts of it that were covered before: a log new in them
	// came later than settle allows.
	Covered []Span
	// Ahead is that of the want.
	Ahead time.Time
	// Failed is how wide the latest window that began here was, if the source
	// failed at it and the span may be cut; 0: none did.
	Failed time.Duration
	lease  time.Duration
}

// A Want says what to claim next in a stream.
type Want struct {
	Stream int32
	Run    int64
	Kind   string
	Span                 // wanted time
	Done   []Span        // finished by this run, whatever the outcome: not claimed again
	Force  bool          // also what is covered already
	Hurry  bool          // also what waits for its retry_at
	Exact  bool          // the whole span or nothing: for rereading it
	Ahead  time.Time     // where coverage ended when the pass began: from there on logs are read as they come; zero: nowhere
	Newest time.Duration // this much of the end is taken first; 0: oldest first
	Tick   time.Duration // claimed bounds lie on whole ticks
	Lease  time.Duration
}

// A Turn is what a claim attempt found.
type Turn struct {
	Claim  *Claim // nil: nothing left to claim
	Others bool   // wanted time is held by live claims of other runs
	Ours   bool   // wanted time is held by live claims of this run
}

// Claim takes the next gap of the wanted time: what is neither covered nor
// claimed nor finished by this run nor waiting for its retry_at. Claims whose
// lease ran out are ended first.
func (s *Store) Claim(ctx context.Context, w Want) (Turn, error) {
	var turn Turn
	err := s.tx(ctx, "claim a window", func(tx pgx.Tx) error {
		turn = Turn{}
		if err := lockStream(ctx, tx, w.Stream); err != nil {
			return err
		}
		if err := endDeadClaims(ctx, tx, w.Stream); err != nil {
			return err
		}
		gap, err := w.nextGap(ctx, tx, &turn)
		if err != nil || gap.Empty() {
			return err
		}
		turn.Claim, err = insertClaim(ctx, tx, w, gap)
		return err
	})
	return turn, err
}

// lockStream serialises everything that changes who holds what of a stream.
func lockStream(ctx context.Context, tx pgx.Tx, stream int32) error {
	var enabled bool
	err := tx.QueryRow(ctx, `select true from logferry.stream_state where stream_id = $1::integer for update`, stream).Scan(&enabled)
	if err == nil {
		err = tx.QueryRow(ctx, `select is_enabled from logferry.streams where stream_id = $1::integer`, stream).Scan(&enabled)
	}
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !enabled {
		return ErrLost // forgotten or disabled meanwhile
	}
	return err
}

// endDeadClaims fails the claims that nobody renewed. A row locked by a writer
// belongs to a process that is alive, whatever its lease says: it is skipped,
// which also keeps the two lock orders from meeting.
func endDeadClaims(ctx context.Context, tx pgx.Tx, stream int32) error {
	_, err := tx.Exec(ctx, `
		update logferry.windows
		   set status = 'failed', lease_until = null, finished_at = clock_timestamp(), detail = 'the lease ran out'
		 where window_id in (
		       select window_id from logferry.windows
		        where stream_id = $1::integer and status = 'claimed' and lease_until < clock_timestamp()
		          for update skip locked)`, stream)
	return err
}

// nextGap picks the gap to take, and notes who holds the rest. A gap is widened
// to whole ticks; live claims are widened before, since theirs may have been
// finer, so that the two can't overlap.
func (w Want) nextGap(ctx context.Context, tx pgx.Tx, turn *Turn) (Span, error) {
	var firstFrom, firstTo, lastFrom, lastTo *time.Time
	err := tx.QueryRow(ctx, `
		with held as (
		     select run_id, tstzrange(date_bin($8::text::interval, window_start, '2000-01-01Z'),
		                              date_bin($8::text::interval, window_end + $8::text::interval - interval '1 us', '2000-01-01Z')) as span
		       from logferry.windows where stream_id = $1::integer and status = 'claimed'),
		live as (
		     select coalesce(range_agg(span), '{}') as spans, coalesce(range_agg(span) filter (where run_id <> $2::bigint), '{}') as others
		       from held),
		waiting as (
		     select coalesce(range_agg(tstzrange(window_start, window_end)), '{}') as spans
		       from logferry.windows
		      where stream_id = $1::integer and status = 'mismatch' and retry_at > clock_timestamp() and not $6::boolean),
		open as (
		     select tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz))
		            - case when $5::boolean then '{}'::tstzmultirange else ss.coverage end
		            - waiting.spans - $7::text::tstzmultirange as spans
		       from logferry.stream_state ss, waiting where ss.stream_id = $1::integer),
		gaps as (select g from open, live, unnest(open.spans - live.spans) g)
		select (select lower(g) from gaps order by lower(g) limit 1), (select upper(g) from gaps order by lower(g) limit 1),
		       (select lower(g) from gaps order by lower(g) desc limit 1), (select upper(g) from gaps order by lower(g) desc limit 1),
		       open.spans && live.others, open.spans && (live.spans - live.others)
		  from open, live`,
		w.Stream, w.Run, micros(w.From), micros(w.To), w.Force, w.Hurry, multirange(w.Done), interval(max(w.Tick, time.Microsecond))).
		Scan(&firstFrom, &firstTo, &lastFrom, &lastTo, &turn.Others, &turn.Ours)
	if err != nil || firstFrom == nil {
		return Span{}, err
	}
	gap := Span{*firstFrom, *firstTo}
	if newest := w.To.Add(-w.Newest); w.Newest > 0 && lastTo.After(newest) {
		gap = Span{later(*lastFrom, newest), *lastTo}
	}
	if w.Exact && (gap.From.After(w.From) || gap.To.Before(w.To)) {
		return Span{}, nil
	}
	return gap.onTicks(w.Tick), nil
}

// onTicks widens the span to whole ticks.
func (s Span) onTicks(tick time.Duration) Span {
	from, to := s.From.UTC().Truncate(tick), s.To.UTC().Truncate(tick)
	if to.Before(s.To) {
		to = to.Add(tick)
	}
	return Span{from, to}
}

func insertClaim(ctx context.Context, tx pgx.Tx, w Want, gap Span) (*Claim, error) {
	c := &Claim{Stream: w.Stream, Run: w.Run, Kind: w.Kind, Span: gap, lease: w.Lease}
	var failed float64
	err := tx.QueryRow(ctx, `
		insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, lease_until)
		values ($1::integer, $2::bigint, $3::text, $4::timestamptz, $5::timestamptz, 'claimed', clock_timestamp() + $6::text::interval)
		returning window_id, coalesce((
		          select case when status = 'failed' and requests > 0 then extract(epoch from window_end - window_start) end
		            from logferry.windows w
		           where w.stream_id = $1::integer and w.window_start = $4::timestamptz and w.kind <> 'notice'
		           order by w.window_id desc limit 1), 0)::float8`,
		c.Stream, c.Run, c.Kind, c.From, c.To, interval(c.lease)).Scan(&c.ID, &failed)
	if err != nil {
		return nil, err
	}
	if !w.Exact {
		c.Failed = seconds(failed)
	}
	c.Ahead = w.Ahead
	rows, err := tx.Query(ctx, `
		with known as (
		     select coverage, coverage + coalesce((
		            select range_agg(tstzrange(t.window_start, t.window_end)) from logferry.windows t
		             where t.stream_id = $1::integer and t.kind = 'tail' and t.window_id <> $2::bigint), '{}') as spans,
		            tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)) as claimed
		       from logferry.stream_state where stream_id = $1::integer)
		select false, lower(g), upper(g) from known, unnest(spans * claimed) g
		union all
		select true, lower(g), upper(g) from known, unnest(coverage * claimed) g
		 order by 1, 2`, c.Stream, c.ID, c.From, c.To)
	if err != nil {
		return nil, err
	}
	var covered bool
	var part Span
	_, err = pgx.ForEachRow(rows, []any{&covered, &part.From, &part.To}, func() error {
		if covered {
			c.Covered = append(c.Covered, part)
		} else {
			c.Known = append(c.Known, part)
		}
		return nil
	})
	return c, err
}

// knows tells whether the instant was covered or tail-read before the claim.
func (c *Claim) knows(at time.Time) bool { return within(c.Known, at) }

func within(spans []Span, at time.Time) bool {
	for _, s := range spans {
		if !at.Before(s.From) && at.Before(s.To) {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
