package ferry_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// verify counts, must end with the exit code, and returns each stream's states in
// the order of time, repeats left out.
func (w *world) verify(code int, o ferry.VerifyOptions) (map[string]string, []ferry.VerifySpan) {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	report, err := f.Verify(w.t.Context(), o)
	w.exits(code, err)
	return statesOf(report.Spans), report.Spans
}

func statesOf(spans []ferry.VerifySpan) map[string]string {
	states := map[string][]string{}
	for _, sp := range spans {
		states[sp.Stream] = append(states[sp.Stream], sp.State)
	}
	joined := map[string]string{}
	for stream, list := range states {
		joined[stream] = strings.Join(slices.Compact(list), ", ")
	}
	return joined
}

// What verify doesn't count it says: doubtful time, time before the stream's
// start. Neither is an error.
func TestVerifyLeavesNothingOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw, w.cfg.Start = false, 10*day
	now := time.Now().UTC().Truncate(time.Millisecond)
	bad, none := w.gateway("bad"), w.gateway("none")
	bad.Insert(cloudflareLogs(1, 60, now.Add(-6*day), now.Add(-5*day))...)
	bad.SetFaults(emulator.Faults{TotalOff: 1})
	w.sync(ferry.ExitData)
	from := ferry.VerifyOptions{From: now.Add(-20 * day)}
	states, spans := w.verify(ferry.ExitOK, from)
	want := "uncovered, equal, doubtful, equal"
	if got := states[bad.Name()]; got != want {
		t.Errorf("with a mismatch, which is not covered: %s; want %s", got, want)
	}
	if first := spans[0]; !first.From.Equal(from.From) || !strings.Contains(first.Note, "before the stream's start") {
		t.Errorf("before the start: %+v", first)
	}
	// An empty gateway is covered, and its counts are equal.
	if got := states[none.Name()]; got != "uncovered, equal" || spans[len(spans)-1].Stored != 0 || spans[len(spans)-1].Source != 0 {
		t.Errorf("of an empty gateway: %s, %+v", got, spans[len(spans)-1])
	}
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-20 * day), AcceptMismatch: true})
	want = "equal, doubtful, equal"
	if states, _ = w.verify(ferry.ExitOK, from); states[bad.Name()] != want {
		t.Errorf("with what was accepted: %s; want %s", states[bad.Name()], want)
	}
	if states, _ = w.verify(ferry.ExitOK, ferry.VerifyOptions{From: now.Add(-40 * day), To: now.Add(-30 * day)}); states[bad.Name()] != "uncovered" {
		t.Errorf("of a span before the start: %s", states[bad.Name()])
	}
	w.exec(`update logferry.streams set is_enabled = false where stream_name = $1`, bad.Name())
	none.Insert(cloudflareLogs(2, 1, now.Add(-time.Minute), now)...)
	if states, _ = w.verify(ferry.ExitOK, from); states[none.Name()] != "unknown" {
		t.Errorf("of a gateway with no log to prove with: %s", states[none.Name()])
	}
}

// Where the source gives no totals there is nothing to compare: verify says so,
// and with repair reads what is covered again.
func TestVerifyWithoutTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 200, now.Add(-6*day), now.Add(-time.Hour))...)
	prod.SetFaults(emulator.Faults{TotalMissing: true})
	w.sync(ferry.ExitOK)
	w.exec(`delete from logferry.requests where log_id in (select log_id from logferry.requests order by log_id limit 20)`)
	week := ferry.VerifyOptions{From: now.Add(-7 * day)}
	_, spans := w.verify(ferry.ExitOK, week)
	if len(spans) != 1 || spans[0].State != ferry.SpanUnknown || !strings.Contains(spans[0].Note, "--repair reads it again") {
		t.Errorf("%+v", spans)
	}
	week.Repair = true
	_, spans = w.verify(ferry.ExitOK, week)
	if len(spans) != 1 || spans[0].State != ferry.SpanReadAgain || spans[0].Stored != 200 {
		t.Errorf("with repair: %+v", spans)
	}
	w.equal(prod)

	bad := prod.Logs()[20].At
	prod.SetFaults(emulator.Faults{TotalMissing: true, Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if !asksFor(r, bad) || r.FormValue("page") == "1" {
			return false
		}
		rw.WriteHeader(http.StatusInternalServerError)
		return true
	}})
	_, spans = w.verify(ferry.ExitUnavailable, week)
	if len(spans) != 1 || spans[0].State != ferry.SpanUnknown || !strings.Contains(spans[0].Note, "the source failed here") {
		t.Errorf("with a page that fails: %+v", spans)
	}
}

