package load

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Range is a stretch of time as a source's filter bounds it.
type Range struct {
	Low, Top             time.Time
	StrictLow, StrictTop bool          // the bound's own instant lies outside
	Tick                 time.Duration // to which the source cuts times before it compares them; 0: it compares them whole
	// Edge is by how much windows whose counts are known only as a whole may
	// reach beyond the range: what is counted keeps off the edges of coverage.
	Edge time.Duration
	// Floor tells that the source lists nothing below the range, so that a case
	// whose window reaches below it lies in it all the same.
	Floor bool
}

// whole is the range for times that are compared whole.
func (r Range) whole() Range {
	if r.Tick > 0 && r.StrictLow {
		r.Low, r.StrictLow = r.Low.Add(r.Tick), false
	}
	if r.Tick > 0 && !r.StrictTop {
		r.Top, r.StrictTop = r.Top.Add(r.Tick), true
	}
	return r
}

// Stored counts the logs that the source should count in the range: rows not
// missing upstream, quarantine cases, open or discarded, whose span lies in it
// and was not read again without meeting them (a log that is both, because its
// document could be read before, once), and by how much
// attested readings left the source's count and ours apart: an id listed twice
// is one row but two entries; see also [Store.NoteStanding].
func (s *Store) Stored(ctx context.Context, stream int32, r Range) (int64, error) {
	r = r.whole()
	var n int64
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			with waiting as (
			     select log_id from logferry_private.quarantine q
			      where `+listedCase+`
			        and case when upper(span) > lower(span) + interval '1 microsecond' -- a window, not the log's instant
			            then tstzrange(case when $7::boolean then greatest(lower(span), least($2::timestamptz, upper(span))) else lower(span) end, upper(span))
			                 <@ tstzrange($2::timestamptz - $6::text::interval, $3::timestamptz + $6::text::interval, '[]')
			            else `+inRange("lower(span)")+` end)
			select (select count(*) from logferry.requests
			         where stream_id = $1::integer and missing_upstream_at is null
			           and log_id not in (select log_id from waiting where log_id is not null) and `+inRange("created_at")+`)
			     + (select count(*) from waiting)
			     + (select coalesce(sum(w.source_total - w.distinct_rows), 0) from logferry.windows w
			         where `+differingWindow+`
			           and w.window_start >= $2::timestamptz - $6::text::interval and w.window_end <= $3::timestamptz + $6::text::interval)::bigint`,
			stream, micros(r.Low), micros(r.Top), r.StrictLow, r.StrictTop, interval(r.Edge), r.Floor).Scan(&n)
	})
	return n, classify("count stored logs", err)
}

// inRange tells of an instant that it lies in the range of Stored's parameters.
func inRange(at string) string {
	return at + ` >= $2::timestamptz and ` + at + ` <= $3::timestamptz
		and (not $4::boolean or ` + at + ` > $2::timestamptz) and (not $5::boolean or ` + at + ` < $3::timestamptz)`
}

// NthStored is when the n-th stored log of the span (from 0) was created;
// false when it holds fewer.
func (s *Store) NthStored(ctx context.Context, stream int32, in Span, n int) (time.Time, bool, error) {
	return s.nthStored(ctx, stream, in, n, "")
}

// NthNewest is NthStored from the other end.
func (s *Store) NthNewest(ctx context.Context, stream int32, in Span, n int) (time.Time, bool, error) {
	return s.nthStored(ctx, stream, in, n, "desc")
}

func (s *Store) nthStored(ctx context.Context, stream int32, in Span, n int, direction string) (time.Time, bool, error) {
	var at time.Time
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select created_at from logferry.requests
			 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz
			 order by created_at `+direction+` offset $4::integer limit 1`, stream, in.From, in.To, n).Scan(&at)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return at, false, nil
	}
	return at.UTC(), err == nil, classify("read stored logs", err)
}

