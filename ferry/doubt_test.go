package ferry_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// Covered time whose rereading would not attest is doubtful, not forgotten: it is
// read again when its retry is due, and what came late in it is found.
func TestDoubtfulTimeIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 100, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.Insert(cloudflareLogs(2, 1, now.Add(-5*time.Hour), now.Add(-4*time.Hour))...)
	prod.SetFaults(emulator.Faults{TotalOff: 1})
	w.sync(ferry.ExitData)
	prod.SetFaults(emulator.Faults{})
	prod.Insert(cloudflareLogs(3, 20, now.Add(-15*time.Hour), now.Add(-3*time.Hour))...)
	if sum := w.sync(ferry.ExitOK); sum.Doubtful == 0 {
		t.Error("a pass before the retry is due does not say that time is doubtful")
	}
	w.exec(`update logferry.windows set retry_at = now() where retry_at is not null`)
	if sum := w.sync(ferry.ExitOK); sum.Doubtful != 0 {
		t.Errorf("%d windows are still doubtful", sum.Doubtful)
	}
	w.equal(prod)
}

// What --accept-mismatch accepts is a reading that is not whole, never one by a
// filter that is not understood.
func TestAcceptNeverABrokenFilter(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]emulator.Faults{
		"ignored": {Filters: emulator.Ignored, Dates: emulator.Ignored},
		"nothing": {Filters: emulator.MatchesNothing, Dates: emulator.MatchesNothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw, w.cfg.Start = false, day
			now := time.Now()
			prod := w.gateway("prod")
			prod.Insert(cloudflareLogs(1, 600, now.Add(-9*day), now.Add(-time.Hour))...)
			w.sync(ferry.ExitOK)
			prod.SetFaults(faults)
			_, err := w.ferry().Backfill(t.Context(), ferry.BackfillOptions{From: now.Add(-10 * day), To: now.Add(-5 * day), AcceptMismatch: true})
			if code := ferry.ExitCode(err); code != ferry.ExitConfig && code != ferry.ExitData {
				t.Errorf("exit code %d: %v", code, err)
			}
			if n := query[int](w, `select count(*) from logferry.windows where status = 'accepted'`); n > 0 {
				t.Errorf("%d windows read by a broken filter are accepted", n)
			}
			w.holes(prod, []string{})
		})
	}
}

// Counts agree whatever part of a window is asked for in which a log without a
// time, or one that is too large, was met; discarding its case changes nothing
// about that.
func TestVerifyBesideQuarantine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod, set := w.gateway("prod"), w.dataset("set")
	prod.Insert(cloudflareLogs(1, 300, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	set.Insert(keywordsLogs(1, 60, now.Add(-20*time.Hour), now.Add(-2*time.Hour), "set", "created_at")...)
	at := now.Add(-5 * time.Hour).UTC().Truncate(time.Millisecond)
	prod.Insert(emulator.Log{ID: "a", At: at, Doc: []byte(`{"id":"no-time","created_at":"yesterday","success":true}`)})
	set.Insert(emulator.Log{ID: "b", At: at, Doc: fmt.Appendf(nil, `{"id":"b","created_at":%q,"input":%q}`, at.Format(time.RFC3339Nano), strings.Repeat("x", 9<<20))})
	verify := func(when string) {
		t.Helper()
		for _, span := range []time.Duration{day, 8 * time.Hour, 3 * time.Hour} {
			_, err := w.ferry().Verify(t.Context(), ferry.VerifyOptions{From: now.Add(-span)})
			if code := ferry.ExitCode(err); code != ferry.ExitOK {
				t.Errorf("%s, verify of %s ends with %d: %v", when, span, code, err)
			}
		}
	}
	w.sync(ferry.ExitOK)
	verify("after a pass")
	cases, err := w.ferry().Quarantine(t.Context(), "", false)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	if _, _, err := w.ferry().QuarantineDiscard(t.Context(), []int64{cases[0].ID, cases[1].ID}); err != nil {
		t.Fatal(err)
	}
	verify("with the cases discarded")
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-22 * time.Hour), Force: true})
	verify("after a forced backfill")
}

