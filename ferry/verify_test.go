package ferry_test

import (
	"context"
	"fmt"
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
