package ferry_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A page of the unfiltered list that the source keeps failing at ends the tail;
// windows are read all the same, and counted again.
func TestP02FailingTailStopsNoWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 200, now.Add(-5*day), now.Add(-2*time.Hour))...)
	prod.Insert(cloudflareLogs(4, 120, now.Add(-8*time.Minute), now)...) // a tail of three pages
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if r.FormValue("filters") != "" || r.FormValue("page") == "1" {
			return false
		}
		rw.WriteHeader(http.StatusGatewayTimeout)
		return true
	}})
	w.sync(ferry.ExitUnavailable)
	if held := len(w.rows(prod)); held != 250 {
		t.Errorf("%d logs are held, want the 200 settled ones and a page of the others", held)
	}
	w.holes(prod, []string{})
	prod.Insert(cloudflareLogs(5, 5, now.Add(-4*time.Hour), now.Add(-3*time.Hour))...)
	w.sync(ferry.ExitUnavailable)
	if held := len(w.rows(prod)); held != 255 {
		t.Errorf("%d logs are held, want five late ones more", held)
	}
	prod.SetFaults(emulator.Faults{})
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// A stretch of covered time that the source fails at holds up no other that leaves
// the lookback; it is tried again by each pass.
func TestP02FailingRereadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 100, now.Add(-9*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	logs := prod.Logs()
	before := w.rows(prod)[logs[80].ID]
	for _, l := range []emulator.Log{logs[20], logs[80]} {
		prod.Edit(l.ID, func(doc []byte) []byte {
			return bytes.Replace(doc, []byte(`"duration":`), []byte(`"duration":7`), 1)
		})
	}
	w.leaveLookback()
	// A gap between the two: two stretches leave the lookback.
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange($1::timestamptz, $1::timestamptz + interval '1 minute'))`, logs[50].At)
	reread := `select count(*) from logferry.windows where status = 'claimed' and kind = 'reread'`
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if !asksFor(r, logs[20].At) || query[int](w, reread) == 0 {
			return false
		}
		rw.WriteHeader(http.StatusInternalServerError)
		return true
	}})
	w.sync(ferry.ExitUnavailable)
	if after := w.rows(prod)[logs[80].ID]; after == before {
		t.Error("a failing stretch holds up the next one, whose edit was not found")
	}
	prod.SetFaults(emulator.Faults{})
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// A stretch that would not attest when it was read again waits for its retry, though
// one before it keeps failing.
func TestMismatchedRereadWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 100, now.Add(-9*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	logs := prod.Logs()
	w.leaveLookback()
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange($1::timestamptz, $1::timestamptz + interval '1 minute'))`, logs[50].At)
	reread := `select count(*) from logferry.windows where status = 'claimed' and kind = 'reread'`
	prod.SetFaults(emulator.Faults{TotalOff: 1, Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if !asksFor(r, logs[20].At) || query[int](w, reread) == 0 {
			return false
		}
		rw.WriteHeader(http.StatusInternalServerError)
		return true
	}})
	w.syncAny(ferry.ExitData, ferry.ExitUnavailable)
	mismatches := `select count(*) from logferry.windows where kind = 'reread' and status = 'mismatch'`
	n := query[int](w, mismatches)
	w.syncAny(ferry.ExitData, ferry.ExitUnavailable)
	if after := query[int](w, mismatches); n == 0 || after != n {
		t.Errorf("%d mismatches, and %d after the next pass", n, after)
	}
}

// A span that the source fails to count holds up no other.
func TestP02FailingCountHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 100, now.Add(-9*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	logs := prod.Logs()
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange($1::timestamptz, $1::timestamptz + interval '1 minute'))`, logs[50].At.Add(time.Second))
	w.exec(`delete from logferry.requests where log_id = $1`, logs[80].ID)
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if !asksFor(r, logs[20].At) {
			return false
		}
		rw.WriteHeader(http.StatusInternalServerError)
		return true
	}})
	repair := ferry.VerifyOptions{From: now.Add(-day), Repair: true}
	states, _ := w.verify(ferry.ExitUnavailable, repair)
	if got := states[prod.Name()]; got != "unknown, uncovered, repaired" {
		t.Errorf("the states are %s", got)
	}
	w.exec(`delete from logferry.requests where log_id = any($1::text[])`, []string{logs[20].ID, logs[80].ID})
	before := query[int](w, `select count(*) from logferry.windows where kind = 'verify'`)
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if !asksFor(r, logs[20].At) || query[int](w, `select count(*) from logferry.windows where kind = 'verify' and status = 'attested'`) == before {
			return false
		}
		rw.WriteHeader(http.StatusInternalServerError) // the count after the repair
		return true
	}})
	states, _ = w.verify(ferry.ExitUnavailable, repair)
	if got := states[prod.Name()]; !strings.HasPrefix(got, "unknown") || !strings.HasSuffix(got, "repaired") {
		t.Errorf("failing after a repair, the states are %s", got)
	}
	prod.SetFaults(emulator.Faults{})
	w.sync(ferry.ExitOK)
	w.equal(prod)
}
