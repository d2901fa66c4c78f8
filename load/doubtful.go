package load

import "context"

// doubtfulSpans is what of [$2, $3) of stream $1 was last read as accepted or
// mismatch: no later readings that attested hold all of the window's span.
const doubtfulSpans = `doubtful as (
		     select coalesce(range_agg(tstzrange(w.window_start, w.window_end)), '{}') as spans
		       from logferry.windows w
		      where w.stream_id = $1::integer and w.status in ('accepted', 'mismatch')
		        and w.window_start < $3::timestamptz and w.window_end > $2::timestamptz
		        and (select tstzrange(w.window_start, w.window_end) <@ range_agg(tstzrange(v.window_start, v.window_end))
		               from logferry.windows v
		              where v.stream_id = w.stream_id and v.window_id > w.window_id and v.status = 'attested'
		                and v.window_start < w.window_end and v.window_end > w.window_start) is not true)`

// InDoubt lists the parts of the span, covered or not, that were last read as
// accepted or mismatch, oldest first: what [Store.Settled] leaves out.
func (s *Store) InDoubt(ctx context.Context, stream int32, in Span) ([]Span, error) {
	return s.selectSpans(ctx, "read the ledger", `
		with `+doubtfulSpans+`
		select lower(g), upper(g)
		  from doubtful, unnest(doubtful.spans * tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz))) g order by 1`,
		stream, micros(in.From), micros(in.To))
}

// Doubtful lists what is covered and was last read as a mismatch whose retry is
// due.
func (s *Store) Doubtful(ctx context.Context, stream int32) ([]Span, error) {
	return s.selectSpans(ctx, "read what is doubtful", `
		with bad as (
		     select w.*, coalesce(retry_at <= clock_timestamp(), true) as due
		       from logferry.windows w
		      where w.stream_id = $1::integer and w.status = 'mismatch'
		        and (select tstzrange(w.window_start, w.window_end) <@ range_agg(tstzrange(v.window_start, v.window_end))
		               from logferry.windows v
		              where v.stream_id = w.stream_id and v.window_id > w.window_id and v.status in ('attested', 'accepted')
		                and v.window_start < w.window_end and v.window_end > w.window_start) is not true),
		sets as (
		     select coalesce(range_agg(tstzrange(window_start, window_end)) filter (where due), '{}') as due,
		            coalesce(range_agg(tstzrange(window_start, window_end)) filter (where not due), '{}') as waiting
		       from bad)
		select lower(g), upper(g) from logferry.stream_state ss, sets, unnest(ss.coverage * sets.due - sets.waiting) g
		 where ss.stream_id = $1::integer order by 1`, stream)
}
