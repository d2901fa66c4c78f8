package ferry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// tied are n logs of a gateway in one millisecond.
func tied(seed uint64, n int, at time.Time) []emulator.Log {
	var logs []emulator.Log
	for _, c := range emulator.Synthetic(seed, n, at.Add(-time.Hour), at) {
		c.At = at
		logs = append(logs, emulator.CloudflareLog(c))
	}
	return logs
}

// 20,000 logs of one millisecond are one window of one tick: it can't be cut,
// and is walked to its end.
func TestManyLogsInOneMillisecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	prod := w.gateway("prod")
	at := time.Now().Add(-26 * time.Hour).Truncate(time.Millisecond)
	prod.Insert(tied(1, 20_000, at)...)
	prod.Insert(cloudflareLogs(2, 300, at.Add(-day), at.Add(day))...)
	sum := w.sync(ferry.ExitOK)
	w.equal(prod)
	if sum.Unfinished != 0 || sum.Doubtful != 0 {
		t.Errorf("%+v", sum)
	}
}

// Where the source caps its totals at 10,000, a millisecond with more logs
// can't be proven: it is loaded whole, not covered, and all around it is.
func TestManyLogsInOneMillisecondWithCappedTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	prod := w.gateway("prod")
	at := time.Now().Add(-26 * time.Hour).Truncate(time.Millisecond)
	prod.Insert(tied(1, 10_050, at)...)
	prod.Insert(cloudflareLogs(2, 300, at.Add(-day), at.Add(day))...)
	prod.SetFaults(emulator.Faults{TotalCap: 10_000})
	sum := w.sync(ferry.ExitData)
	w.equal(prod)
	if sum.Mismatch != 1 || sum.Doubtful != 1 {
		t.Errorf("%+v", sum)
	}
	w.holes(prod, []string{fmt.Sprintf("[%s,%s)", stamp(at), stamp(at.Add(time.Millisecond)))})
}

// A cap on totals costs nothing else: windows of less are proven.
func TestCappedTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	set := w.dataset("ds1")
	now := time.Now()
	set.Insert(keywordsLogs(3, 11_000, now.Add(-9*day), now, "ds1", "created_at")...)
	set.SetFaults(emulator.Faults{TotalCap: 10_000, Order: emulator.ByID})
	w.sync(ferry.ExitOK)
	w.keywordsEqual(set, "created_at")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999") }

// holes checks which spans between the stream's start and the end of its
// coverage are not covered.
func (w *world) holes(stream *emulator.Stream, want []string) {
	w.t.Helper()
	got := query[[]string](w, `
		select coalesce(array_agg(format('[%s,%s)', lower(g) at time zone 'UTC', upper(g) at time zone 'UTC')), '{}')
		  from logferry.stream_state join logferry.streams using (stream_id),
		       unnest(tstzmultirange(tstzrange(starts_at, upper(coverage))) - coverage) g
		 where stream_name = $1`, stream.Name())
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s has holes %v, want %v", stream.Name(), got, want)
	}
}