// A verify that is stopped says what it did not come to.
func TestStoppedVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 60, now.Add(-6*day), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.emu.SetFaults(emulator.Faults{OnRequest: func(_ int, r emulator.Request) {
		if r.Filtered {
			stop()
		}
	}})
	f := w.ferry()
	from := now.Add(-7 * day)
	report, err := f.Verify(ctx, ferry.VerifyOptions{From: from, To: now.Add(-2 * time.Hour)})
	if !ferry.Checkpointed(err) || err == nil {
		t.Errorf("stopped: %v", err)
	}
	want := fmt.Sprint(ferry.VerifySpan{Stream: prod.Name(), From: from, To: now.Add(-2 * time.Hour), Source: -1, Stored: -1, State: ferry.SpanUnknown, Note: "not counted: verify was stopped"})
	if len(report.Spans) != 1 || fmt.Sprint(report.Spans[0]) != want {
		t.Errorf("%+v; want %s", report.Spans, want)
	}
}

// Many stretches of coverage lie below the source's oldest log. What it serves above
// that is counted, however many they are.
func TestExpiredReachesNoFurther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now().UTC().Truncate(time.Second)
	prod := w.gateway("prod")
	from := now.Add(-20 * day)
	for i := range 120 { // a log every four hours
		at := from.Add(time.Duration(i) * 4 * time.Hour)
		prod.Insert(cloudflareLogs(uint64(100+i), 1, at, at.Add(time.Second))...)
	}
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = coverage - (
	          select range_agg(tstzrange(at, at + interval '1 minute')) from generate_series(0, 29) n, cast($1::timestamptz + (8 * n + 3) * interval '1 h' as timestamptz) at)`, from)
	prod.DeleteOldest(63) // all of the 30 stretches
	lost := prod.Logs()[12]
	w.exec(`delete from logferry.requests where log_id = $1`, lost.ID)
	_, spans := w.verify(ferry.ExitData, ferry.VerifyOptions{From: now.Add(-25 * day)})
	last := spans[len(spans)-1]
	if last.State != ferry.SpanDifferent || last.Source != last.Stored+1 {
		t.Errorf("the last span: %+v", last)
	}
	for _, sp := range spans {
		if sp.State == ferry.SpanExpired && sp.To.After(prod.Logs()[0].At) {
			t.Errorf("expired to %s, and the source serves logs from %s on", sp.To, prod.Logs()[0].At)
		}
	}
}

// A source compares whole seconds and takes both bounds for a part. What came late
// on a second where two spans meet is read with the one that counts it.
func TestRepairAtTheEdgesOfSpans(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.SetFaults(emulator.Faults{Precision: time.Second, LowBound: emulator.Inclusive, TopBound: emulator.Inclusive})
	prod.Insert(cloudflareLogs(3, 3000, now.Add(-3*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.Insert(cloudflareLogs(4, 1500, now.Add(-3*time.Hour), now.Add(-2*time.Hour))...)
	w.verify(ferry.ExitOK, ferry.VerifyOptions{From: now.Add(-day), Repair: true})
	w.equal(prod)
	states, _ := w.verify(ferry.ExitOK, ferry.VerifyOptions{From: now.Add(-day)})
	if got := states[prod.Name()]; got != "equal" {
		t.Errorf("after the repair: %s", got)
	}
}

// What differs in time that another run holds is not called different for that, and
// what differs elsewhere is mended.
func TestRepairBesideAnotherRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 3000, now.Add(-9*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	logs := prod.Logs()
	for i := 100; i < 3000; i += 300 {
		w.exec(`delete from logferry.requests where log_id = $1`, logs[i].ID)
	}
	w.exec(`insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, lease_until)
	        select 1, 1, 'backfill', $1::timestamptz, $2::timestamptz, 'claimed', now() + interval '1 h'`, logs[0].At, logs[1500].At)
	w.emu.ForgetRequests()
	states, spans := w.verify(ferry.ExitOK, ferry.VerifyOptions{From: now.Add(-day), Repair: true})
	if got := states[prod.Name()]; strings.Contains(got, "different") || !strings.Contains(fmt.Sprint(spans), "another run holds a part of it") {
		t.Errorf("beside another run: %s, %+v", got, spans)
	}
	if n := len(w.rows(prod)); n != 2995 {
		t.Errorf("%d rows are held, want all but the 5 that another run holds the time of", n)
	}
	if n := w.emu.CountRequests(nil); n > 100 {
		t.Errorf("%d requests", n)
	}
	w.exec(`update logferry.windows set status = 'failed', lease_until = null, finished_at = now() where status = 'claimed'`)
	w.verify(ferry.ExitOK, ferry.VerifyOptions{From: now.Add(-day), Repair: true})
	w.equal(prod)
}

// A log in quarantine that lies on the very instant that verify begins at is
// counted as the source counts it.
func TestVerifyFromTheInstantOfACase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 200, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	at := now.Add(-5 * time.Hour).UTC().Truncate(time.Second)
	prod.Insert(emulator.Log{ID: "b", At: at, Doc: []byte(`{"created_at":"` + at.Format(time.RFC3339Nano) + `","success":true}`)})
	w.sync(ferry.ExitOK)
	for _, from := range []time.Duration{-time.Hour, -time.Second, 0, time.Second} {
		states, spans := w.verify(ferry.ExitOK, ferry.VerifyOptions{From: at.Add(from)})
		if got := states[prod.Name()]; got != "equal" {
			t.Errorf("from %s after the case: %s, %+v", from, got, spans)
		}
	}
}
