package load

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
)

// Lateness is measured where it can be: a log's age at its first meeting says
// how late it appeared, at most, if somebody had looked at its time before, if it
// was met as young as the tail, or if passes read on from where the one before
// had ended. The age of a backlog says nothing, nor does that of a log that waited
// in quarantine. Ages are counted per stream and day, rounded up to two significant
// digits of a second, in the transaction that inserts the logs: each is counted
// once, or, when the answer to that commit is lost, with the rows that it did
// insert.

// queueLateness counts the chunk's new logs by age, and tells how many of them
// came later than settle allows: their time was covered already.
func (w *Writing) queueLateness(b *pgx.Batch, c *chunk, now time.Time) {
	logs, late := map[int32]int64{}, map[int32]int64{}
	c.late = 0
	for _, r := range c.fresh {
		if c.countsNow[r.LogID] != seenInserted || !w.watched(r) || c.waited(r.LogID) {
			continue
		}
		age := ageBucket(now.Sub(r.CreatedAt))
		logs[age]++
		if within(w.claim.Covered, r.CreatedAt) {
			late[age]++
			c.late++
		}
	}
	if len(logs) == 0 {
		return
	}
	var ages []int32
	var counts, lates []int64
	for age := range logs {
		ages = append(ages, age)
	}
	slices.Sort(ages) // two windows of the stream lock the rows in one order
	for _, age := range ages {
		counts, lates = append(counts, logs[age]), append(lates, late[age])
	}
	b.Queue(`
		insert into logferry.lateness (stream_id, met_on, seconds, logs, late_logs)
		select $1::integer, $2::date, n.seconds, n.logs, n.late
		  from unnest($3::integer[], $4::bigint[], $5::bigint[]) with ordinality as n (seconds, logs, late, place)
		 order by n.place
		on conflict (stream_id, met_on, seconds) do update
		   set logs = lateness.logs + excluded.logs, late_logs = lateness.late_logs + excluded.late_logs`,
		w.claim.Stream, now.UTC(), ages, counts, lates)
}

// watched tells whether the age of a log that is new says how late it appeared.
func (w *Writing) watched(r *transform.Record) bool {
	ahead := w.claim.Ahead
	return w.claim.Kind == KindTail || w.claim.knows(r.CreatedAt) || !ahead.IsZero() && !r.CreatedAt.Before(ahead)
}

// waited tells whether a log was met before it could be read: when it is read at
// last says nothing of its source.
func (c *chunk) waited(id string) bool {
	_, waited := c.resolved[id]
	return waited || c.replayed != nil
}

// ageBucket is the age in seconds, rounded up to two significant digits. A log
// from ahead of the database clock has no age.
func ageBucket(age time.Duration) int32 {
	seconds := math.Ceil(max(0, age.Seconds()))
	step := 1.0
	for seconds/step > 99 {
		step *= 10
	}
	return int32(min(math.Ceil(seconds/step)*step, math.MaxInt32))
}

// LateShare tells how the stream's late logs of the last 30 days lie: how many
// logs were measured, and after how long at most all but the given share of these
// had come, leaving out late ones older than limit, which were filled in later.
// In time is what was not late, whatever its age; zero: all but the share came so.
func (s *Store) LateShare(ctx context.Context, stream int32, limit time.Duration, share float64) (measured int64, wait time.Duration, err error) {
	var found float64
	err = s.retry(ctx, func() error {
		return s.ask(ctx, `
			with counted as (
			     select seconds, sum(logs) as logs, sum(late_logs) as late from logferry.lateness
			      where stream_id = $1::integer and met_on > (now() at time zone 'UTC')::date - 30
			      group by seconds),
			later as ( -- than a settle of so many seconds
			     select seconds, coalesce(sum(late) over (order by seconds desc rows between unbounded preceding and 1 preceding), 0) as left_out
			       from counted where late > 0 and seconds <= $2::float8),
			total as (select coalesce(sum(logs), 0) as logs, coalesce(sum(late) filter (where seconds <= $2::float8), 0) as late from counted)
			select total.logs::bigint,
			       case when total.late > total.logs * $3::float8
			            then (select min(seconds) from later where left_out <= total.logs * $3::float8) else 0 end::float8
			  from total`, stream, limit.Seconds(), share).Scan(&measured, &found)
	})
	return measured, seconds(found), classify("read the stream's lateness", err)
}