// A disabled stream's cases wait, the others are replayed.
func TestReplayBesideADisabledStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	at := now.Add(-5 * time.Hour).UTC().Truncate(time.Millisecond)
	for _, name := range []string{"first", "second"} {
		s := w.gateway(name)
		s.Insert(cloudflareLogs(1, 50, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
		s.Insert(emulator.Log{ID: "a", At: at, Doc: []byte(`{"id":"no-time","created_at":"yesterday","success":true}`)})
	}
	w.sync(ferry.ExitOK)
	w.exec(`update logferry_private.quarantine set raw = $1`, fmt.Appendf(nil, `{"id":"no-time","created_at":%q,"success":true}`, at.Format(time.RFC3339Nano)))
	f := w.ferry()
	cases, err := f.Quarantine(t.Context(), "", false)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	if err := f.SetEnabled(t.Context(), cases[0].Stream, false); err != nil {
		t.Fatal(err)
	}
	if done, err := f.QuarantineReplay(t.Context(), nil); err != nil || !reflect.DeepEqual(done, ferry.Replayed{Stored: 1, Disabled: 1}) {
		t.Errorf("%+v, %v; want one stored and one of a disabled stream", done, err)
	}
}

// A stream that is forgotten while a pass reads it ends its part of the pass, and
// is no failure, at whatever request it happens.
func TestForgetDuringAPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 300, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	for at := range int64(4) {
		prod.Insert(cloudflareLogs(uint64(at)+5, 10, now.Add(-90*time.Minute), now.Add(-time.Hour))...)
		f := w.ferry()
		var n atomic.Int64
		prod.SetFaults(emulator.Faults{Intercept: func(http.ResponseWriter, *http.Request, int) bool {
			if n.Add(1) == at+1 {
				if err := f.Forget(t.Context(), prod.Name()); err != nil {
					t.Error(err)
				}
			}
			return false
		}})
		if _, err := f.Sync(t.Context()); ferry.ExitCode(err) != ferry.ExitOK {
			t.Errorf("forgotten at request %d: %v", at+1, err)
		}
		prod.SetFaults(emulator.Faults{})
		w.sync(ferry.ExitOK)
		if n := len(w.rows(prod)); n != prod.Len() {
			t.Errorf("%d of %d logs are held after the next pass", n, prod.Len())
		}
	}
}

// A page that fails while a span that differs is read again leaves the whole span
// to be read: half of it proves nothing about the other.
func TestRepairAfterAFailureReadsAllOfTheSpan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("set")
	set.Insert(keywordsLogs(1, 120, now.Add(-300*day), now.Add(-2*day), "set", "created_at")...)
	w.sync(ferry.ExitOK)
	set.Insert(keywordsLogs(2, 1, now.Add(-6*day), now.Add(-5*day), "set", "created_at")...)
	set.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if r.FormValue("page") != "2" {
			return false
		}
		http.Error(rw, "broken", http.StatusInternalServerError)
		return true
	}})
	w.sync(ferry.ExitUnavailable)
	set.SetFaults(emulator.Faults{})
	w.sync(ferry.ExitOK)
	w.holdsExactly(set, "created_at")
}

// The age of a backlog is no lateness, in whatever order its windows are read.
func TestBacklogIsNotLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 12_000, now.Add(-29*day), now.Add(-2*time.Hour))...)
	prod.Insert(cloudflareLogs(2, 3_000, now.Add(-50*time.Minute), now.Add(-20*time.Minute))...)
	w.sync(ferry.ExitOK)
	if n := query[int](w, `select coalesce(sum(logs), 0) from logferry.lateness`); n != 0 {
		t.Errorf("%d logs of a backlog were measured", n)
	}
}
