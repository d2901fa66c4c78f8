package ferry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A time filter that finds nothing, or is ignored, proves nothing: no time is
// covered, and the error names what was tried.
func TestUnprovenFilterCoversNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		filters, dates emulator.Treatment
		keywords       bool
		names          []string
	}{
		"finds nothing":              {emulator.MatchesNothing, emulator.MatchesNothing, false, []string{"filters", "start_date", "end_date"}},
		"is ignored":                 {emulator.Ignored, emulator.Ignored, false, []string{"filters", "start_date", "end_date"}},
		"is refused":                 {emulator.Refused, emulator.Refused, false, []string{"filters", "start_date", "end_date"}},
		"finds nothing, Keywords AI": {emulator.MatchesNothing, "", true, []string{"filters", "created_at"}},
		"is ignored, Keywords AI":    {emulator.Ignored, "", true, []string{"filters", "created_at"}},
		"is refused, Keywords AI":    {emulator.Refused, "", true, []string{"filters", "created_at"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			var stream *emulator.Stream
			if test.keywords {
				stream = w.dataset("ds1")
				stream.Insert(keywordsLogs(41, 200, now.Add(-20*day), now.Add(-time.Hour), "ds1", "created_at")...)
			} else {
				stream = w.gateway("prod")
				stream.Insert(cloudflareLogs(41, 200, now.Add(-20*day), now.Add(-time.Hour))...)
			}
			stream.SetFaults(emulator.Faults{Filters: test.filters, Dates: test.dates})
			f := w.ferry()
			_, err := f.Sync(context.Background())
			w.exits(ferry.ExitConfig, err)
			for _, parameter := range test.names {
				if !strings.Contains(err.Error(), parameter) {
					t.Errorf("the error does not name %s: %v", parameter, err)
				}
			}
			if query[bool](w, `select bool_or(not isempty(coverage)) from logferry.stream_state`) {
				t.Error("time was covered")
			}
		})
	}
}

// Where Cloudflare refuses, ignores or misreads `filters`, the older
// parameters carry the day.
func TestFallbackDialect(t *testing.T) {
	t.Parallel()
	for _, treatment := range []emulator.Treatment{emulator.Refused, emulator.Ignored, emulator.MatchesNothing} {
		t.Run(string(treatment), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			prod := w.gateway("prod")
			now := time.Now()
			prod.Insert(cloudflareLogs(51, 400, now.Add(-20*day), now)...)
			prod.SetFaults(emulator.Faults{Filters: treatment})
			w.sync(ferry.ExitOK)
			w.equal(prod)
			w.idle(onePass)
			if got := query[string](w, `select dialect->>'filter' from logferry.stream_state`); got != "start_date and end_date" {
				t.Errorf("the dialect is %s", got)
			}
		})
	}
}

// A filter that worked and then finds nothing, or is ignored, covers nothing
// more and marks nothing as missing; when it works again nothing was lost.
func TestFilterThatStopsWorking(t *testing.T) {
	t.Parallel()
	for _, order := range []emulator.Order{"", emulator.ByID} {
		for _, treatment := range []emulator.Treatment{emulator.MatchesNothing, emulator.Ignored, emulator.Refused} {
			t.Run(fmt.Sprintf("order %s, %s", order, treatment), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, emulator.Options{})
				w.cfg.Raw = false
				set := w.dataset("ds1")
				now := time.Now()
				set.Insert(keywordsLogs(61, 400, now.Add(-20*day), now.Add(-10*time.Minute), "ds1", "created_at")...)
				set.SetFaults(emulator.Faults{Order: order})
				w.sync(ferry.ExitOK)
				before := w.coverage()

				// What settles next holds logs, and late logs turn up in what
				// was covered.
				w.cfg.Settle = time.Minute
				set.SetFaults(emulator.Faults{Order: order, Filters: treatment})
				set.Insert(keywordsLogs(62, 50, now.Add(-10*day), now.Add(-time.Hour), "ds1", "created_at")...)
				set.Insert(keywordsLogs(63, 150, now.Add(-10*time.Minute), now, "ds1", "created_at")...)
				w.sync(ferry.ExitConfig)
				if after := w.coverage(); after != before {
					t.Errorf("coverage was %s, is %s", before, after)
				}
				if n := len(w.missing(set)); n > 0 {
					t.Errorf("%d logs are marked as missing", n)
				}

				set.SetFaults(emulator.Faults{Order: order})
				w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)}) // waits for no retry_at
				w.sync(ferry.ExitOK)
				w.keywordsEqual(set, "created_at")
			})
		}
	}
}

// Where another spelling works, a stream goes over to it.
func TestFilterThatIsReplaced(t *testing.T) {
	t.Parallel()
	for _, treatment := range []emulator.Treatment{emulator.MatchesNothing, emulator.Ignored, emulator.Refused} {
		t.Run(string(treatment), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			prod := w.gateway("prod")
			now := time.Now()
			prod.Insert(cloudflareLogs(71, 300, now.Add(-20*day), now.Add(-10*time.Minute))...)
			w.sync(ferry.ExitOK)
			w.cfg.Settle = time.Minute
			prod.SetFaults(emulator.Faults{Filters: treatment})
			prod.Insert(cloudflareLogs(72, 150, now.Add(-10*time.Minute), now)...)
			w.syncAny(ferry.ExitOK, ferry.ExitData, ferry.ExitConfig) // may have to end to learn it
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
			w.sync(ferry.ExitOK)
			w.equal(prod)
			if n := len(w.missing(prod)); n > 0 {
				t.Errorf("%d logs are marked as missing", n)
			}
			if got := query[string](w, `select dialect->>'filter' from logferry.stream_state`); got != "start_date and end_date" {
				t.Errorf("the dialect is %s", got)
			}
		})
	}
}

func (w *world) coverage() string {
	w.t.Helper()
	return query[string](w, `select coverage::text from logferry.stream_state`)
}

// A filter that stops working in the middle of a run covers nothing from there
// on: what it shows as empty is not believed for what it showed before.
func TestFilterThatBreaksInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, order := range []emulator.Order{"", emulator.ByID} {
		t.Run("order "+string(order), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			set := w.dataset("ds1")
			now := time.Now()
			set.Insert(keywordsLogs(81, 12_000, now.Add(-20*day), now.Add(-time.Hour), "ds1", "created_at")...)
			faults := emulator.Faults{Order: order}
			faults.OnRequest = func(n int, _ emulator.Request) {
				if n == 110 { // the first window is read, the second is not
					set.SetFaults(emulator.Faults{Order: order, Filters: emulator.MatchesNothing})
				}
			}
			set.SetFaults(faults)
			w.sync(ferry.ExitConfig)
			if n := w.holds(set); n == 0 || n == set.Len() {
				t.Errorf("%d of %d logs arrived: the filter did not break in the middle", n, set.Len())
			}
			if n := query[int](w, `
				select count(*) from unnest($1::timestamptz[]) at, logferry.stream_state where coverage @> at`, w.unheld(set)); n > 0 {
				t.Errorf("%d logs lie in covered time and are not held", n)
			}
			set.SetFaults(emulator.Faults{Order: order})
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
			w.keywordsEqual(set, "created_at")
		})
	}
}

// unheld are the times of logs that the source lists and the warehouse lacks.
func (w *world) unheld(stream *emulator.Stream) []time.Time {
	w.t.Helper()
	held := w.rows(stream)
	var times []time.Time
	for _, l := range stream.Logs() {
		if _, has := held[l.ID]; !has {
			times = append(times, l.At)
		}
	}
	return times
}