// StoredAt tells whether a log is stored at exactly that instant.
func (s *Store) StoredAt(ctx context.Context, stream int32, at time.Time) (bool, error) {
	var found bool
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select exists (select from logferry.requests where stream_id = $1::integer and created_at = $2::timestamptz)`,
			stream, micros(at)).Scan(&found)
	})
	return found, classify("read stored logs", err)
}

// Has tells whether the log is stored under that time, or waits in quarantine.
func (s *Store) Has(ctx context.Context, stream int32, id string, at time.Time) (bool, error) {
	var found bool
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select exists (select from logferry.requests where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text)
			    or exists (select from logferry_private.quarantine where stream_id = $1::integer and log_id = $3::text and resolved_at is null)`,
			stream, micros(at), id).Scan(&found)
	})
	return found, classify("read stored logs", err)
}

// listedCase picks the stream's cases in quarantine (q) whose log is no row and,
// as far as is known, still listed, whether it was discarded or not: no reading
// of where it lies has missed it since.
const listedCase = `
	q.stream_id = $1::integer and (q.resolved_at is null or q.resolution = 'discarded')
	and not ` + unmetSQL

// differingWindow picks the stream's windows (w) at whose latest reading, attested
// as it was, the source counted other than we found: until later readings hold all
// of such a window, nobody knows in which part of it that was.
const differingWindow = `
	w.stream_id = $1::integer and w.status = 'attested' and w.source_total <> w.distinct_rows
	and not coalesce(tstzrange(w.window_start, w.window_end) <@ (
	    select range_agg(tstzrange(v.window_start, v.window_end)) from logferry.windows v
	     where v.stream_id = w.stream_id and v.status = 'attested' and v.window_id > w.window_id
	       and v.window_start < w.window_end and v.window_end > w.window_start), false)`

// Uncountable lists the windows of which counts are only known as a whole, as far
// as they overlap the span, oldest first: those in which a case without a time
// lies somewhere, and those whose source counted other than we found.
func (s *Store) Uncountable(ctx context.Context, stream int32, in Span) ([]Span, error) {
	return s.selectSpans(ctx, "read what is only counted whole", `
		with whole as (
		     select span from logferry_private.quarantine q
		      where `+listedCase+` and upper(span) > lower(span) + interval '1 microsecond'
		     union all
		     select tstzrange(window_start, window_end) from logferry.windows w
		      where `+differingWindow+`)
		select distinct lower(span), upper(span) from whole
		 where span && tstzrange($2::timestamptz, $3::timestamptz) order by 1`, stream, micros(in.From), micros(in.To))
}

// Held counts what the warehouse holds of the whole stream: rows not missing
// upstream and quarantine cases.
func (s *Store) Held(ctx context.Context, stream int32) (int64, error) {
	var n int64
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			with waiting as (select log_id from logferry_private.quarantine q where `+listedCase+`)
			select (select count(*) from logferry.requests
			         where stream_id = $1::integer and missing_upstream_at is null
			           and log_id not in (select log_id from waiting where log_id is not null))
			     + (select count(*) from waiting)`, stream).Scan(&n)
	})
	return n, classify("count stored logs", err)
}

// Settled lists the covered parts of the span whose latest reading stands
// without doubt, oldest first: coverage less what was last read as accepted or
// mismatch.
func (s *Store) Settled(ctx context.Context, stream int32, in Span) ([]Span, error) {
	return s.selectSpans(ctx, "read coverage", `
		with `+doubtfulSpans+`
		select lower(g), upper(g)
		  from logferry.stream_state ss, doubtful,
		       unnest(ss.coverage * tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)) - doubtful.spans) g
		 where ss.stream_id = $1::integer order by 1`, stream, micros(in.From), micros(in.To))
}

// CoverageEnd is the last covered instant's upper bound; false when nothing is
// covered.
func (s *Store) CoverageEnd(ctx context.Context, stream int32) (time.Time, bool, error) {
	var end *time.Time
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `select upper(coverage) from logferry.stream_state where stream_id = $1::integer`, stream).Scan(&end)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return time.Time{}, false, ErrLost // forgotten meanwhile
	case err != nil || end == nil:
		return time.Time{}, false, classify("read coverage", err)
	}
	return end.UTC(), true, nil
}