// Whatever a source does to its pages, the reading ends, and is whole or says
// that it is not.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults emulator.Faults
		codes  []int // of the first pass
	}{
		"totals that move on every answer":  {emulator.Faults{TotalMoves: true}, []int{ferry.ExitOK, ferry.ExitData}},
		"no totals":                         {emulator.Faults{TotalMissing: true}, []int{ferry.ExitOK}},
		"a total of 0 beside rows":          {emulator.Faults{TotalZero: true}, []int{ferry.ExitOK}},
		"short pages":                       {emulator.Faults{Withhold: every(3, 7)}, []int{ferry.ExitOK}},
		"empty pages now and then":          {emulator.Faults{Withhold: every(9, 50)}, []int{ferry.ExitOK}},
		"clamped pages":                     {emulator.Faults{MaxRows: 20}, []int{ferry.ExitOK}},
		"repeated rows":                     {emulator.Faults{RepeatRows: 3}, []int{ferry.ExitOK}},
		"an empty page before the end":      {emulator.Faults{PageRows: map[int]int{3: 0}}, []int{ferry.ExitOK}},
		"a short page before the end":       {emulator.Faults{PageRows: map[int]int{2: 10}}, []int{ferry.ExitOK}},
		"ties in another order every time":  {emulator.Faults{UnstableTies: true}, []int{ferry.ExitOK}},
		"newest first whatever was asked":   {emulator.Faults{Order: emulator.Newest}, []int{ferry.ExitOK}},
		"oldest first whatever was asked":   {emulator.Faults{Order: emulator.Oldest}, []int{ferry.ExitOK}},
		"errors and cut bodies":             {emulator.Faults{Fail: emulator.Sometimes(5, 0.06, emulator.ServerError, emulator.CutBody, emulator.HungUp, emulator.NotSuccess)}, []int{ferry.ExitOK}},
		"no totals, ties in another order":  {emulator.Faults{TotalMissing: true, UnstableTies: true}, []int{ferry.ExitOK, ferry.ExitData}},
		"no totals, pages repeat and clamp": {emulator.Faults{TotalMissing: true, RepeatRows: 3, MaxRows: 20}, []int{ferry.ExitOK}},
		"compressed":                        {emulator.Faults{Gzip: true}, []int{ferry.ExitOK}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			prod := w.gateway("prod")
			now := time.Now()
			prod.Insert(cloudflareLogs(5, 400, now.Add(-9*day), now.Add(-time.Hour))...)
			prod.Insert(tied(6, 130, now.Add(-5*day).Truncate(time.Millisecond))...)
			prod.SetFaults(test.faults)
			w.syncAny(test.codes...)
			w.attestedIsTrue(prod)
			if w.holds(prod) != prod.Len() {
				t.Errorf("%d of %d logs arrived", w.holds(prod), prod.Len())
			}
			prod.SetFaults(emulator.Faults{})
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
			w.equal(prod)
		})
	}
}

// every makes a Withhold: now and then rows are missing from the end of a page.
func every(n, rows int) func(int, emulator.Request) int {
	return func(ordinal int, r emulator.Request) int {
		if r.Filtered && ordinal%n == 0 {
			return rows
		}
		return 0
	}
}

func (w *world) holds(stream *emulator.Stream) int { return len(w.rows(stream)) }

// attestedIsTrue checks that every log the source lists in covered time is
// held as it is served: coverage is not a lie.
func (w *world) attestedIsTrue(stream *emulator.Stream) {
	w.t.Helper()
	held := w.rows(stream)
	for id, log := range w.served(stream, "created_at", "", time.Time{}, farAhead) {
		if held[id] == log {
			continue
		}
		if query[bool](w, `select coverage @> split_part($1, ' ', 1)::timestamptz from logferry.stream_state`, log) {
			w.t.Errorf("log %s, %s, is covered and not held", id, log[:24])
		}
	}
}

// The Date header says what has settled by the source's clock. Without one, or
// with one that is nobody's clock, the database's alone decides, with a
// warning.
func TestDateHeader(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults emulator.Faults
		behind time.Duration // the end of coverage, behind now less settle
		note   string
	}{
		"right":         {emulator.Faults{}, 0, ""},
		"missing":       {emulator.Faults{NoDate: true}, 0, "no Date header"},
		"a day ahead":   {emulator.Faults{DateOff: 25 * time.Hour}, 0, "a day off"},
		"a day behind":  {emulator.Faults{DateOff: -25 * time.Hour}, 0, "a day off"},
		"ahead":         {emulator.Faults{DateOff: time.Hour}, 0, ""},
		"behind":        {emulator.Faults{DateOff: -20 * time.Minute}, 20 * time.Minute, ""},
		"hours behind":  {emulator.Faults{DateOff: -5 * time.Hour}, 5 * time.Hour, ""},
		"behind settle": {emulator.Faults{DateOff: -5 * time.Minute}, 5 * time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			prod := w.gateway("prod")
			prod.Insert(cloudflareLogs(8, 200, time.Now().Add(-9*day), time.Now())...)
			prod.SetFaults(test.faults)
			before := time.Now().Add(-w.cfg.Settle - test.behind)
			sum := w.sync(ferry.ExitOK)
			w.attestedIsTrue(prod)
			end := query[time.Time](w, `select upper(coverage) from logferry.stream_state`)
			if off := end.Sub(before); off < -time.Second || off > time.Minute {
				t.Errorf("coverage ends at %s, want %s after it", before, off)
			}
			if told := strings.Contains(fmt.Sprint(sum.Notes), "Date header"); told != (test.note != "") || !strings.Contains(fmt.Sprint(sum.Notes), test.note) {
				t.Errorf("notes: %q", sum.Notes)
			}
			if name != "behind" && name != "hours behind" && name != "behind settle" {
				w.idle(onePass)
			}
		})
	}
}
