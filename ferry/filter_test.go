package ferry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// treatments are what an API may do with a filter instead of honouring it.
var treatments = map[string]emulator.Treatment{
	"finds-nothing": emulator.MatchesNothing, "ignored": emulator.Ignored, "refused": emulator.Refused,
}

// A time filter that finds nothing, is ignored, or is refused proves nothing:
// no time is covered, and the error names what was tried.
func TestUnprovenFilterCoversNothing(t *testing.T) {
	t.Parallel()
	for id, treatment := range treatments {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			prod, set := w.gateway("prod"), w.dataset("ds1")
			prod.Insert(cloudflareLogs(41, 200, now.Add(-20*day), now.Add(-time.Hour))...)
			set.Insert(keywordsLogs(42, 200, now.Add(-20*day), now.Add(-time.Hour), "ds1", "created_at")...)
			w.emu.SetFaults(emulator.Faults{Filters: treatment, Dates: treatment})
			f := w.ferry()
			_, err := f.Sync(context.Background())
			w.exits(ferry.ExitConfig, err)
			for _, words := range []string{prod.Name(), "filters on created_at", "start_date and end_date", set.Name(), "filters with gte and lte on created_at"} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("the error does not name %s: %v", words, err)
				}
			}
			if query[bool](w, `select bool_or(not isempty(coverage)) from logferry.stream_state`) {
				t.Error("time was covered")
			}
		})
	}
}

// A stream whose one known log goes while it is to prove the filter covers
// nothing this time.
func TestUnprovableFilterCoversNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	prod := w.gateway("prod")
	now := time.Now()
	prod.Insert(cloudflareLogs(43, 40, now.Add(-20*day), now.Add(-time.Hour))...)
	prod.SetFaults(emulator.Faults{OnRequest: func(_ int, r emulator.Request) {
		if r.Filtered && prod.Len() == 40 {
			prod.DeleteOldest(1)
		}
	}})
	w.sync(ferry.ExitData)
	if query[bool](w, `select bool_or(not isempty(coverage)) from logferry.stream_state`) {
		t.Error("time was covered")
	}
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// Where Cloudflare does not honour `filters`, the older parameters carry the
// day.
func TestFallbackDialect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	var gateways []*emulator.Stream
	for id, treatment := range treatments {
		prod := w.gateway(id)
		prod.Insert(cloudflareLogs(51, 300, now.Add(-20*day), now)...)
		prod.SetFaults(emulator.Faults{Filters: treatment})
		gateways = append(gateways, prod)
	}
	w.sync(ferry.ExitOK)
	for _, prod := range gateways {
		w.equal(prod)
	}
	w.idle(nil)
	w.speaks("start_date and end_date")
}

// speaks checks the spelling of all streams' time filters.
func (w *world) speaks(want string) {
	w.t.Helper()
	if got := query[[]string](w, `select array_agg(distinct dialect->>'filter') from logferry.stream_state`); len(got) != 1 || got[0] != want {
		w.t.Errorf("the dialects are %q, want %s", got, want)
	}
}

// Streams go over to it also when `filters` stops working later; what was
// covered stays so, and nothing passes for missing.
func TestFilterThatIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	gateways := map[string]*emulator.Stream{}
	for id := range treatments {
		gateways[id] = w.gateway(id)
		gateways[id].Insert(cloudflareLogs(71, 200, now.Add(-20*day), now.Add(-10*time.Minute))...)
	}
	w.sync(ferry.ExitOK)
	w.cfg.Settle = time.Minute
	for id, prod := range gateways {
		prod.SetFaults(emulator.Faults{Filters: treatments[id]})
		prod.Insert(cloudflareLogs(72, 150, now.Add(-10*time.Minute), now)...)
	}
	w.syncAny(ferry.ExitOK, ferry.ExitData, ferry.ExitConfig) // may have to end to learn it
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
	w.sync(ferry.ExitOK)
	for id, prod := range gateways {
		w.equal(prod)
		if n := len(w.missing(prod)); n > 0 {
			t.Errorf("%s: %d logs are marked as missing", id, n)
		}
	}
	w.speaks("start_date and end_date")
}

// A filter that worked and is lost without replacement covers nothing more and
// marks nothing as missing; when it works again nothing was lost.
func TestFilterThatStopsWorking(t *testing.T) {
	t.Parallel()
	for id, treatment := range treatments {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			now := time.Now()
			sets := map[string]*emulator.Stream{"sorted": w.dataset("sorted"), "unsorted": w.dataset("unsorted")}
			orders := map[string]emulator.Order{"unsorted": emulator.ByID}
			each := func(do func(id string, set *emulator.Stream)) {
				for id, set := range sets {
					do(id, set)
				}
			}
			each(func(id string, set *emulator.Stream) {
				set.Insert(keywordsLogs(61, 300, now.Add(-20*day), now.Add(-10*time.Minute), id, "created_at")...)
				set.SetFaults(emulator.Faults{Order: orders[id]})
			})
			w.sync(ferry.ExitOK)
			before := w.coverage()

			// What settles next holds logs, and late logs turn up in what
			// was covered.
			w.cfg.Settle = time.Minute
			each(func(id string, set *emulator.Stream) {
				set.SetFaults(emulator.Faults{Order: orders[id], Filters: treatment})
				set.Insert(keywordsLogs(62, 50, now.Add(-10*day), now.Add(-time.Hour), id, "created_at")...)
				set.Insert(keywordsLogs(63, 150, now.Add(-10*time.Minute), now, id, "created_at")...)
			})
			w.sync(ferry.ExitConfig)
			if after := w.coverage(); after != before {
				t.Errorf("coverage was %s, is %s", before, after)
			}
			each(func(id string, set *emulator.Stream) {
				if n := len(w.missing(set)); n > 0 {
					t.Errorf("%s: %d logs are marked as missing", id, n)
				}
				set.SetFaults(emulator.Faults{Order: orders[id]})
			})
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)}) // waits for no retry_at
			w.sync(ferry.ExitOK)
			each(func(_ string, set *emulator.Stream) { w.holdsExactly(set, "created_at") })
		})
	}
}

// coverage is what is covered of all streams.
func (w *world) coverage() string {
	w.t.Helper()
	return query[string](w, `select string_agg(stream_id || ' ' || coverage::text, ', ' order by stream_id) from logferry.stream_state`)
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
			if n := len(w.rows(set)); n == 0 || n == set.Len() {
				t.Errorf("%d of %d logs arrived: the filter did not break in the middle", n, set.Len())
			}
			if n := query[int](w, `
				select count(*) from unnest($1::timestamptz[]) at, logferry.stream_state where coverage @> at`, w.unheld(set)); n > 0 {
				t.Errorf("%d logs lie in covered time and are not held", n)
			}
			set.SetFaults(emulator.Faults{Order: order})
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day)})
			w.holdsExactly(set, "created_at")
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

// A filter that is refused from now on, beside another that works: verifying
// proves the other one and counts by it.
func TestRefusedFilterIsReplacedWhileCounting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(5, 300, now.Add(-5*day), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.SetFaults(emulator.Faults{Filters: emulator.Refused})
	w.verified(now.Add(-6 * day))
	w.sync(ferry.ExitOK)
	if n := len(w.notices(prod)); n != 1 {
		t.Errorf("%d notices, want one of the other filter", n)
	}
	prod.SetFaults(emulator.Faults{Filters: emulator.Refused, Dates: emulator.Refused})
	f := w.ferry()
	_, err := f.Verify(t.Context(), ferry.VerifyOptions{From: now.Add(-6 * day)})
	w.exits(ferry.ExitConfig, err)
}
