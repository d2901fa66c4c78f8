package load

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Open is what is left of the wanted time: neither covered nor finished by
// this run; and how much of it waits for its retry_at.
func (s *Store) Open(ctx context.Context, w Want) (open, waiting time.Duration, err error) {
	var openS, waitS float64
	err = s.retry(ctx, func() error {
		return s.ask(ctx, `
			with open as (
			     select tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz))
			            - case when $4::boolean then '{}'::tstzmultirange else ss.coverage end - $5::text::tstzmultirange as spans
			       from logferry.stream_state ss where ss.stream_id = $1::integer),
			waiting as (
			     select coalesce(range_agg(tstzrange(window_start, window_end)), '{}') as spans
			       from logferry.windows where stream_id = $1::integer and status = 'mismatch' and retry_at > clock_timestamp())
			select coalesce((select extract(epoch from sum(upper(g) - lower(g))) from unnest(open.spans) g), 0)::float8,
			       coalesce((select extract(epoch from sum(upper(g) - lower(g))) from unnest(open.spans * waiting.spans) g), 0)::float8
			  from open, waiting`,
			w.Stream, micros(w.From), micros(w.To), w.Force, multirange(w.Done)).Scan(&openS, &waitS)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, ErrLost // forgotten meanwhile
	}
	return seconds(openS), seconds(waitS), classify("read coverage", err)
}

// Gaps lists the stretches of the span that are not covered, oldest first; with
// force the whole span, as a dry run wants it.
func (s *Store) Gaps(ctx context.Context, stream int32, in Span, force bool) ([]Span, error) {
	return s.selectSpans(ctx, "read coverage", `
		select lower(g), upper(g)
		  from logferry.stream_state ss,
		       unnest(tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)) - case when $4::boolean then '{}'::tstzmultirange else ss.coverage end) g
		 where ss.stream_id = $1::integer order by 1`, stream, micros(in.From), micros(in.To), force)
}

// Taken lists what other runs than this one hold of the stream.
func (s *Store) Taken(ctx context.Context, stream int32, run int64) ([]Span, error) {
	return s.selectSpans(ctx, "read what other runs hold", `
		select lower(g), upper(g)
		  from unnest((select coalesce(range_agg(tstzrange(window_start, window_end)), '{}')
		                 from logferry.windows where stream_id = $1::integer and status = 'claimed' and run_id <> $2::bigint)) g
		 order by 1`, stream, run)
}

// selectSpans runs a query whose rows are spans.
func (s *Store) selectSpans(ctx context.Context, op, sql string, args ...any) (spans []Span, err error) {
	err = s.retry(ctx, func() error {
		return s.ask(ctx, sql, args...).each(func(rows pgx.Rows) (err error) {
			spans, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Span])
			return err
		})
	})
	return spans, classify(op, err)
}

func multirange(spans []Span) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range spans {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("[" + s.From.UTC().Format(time.RFC3339Nano) + "," + s.To.UTC().Format(time.RFC3339Nano) + ")")
	}
	b.WriteByte('}')
	return b.String()
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// MismatchesInRow counts how many of the stream's latest finished windows, at
// most three and empty ones left out, would not attest, one after the other.
func (s *Store) MismatchesInRow(ctx context.Context, stream int32) (int, error) {
	var n int
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select count(*) filter (where doubtful)
			  from (select bool_and(status = 'mismatch') over (order by window_id desc) as doubtful from logferry.windows
			         where stream_id = $1::integer and status in ('attested', 'mismatch') and kind <> 'tail'
			           and attested_by is distinct from 'empty_proven'
			         order by window_id desc limit 3) last`, stream).Scan(&n)
	})
	return n, classify("read the ledger", err)
}
