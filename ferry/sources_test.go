package ferry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A filter stops working on a stream so busy that the log which the head listed
// has been pushed beyond the pages that are looked through again: it must not
// pass for one that is gone, and its window not for empty.
func TestBrokenFilterOnABusyStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 40, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.Insert(cloudflareLogs(4, 20, now.Add(-9*time.Minute), now.Add(-2*time.Minute))...)
	w.cfg.Settle = time.Minute
	var n atomic.Uint64
	prod.SetFaults(emulator.Faults{Filters: emulator.MatchesNothing, Dates: emulator.MatchesNothing, OnRequest: func(_ int, r emulator.Request) {
		if i := n.Add(1); i > 1 && r.Page == 1 { // after the head
			prod.Insert(cloudflareLogs(1000+i, 60, time.Now().Add(-time.Second), time.Now())...)
		}
	}})
	w.sync(ferry.ExitData)
	if n := query[int](w, `select count(*) from unnest($1::timestamptz[]) at, logferry.stream_state where coverage @> at`, w.unheld(prod)); n > 0 {
		t.Errorf("%d listed logs lie in covered time and are not held", n)
	}
	if n := len(w.missing(prod)); n > 0 {
		t.Errorf("%d logs are marked as missing, though the source lists them", n)
	}
}

// A source that took milliseconds takes whole seconds only, from the moment on
// when windows are claimed: their bounds, finer than that, are asked for whole.
func TestTickGrowsUnderAClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 40, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange(now() - interval '5 hours', null))`)
	w.exec(`delete from logferry.windows where window_end > now() - interval '5 hours'`)
	edge := time.Now().Add(-w.cfg.Settle - time.Hour) // where the newest hour begins
	for i := range 1000 {
		at := edge.Add(time.Duration(i-500) * 10 * time.Millisecond)
		prod.Insert(cloudflareLogs(uint64(100+i), 1, at, at.Add(time.Millisecond))...)
	}
	fraction := regexp.MustCompile(`\.\d{3}Z`)
	prod.SetFaults(emulator.Faults{Dates: emulator.Refused, Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if !fraction.MatchString(r.FormValue("filters")) {
			return false
		}
		rw.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(rw, `{"success":false,"errors":[{"code":7001,"message":"whole seconds only"}],"result":null}`)
		return true
	}})
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// A dataset answers every page number with page 1, and has more young logs than
// a page: the tail ends all the same.
func TestTailWhosePageNumberIsIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("nowhere")
	set.SetDialect(emulator.Dialect{PageFrom: emulator.Nowhere, TimeField: "created_at"})
	set.Insert(keywordsLogs(21, 50, now.Add(-4*day), now.Add(-time.Hour), "nowhere", "created_at")...)
	set.Insert(keywordsLogs(22, 150, now.Add(-8*time.Minute), now.Add(-time.Minute), "nowhere", "created_at")...)
	w.sync(ferry.ExitOK)
	if n := w.emu.CountRequests(nil); n > 300 {
		t.Errorf("%d requests for 200 logs", n)
	}
}

// The heads' pages of two streams take all the memory for documents, while a
// worker of each asks whether its filter still works: nobody waits for memory
// while holding some.
func TestTailAndFilterCheckDontWaitForEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw, w.cfg.RunTimeout = false, 20*time.Second
	now := time.Now()
	var streams []*emulator.Stream
	for i, id := range []string{"one", "two"} {
		g := w.gateway(id)
		g.Insert(cloudflareLogs(uint64(i), 10, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
		streams = append(streams, g)
	}
	w.sync(ferry.ExitOK)
	// The second pages come when both workers have met an empty window, and
	// had a moment to turn to the head.
	gate := make(chan struct{})
	var begun sync.WaitGroup
	begun.Add(2)
	go func() {
		begun.Wait()
		time.AfterFunc(500*time.Millisecond, func() { close(gate) })
	}()
	for i, g := range streams {
		var once sync.Once
		g.Insert(cloudflareLogs(uint64(10+i), 160, now.Add(-5*time.Minute), now)...)
		g.SetFaults(emulator.Faults{
			Pad: func(l emulator.Log) int {
				if l.At.After(now.Add(-time.Hour)) {
					return 164_000
				}
				return 0
			},
			Intercept: func(_ http.ResponseWriter, r *http.Request, _ int) bool {
				switch {
				case r.FormValue("filters") != "":
					once.Do(begun.Done)
				case r.FormValue("page") == "2":
					<-gate
				}
				return false
			},
		})
	}
	if sum := w.sync(ferry.ExitOK); sum.Unfinished > 0 {
		t.Errorf("%s were left after %s", sum.Unfinished, sum.Elapsed)
	}
}

// A full gateway deletes its oldest log with every one that comes, and keeps less
// than the lookback: a recheck does not run after it.
func TestRecheckDoesNotChaseDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(5, 800, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	var n atomic.Uint64
	prod.SetFaults(emulator.Faults{OnRequest: func(int, emulator.Request) {
		prod.Insert(cloudflareLogs(1000+n.Add(1), 1, time.Now().Add(-time.Second), time.Now())...)
		prod.DeleteOldest(1)
	}})
	w.emu.ForgetRequests()
	w.sync(ferry.ExitOK)
	if n := w.emu.CountRequests(nil); n > 60 {
		t.Errorf("an idle pass over a gateway that deletes makes %d requests", n)
	}
}

// Totals that count far more than the window are not cut down to single ticks.
func TestTotalsFarTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(5, 300, now.Add(-20*day), now.Add(-time.Hour))...)
	prod.SetFaults(emulator.Faults{TotalOff: 20_000})
	w.sync(ferry.ExitData)
	if n := w.emu.CountRequests(nil); n > 2500 {
		t.Errorf("%d requests and %d windows for 300 logs", n, query[int](w, `select count(*) from logferry.windows`))
	}
	if n := len(w.rows(prod)); n != prod.Len() {
		t.Errorf("%d of %d logs are loaded", n, prod.Len())
	}
}

// Logs carry their time as timestamp, and the filter knows it as created_at, as
// the vendor's documents and its answers have it.
func TestFilterNamesTheTimeOtherwise(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]emulator.Dialect{
		"bounds":     {TimeField: "timestamp", FilterField: "created_at"},
		"conditions": {TimeField: "timestamp", FilterField: "created_at", Shape: emulator.ShapeResults, Grammar: emulator.GrammarList},
		"the other":  {TimeField: "start_time", FilterField: "timestamp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			now := time.Now()
			set := w.dataset("ds")
			set.SetDialect(d)
			set.Insert(keywordsLogs(21, 250, now.Add(-4*day), now.Add(-time.Hour), "ds", d.TimeField)...)
			set.Insert(keywordsLogs(22, 20, now.Add(-8*time.Minute), now, "ds", d.TimeField)...) // a tail
			w.sync(ferry.ExitOK)
			w.holdsExactly(set, d.TimeField)
			w.idle(nil)
		})
	}
}

// A dataset was filled an hour ago with logs of last month: they carry created_at,
// of the copy, and timestamp, of the call, which alone the filter knows.
func TestLogsWithTwoTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("ds")
	set.SetDialect(emulator.LiveDialect)
	for i, l := range keywordsLogs(21, 250, now.Add(-40*day), now.Add(-30*day), "ds", "timestamp") {
		copied := now.Add(-30*time.Minute + time.Duration(i)*time.Second).UTC().Format(time.RFC3339Nano)
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(l.Doc, &doc); err != nil {
			t.Fatal(err)
		}
		doc["created_at"] = json.RawMessage(`"` + copied + `"`)
		var err error
		if l.Doc, err = json.Marshal(doc); err != nil {
			t.Fatal(err)
		}
		set.Insert(l)
	}
	w.sync(ferry.ExitOK)
	w.holdsExactly(set, "timestamp")
	if !query[bool](w, `select (dialect->>'sorted')::boolean from logferry.stream_state`) {
		t.Error("the order by the field that was asked for first is taken for that by the stream's own")
	}
}

// One short page, the head's when a stream is met, is not its page size for ever.
func TestOneShortPageIsNoPageSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("ds")
	set.SetDialect(emulator.LiveDialect)
	set.Insert(keywordsLogs(21, 300, now.Add(-4*day), now.Add(-time.Hour), "ds", "timestamp")...)
	set.SetFaults(emulator.Faults{Withhold: func(n int, r emulator.Request) int {
		if !r.Filtered && n < 4 {
			return r.Size - 2
		}
		return 0
	}})
	w.sync(ferry.ExitOK)
	set.SetFaults(emulator.Faults{})
	w.sync(ferry.ExitOK)
	w.emu.ForgetRequests()
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-5 * day), Force: true})
	if n := w.emu.CountRequests(nil); n > 20 {
		t.Errorf("%d requests for 300 logs, of which a page holds 100", n)
	}
}
