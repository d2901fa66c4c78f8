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
func TestP10ManyLogsInOneMillisecond(t *testing.T) {
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
func TestP10ManyLogsInOneMillisecondWithCappedTotals(t *testing.T) {
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
	w.holdsExactly(set, "created_at")
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
func TestP09HostilePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	// What may not attest: without a total, a log that stands on two pages may
	// have taken the place of another.
	doubtful := map[string]bool{"totals-that-move": true, "no-totals-ties-in-any-order": true, "no-totals-repeat-and-clamp": true}
	var streams []*emulator.Stream
	for id, faults := range map[string]emulator.Faults{
		"totals-that-move":            {TotalMoves: true},
		"no-totals":                   {TotalMissing: true},
		"total-0":                     {TotalZero: true},
		"short-pages":                 {Withhold: every(3, 7)},
		"empty-pages":                 {Withhold: every(9, 50)},
		"clamped-pages":               {MaxRows: 20},
		"repeated-rows":               {RepeatRows: 3},
		"empty-page-before-end":       {PageRows: map[int]int{3: 0}},
		"short-page-before-end":       {PageRows: map[int]int{2: 10}},
		"ties-in-any-order":           {UnstableTies: true},
		"newest-first":                {Order: emulator.Newest},
		"oldest-first":                {Order: emulator.Oldest},
		"by-id":                       {Order: emulator.ByID},
		"errors":                      {Fail: emulator.Sometimes(5, 0.06, emulator.ServerError, emulator.CutBody, emulator.HungUp, emulator.NotSuccess, emulator.Throttled)},
		"no-totals-ties-in-any-order": {TotalMissing: true, UnstableTies: true},
		"no-totals-repeat-and-clamp":  {TotalMissing: true, RepeatRows: 3, MaxRows: 20},
		"compressed":                  {Gzip: true},
	} {
		prod := w.gateway(id)
		prod.Insert(cloudflareLogs(5, 250, now.Add(-9*day), now.Add(-time.Hour))...)
		prod.Insert(tied(6, 130, now.Add(-5*day).Truncate(time.Millisecond))...)
		prod.SetFaults(faults)
		streams = append(streams, prod)
	}
	t.Logf("tried %d sources", len(streams))
	w.syncAny(ferry.ExitOK, ferry.ExitData)
	for _, prod := range streams {
		w.attestedIsTrue(prod)
		if n := len(w.rows(prod)); n != prod.Len() {
			t.Errorf("%s: %d of %d logs arrived", prod.Name(), n, prod.Len())
		}
		if id := prod.Name()[len("cloudflare/"+testAcct+"/"):]; !doubtful[id] {
			w.holes(prod, []string{})
		}
		prod.SetFaults(emulator.Faults{})
	}
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
	for _, prod := range streams {
		w.equal(prod)
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

// attestedIsTrue checks that every log the source lists in covered time is
// held as it is served: coverage is not a lie.
func (w *world) attestedIsTrue(stream *emulator.Stream) {
	w.t.Helper()
	w.coveredIsHeld(stream, w.served(stream, "created_at", "", time.Time{}, farAhead))
}

// coveredIsHeld checks that those of the served logs that lie in covered time are
// held as they are served.
func (w *world) coveredIsHeld(stream *emulator.Stream, served map[string]string) {
	w.t.Helper()
	held := w.rows(stream)
	var times []string
	for id, log := range served {
		if held[id] != log {
			at, _, _ := strings.Cut(log, " ")
			times = append(times, at)
		}
	}
	if n := query[int](w, `
		select count(*) from unnest($1::text[]) at, logferry.stream_state join logferry.streams using (stream_id)
		 where stream_name = $2 and coverage @> at::timestamptz`, times, stream.Name()); n > 0 {
		w.t.Errorf("%s: %d logs lie in covered time and are not held as they are served", stream.Name(), n)
	}
}

// The Date header says what has settled by the source's clock. Without one, or
// with one that is nobody's clock, the database's alone decides, with a
// warning.
func TestP12DateHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	cases := map[string]struct {
		faults emulator.Faults
		behind time.Duration // the end of coverage, behind now less settle
		note   string
	}{
		"right":         {},
		"missing":       {emulator.Faults{NoDate: true}, 0, "no Date header"},
		"a-day-ahead":   {emulator.Faults{DateOff: 25 * time.Hour}, 0, "a day off"},
		"a-day-behind":  {emulator.Faults{DateOff: -25 * time.Hour}, 0, "a day off"},
		"ahead":         {faults: emulator.Faults{DateOff: time.Hour}},
		"behind":        {emulator.Faults{DateOff: -20 * time.Minute}, 20 * time.Minute, ""},
		"hours-behind":  {emulator.Faults{DateOff: -5 * time.Hour}, 5 * time.Hour, ""},
		"behind-settle": {emulator.Faults{DateOff: -5 * time.Minute}, 5 * time.Minute, ""},
	}
	streams := map[string]*emulator.Stream{}
	for id, test := range cases {
		streams[id] = w.gateway(id)
		streams[id].Insert(cloudflareLogs(8, 150, time.Now().Add(-9*day), time.Now())...)
		streams[id].SetFaults(test.faults)
	}
	t.Logf("tried %d clocks", len(cases))
	before := time.Now().Add(-w.cfg.Settle)
	sum := w.sync(ferry.ExitOK)
	for id, test := range cases {
		prod := streams[id]
		w.attestedIsTrue(prod)
		end := query[time.Time](w, `select upper(coverage) from logferry.stream_state join logferry.streams using (stream_id) where stream_name = $1`, prod.Name())
		if off := end.Sub(before.Add(-test.behind)); off < -time.Second || off > time.Minute {
			t.Errorf("%s: coverage ends %s after where it should", id, off)
		}
		var notes []string
		for _, note := range sum.Notes {
			if strings.HasPrefix(note, prod.Name()+":") && strings.Contains(note, "Date header") {
				notes = append(notes, note)
			}
		}
		if (len(notes) > 0) != (test.note != "") || !strings.Contains(fmt.Sprint(notes), test.note) {
			t.Errorf("%s: noted %q, want %q", id, notes, test.note)
		}
	}
}
