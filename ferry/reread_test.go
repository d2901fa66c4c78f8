package ferry_test

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
	"logferry/ferry"
)

// An edit changes no count; it is found when its time leaves the lookback,
// once, and time read when it was old already is not read again.
func TestP11EditsAreFoundWhenTheyLeaveTheLookback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 400, now.Add(-3*time.Hour), now.Add(-11*time.Minute))...)
	w.cfg.Lookback = 24 * time.Hour
	w.sync(ferry.ExitOK)
	w.sync(ferry.ExitOK)

	logs := prod.Logs()
	edited := logs[len(logs)/2]
	prod.Edit(edited.ID, func(doc []byte) []byte {
		return bytes.Replace(doc, []byte(`"duration":`), []byte(`"duration":7`), 1)
	})
	if sum := w.sync(ferry.ExitOK); sum.Changed != 0 {
		t.Fatalf("an edit inside the lookback was found by counting: %+v", sum)
	}
	w.leaveLookback()
	if sum := w.sync(ferry.ExitOK); sum.Changed != 1 {
		t.Errorf("the edit was not found when it left the lookback: %+v", sum)
	}
	w.equal(prod)
	w.emu.ForgetRequests()
	w.sync(ferry.ExitOK)
	if n := w.emu.CountRequests(nil); n > 6 { // one log more may have left the lookback meanwhile
		t.Errorf("what was reread is read again: %d requests", n)
	}
}

// A first sync may take many passes, each of which covers the newest hour while it
// is young. What came late there, and what was edited, is found once all is read.
func TestP11FirstSyncLongerThanTheLookback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 300, now.Add(-20*day), now.Add(-2*day))...)
	young := cloudflareLogs(2, 30, now.Add(-40*time.Minute), now.Add(-15*time.Minute))
	prod.Insert(young...)
	prod.SetFaults(emulator.Faults{Intercept: func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if !asksFor(r, now.Add(-3*day)) {
			return false
		}
		<-r.Context().Done() // the pass's time is up before it comes to the old gaps
		return true
	}})
	w.cfg.RunTimeout = 2 * time.Second
	if sum := w.sync(ferry.ExitOK); sum.Unfinished == 0 {
		t.Fatalf("the pass was not cut short: %+v", sum)
	}
	if n := len(w.rows(prod)); n != 30 {
		t.Fatalf("%d rows are held, want the newest hour's 30", n)
	}
	prod.Insert(cloudflareLogs(3, 1, now.Add(-30*time.Minute), now.Add(-20*time.Minute))...)
	prod.Edit(young[10].ID, func(doc []byte) []byte {
		return bytes.Replace(doc, []byte(`"duration":`), []byte(`"duration":7`), 1)
	})
	prod.SetFaults(emulator.Faults{})
	w.cfg.RunTimeout = 0
	w.age()
	if sum := w.sync(ferry.ExitOK); sum.Inserted != 301 || sum.Changed != 1 {
		t.Errorf("the late log or the edit was not found: %+v", sum)
	}
	w.equal(prod)
	w.sync(ferry.ExitOK)
	if n := query[int](w, `select count(*) from logferry.windows where kind = 'reread' and window_start > now() - interval '2 h'`); n != 1 {
		t.Errorf("what was covered young was read again %d times, want once", n)
	}
	if n := query[int](w, `select count(*) from logferry.windows where kind = 'reread'`); n != 1 {
		t.Errorf("%d windows were read again: what was found old is one of them", n)
	}
}

// A window of a reread that was lost with its lease, as to a sleep, is not read
// again: the next pass does it.
func TestLostRereadIsNotDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 100, now.Add(-5*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.Edit(prod.Logs()[50].ID, func(doc []byte) []byte {
		return bytes.Replace(doc, []byte(`"duration":`), []byte(`"duration":7`), 1)
	})
	w.leaveLookback()
	lost := 0
	prod.SetFaults(emulator.Faults{Intercept: func(http.ResponseWriter, *http.Request, int) bool {
		if lost == 0 { // what any other process's claim in this stream does once a lease is over
			lost = query[int](w, `with lost as (update logferry.windows set status = 'failed', lease_until = null, finished_at = now()
				where status = 'claimed' and kind = 'reread' returning 1) select count(*) from lost`)
		}
		return false
	}})
	w.sync(ferry.ExitOK)
	if lost != 1 {
		t.Fatal("no window of a reread was lost")
	}
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// leaveLookback is a day later: what passes covered while it was young has aged.
// The ledger's times are moved back instead of waiting.
func (w *world) leaveLookback() {
	w.t.Helper()
	w.age()
	w.cfg.Lookback = time.Hour
	w.exec(`update logferry.stream_state set reread_until = starts_at`)
}

// age makes all that is covered have been read while it was young, and be old now.
func (w *world) age() {
	w.t.Helper()
	w.cfg.Lookback = 3 * time.Minute
	w.exec(`update logferry.windows set finished_at = window_start where status = 'attested'`)
}

// Sources list a log before they know its tokens and cost. It is read and covered
// so, no count tells of what is filled in later, and once its time has left the
// lookback it is held with them.
func TestP11UsageIsFilledInLater(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, emulator.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	now := time.Now()
	prod, set := w.gateway("prod"), w.dataset("ds1")
	tokens, cost := 0, new(big.Rat)
	for _, c := range emulator.Synthetic(1, 300, now.Add(-4*time.Hour), now.Add(-75*time.Minute)) {
		prod.Insert(emulator.CloudflareLog(c))
		set.Insert(emulator.KeywordsAILog(c, "ds1", "created_at"))
		if c.InputTokens != nil {
			tokens += 2 * (*c.InputTokens + *c.OutputTokens)
		}
		if one, known := new(big.Rat).SetString(c.Cost); known {
			cost.Add(cost, one.Add(one, one))
		}
	}
	held := func() (string, string) {
		t.Helper()
		sums := query[[]string](w, `select array[coalesce(sum(total_tokens), 0)::text, coalesce(sum(cost_usd), 0)::text] from llm.requests`)
		paid, known := new(big.Rat).SetString(sums[1])
		if !known {
			t.Fatal(sums)
		}
		return sums[0], paid.FloatString(12)
	}
	w.emu.SetFaults(emulator.Faults{FillAfter: 5 * time.Hour})
	w.sync(ferry.ExitOK)
	if n, paid := held(); n != "0" || paid != "0.000000000000" {
		t.Errorf("read before they were known: %s tokens for %s dollars", n, paid)
	}
	w.equal(prod)

	ahead.Store(int64(5 * time.Hour)) // of the source's clock
	if sum := w.sync(ferry.ExitOK); sum.Changed != 0 {
		t.Errorf("counting found what no count shows: %+v", sum)
	}
	w.leaveLookback()
	w.sync(ferry.ExitOK)
	w.equal(prod)
	w.holdsExactly(set, "created_at")
	if n, paid := held(); n != fmt.Sprint(tokens) || paid != cost.FloatString(12) {
		t.Errorf("%s tokens for %s dollars are held, %d for %s were used", n, paid, tokens, cost.FloatString(12))
	}
}

// A dataset is filled with logs of any age: its whole coverage is counted every
// pass, in one request while the counts agree.
func TestOldLogsInADatasetAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	set := w.dataset("11112222-aaaa-bbbb-cccc-333344445555")
	id := "11112222-aaaa-bbbb-cccc-333344445555"
	set.Insert(keywordsLogs(4, 900, now.Add(-200*day), now.Add(-10*day), id, "created_at")...)
	w.sync(ferry.ExitOK)
	w.emu.ForgetRequests()
	w.sync(ferry.ExitOK)
	if n := w.emu.CountRequests(nil); n > 4 {
		t.Errorf("a pass with nothing new cost %d requests, want at most 4", n)
	}
	set.Insert(keywordsLogs(5, 7, now.Add(-190*day), now.Add(-100*day), id, "created_at")...)
	if sum := w.sync(ferry.ExitOK); sum.Inserted != 7 {
		t.Errorf("old logs were not found: %+v", sum)
	}
	w.same(w.served(set, "created_at", id, time.Time{}, farAhead), w.rows(set))
}

// A forgotten stream keeps its rows and starts anew.
func TestForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(6, 100, now.Add(-3*time.Hour), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	f := w.ferry()
	if err := f.Forget(context.Background(), prod.Name()); err != nil {
		t.Fatal(err)
	}
	if n := query[int](w, `select count(*) from logferry.stream_state`); n != 0 {
		t.Errorf("%d streams are known after forgetting", n)
	}
	if n := query[int](w, `select count(*) from logferry.requests`); n != 100 {
		t.Errorf("%d rows after forgetting, want 100", n)
	}
	if sum := w.sync(ferry.ExitOK); sum.Unchanged != 100 || sum.Inserted != 0 {
		t.Errorf("meeting it again: %+v", sum)
	}
	if diff := cmp.Diff(w.served(prod, "created_at", "", time.Time{}, farAhead), w.rows(prod)); diff != "" {
		t.Error("the warehouse differs from the provider after meeting the stream again")
	}
	w.exits(ferry.ExitUsage, f.Forget(context.Background(), "cloudflare/x/y"))
}
