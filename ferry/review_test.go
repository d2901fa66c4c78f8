package ferry_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A source that refuses even the unfiltered list of a stream never met before
// is a configuration error, not a stream without logs.
func TestRefusedHeadIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 10, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))...)
	w.cfg.Cloudflare.AccountID = "unknown"
	w.cfg.Cloudflare.Gateways = []string{"prod"}
	w.sync(ferry.ExitConfig)
	if n := query[int](w, `select count(*) from logferry.windows`); n != 0 {
		t.Errorf("%d windows of a stream that can't be read", n)
	}
}

// When the budget can't grant another request before the run timeout, the pass
// ends at once, as a checkpoint.
func TestBudgetBeyondTheTimeoutIsACheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(2, 1000, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
	w.cfg.Cloudflare.Budget = ferry.Budget{Requests: 9, Per: time.Hour}
	w.cfg.RunTimeout = time.Minute
	began := time.Now()
	sum := w.sync(ferry.ExitOK)
	if sum.Unfinished == 0 || len(sum.Notes) == 0 {
		t.Errorf("the end of the run's time is not told: %+v", sum)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("waited %s for a permit that could not come in time", took)
	}
	w.invariants()
}

// A filter that lags behind the list does not cover the time of a listed log.
func TestLaggingFilterCoversNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 40, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange(now() - interval '1 hour', null))`)
	w.exec(`update logferry.windows set window_end = least(window_end, now() - interval '1 hour') where status = 'attested' and window_start < now() - interval '1 hour'`)
	w.exec(`delete from logferry.windows where window_end > now() - interval '1 hour'`)
	prod.Insert(cloudflareLogs(4, 5, now.Add(-40*time.Minute), now.Add(-20*time.Minute))...)
	prod.SetFaults(emulator.Faults{Filters: emulator.MatchesNothing, Dates: emulator.MatchesNothing})
	f := w.ferry()
	if _, err := f.Sync(context.Background()); ferry.ExitCode(err) == ferry.ExitOK {
		t.Error("a filter that shows nothing where the list shows logs ended with 0")
	}
	prod.SetFaults(emulator.Faults{})
	w.exec(`update logferry.windows set retry_at = null`)
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// A log that the unfiltered list shows is not missing, even where a filtered
// reading that counts right leaves it out.
func TestListedLogIsNotMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 40, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	prod.SetFaults(emulator.Faults{TotalOff: -1, Withhold: every(1, 1)})
	f := w.ferry()
	if _, err := f.Backfill(context.Background(), ferry.BackfillOptions{From: now.Add(-day), Force: true}); ferry.ExitCode(err) == ferry.ExitOK {
		t.Error("a filter that leaves out what the list shows ended with 0")
	}
	if missing := w.missing(prod); len(missing) > 0 {
		t.Errorf("%d logs are marked as missing, all are listed", len(missing))
	}
}

// What a filter showed that has been replaced since says nothing: no log that it
// left out is missing, and what it covered anew is read again.
func TestReplacedFilterMarksNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	prod := w.gateway("prod")
	now := time.Now()
	prod.Insert(cloudflareLogs(91, 200, now.Add(-20*day), now.Add(-2*day))...)
	prod.Insert(cloudflareLogs(92, 100, now.Add(-day), now.Add(-2*time.Hour))...) // the head shows these alone
	w.sync(ferry.ExitOK)
	prod.SetFaults(emulator.Faults{Filters: emulator.MatchesNothing})
	f := w.ferry()
	force := ferry.BackfillOptions{From: now.Add(-30 * day), To: now.Add(-36 * time.Hour), Force: true}
	if _, err := f.Backfill(context.Background(), force); ferry.ExitCode(err) != ferry.ExitData {
		t.Errorf("exit code %d: %v", ferry.ExitCode(err), err)
	}
	if missing := w.missing(prod); len(missing) > 0 {
		t.Errorf("%d logs are marked as missing, all are listed", len(missing))
	}
	w.backfill(ferry.ExitOK, force)
	w.equal(prod)
	w.speaks("start_date and end_date")
}

// One window that the provider keeps failing on does not hold up the others, nor
// what is looked for in covered time; and the next pass tries half of it, so that
// what surrounds the failure is carried.
func TestP02OneFailingWindowDoesNotStopItsStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(5, 12_000, now.Add(-20*day), now.Add(-2*time.Hour))...)
	bad := prod.Logs()[2000].At
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if r.FormValue("page") != "3" || !asksFor(r, bad) {
			return false
		}
		http.Error(rw, "broken", http.StatusInternalServerError)
		return true
	}})
	w.sync(ferry.ExitUnavailable)
	held := len(w.rows(prod))
	if held < 3_000 {
		t.Errorf("%d of 12000 rows are held: a failing window stopped the others", held)
	}
	prod.Insert(cloudflareLogs(6, 5, now.Add(-5*time.Hour), now.Add(-4*time.Hour))...)
	w.sync(ferry.ExitUnavailable)
	if n := len(w.rows(prod)); n < held+1_000 {
		t.Errorf("%d rows are held, and %d before: the failing window was not narrowed", n, held)
	}
	if n := query[int](w, `select late_logs from llm.freshness`); n != 5 {
		t.Errorf("%d of 5 late logs were found", n)
	}
	prod.SetFaults(emulator.Faults{})
	w.sync(ferry.ExitOK)
	w.equal(prod)
}

// asksFor tells a request whose filter is a span of time that holds an instant.
func asksFor(r *http.Request, at time.Time) bool {
	var bounds []struct{ Value []time.Time }
	err := json.Unmarshal([]byte(r.FormValue("filters")), &bounds)
	return err == nil && len(bounds) == 2 && bounds[0].Value[0].Before(at) && bounds[1].Value[0].After(at)
}

// A difference that a full reading left standing is not read again every pass.
func TestStandingDifferenceIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(6, 300, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	// A row that only the warehouse has, and that is not marked as missing.
	w.exec(`insert into logferry.requests (created_at, run_id, stream_id, log_id, outcome, cost_basis, content_hash)
	        select now() - interval '3 hours', 1, 1, 'left standing', 'unknown', 'unpriced', decode(repeat('00', 16), 'hex')`)
	w.exec(`create function keep() returns trigger language plpgsql as $f$ begin
	          if new.log_id = 'left standing' then return null; end if; return new; end $f$`)
	w.exec(`create trigger keep before update on logferry.requests for each row execute function keep()`)
	w.sync(ferry.ExitOK)
	w.emu.ForgetRequests()
	w.sync(ferry.ExitOK)
	if n := w.emu.CountRequests(nil); n > 4 {
		t.Errorf("a standing difference costs %d requests every pass", n)
	}
}

// Nor are many, whose spans lie side by side, where the source takes bounds for a
// part of what they bound.
func TestStandingDifferencesSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	w.dataset("ds1").Insert(keywordsLogs(4, 3000, now.Add(-20*time.Hour), now.Add(-2*time.Hour), "ds1", "created_at")...)
	prod := w.gateway("prod")
	prod.SetFaults(emulator.Faults{LowBound: emulator.Inclusive, TopBound: emulator.Inclusive})
	prod.Insert(cloudflareLogs(4, 3000, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`insert into logferry.requests (created_at, run_id, stream_id, log_id, outcome, cost_basis, content_hash)
	        select now() - interval '3 h' - n * interval '20 min', 1, stream_id, 'left standing ' || n, 'unknown', 'unpriced', decode(repeat('00', 16), 'hex')
	          from generate_series(1, 45) n, logferry.streams`)
	w.exec(`create function keep() returns trigger language plpgsql as $f$ begin
	          if new.log_id like 'left standing%' then return null; end if; return new; end $f$`)
	w.exec(`create trigger keep before update on logferry.requests for each row execute function keep()`)
	w.sync(ferry.ExitOK)
	w.sync(ferry.ExitOK)
	w.emu.ForgetRequests()
	w.sync(ferry.ExitOK)
	if n := w.emu.CountRequests(nil); n > 10 {
		t.Errorf("standing differences cost %d requests every pass", n)
	}
}

// A stream that its source counts no log in is covered only as far as the
// source's own clock has settled.
func TestEmptyStreamSettlesByTheSourcesClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	prod := w.gateway("prod")
	prod.SetFaults(emulator.Faults{DateOff: -2 * time.Hour})
	w.sync(ferry.ExitOK)
	if wm := w.watermark(prod); time.Since(wm) < 2*time.Hour {
		t.Errorf("covered to %s, though the source's clock is two hours behind", wm)
	}
}

// A discovered stream whose logs answer 404 is gone only once it is no longer
// listed.
func TestGoneMeansUnlistedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, stage := w.gateway("prod"), w.gateway("stage")
	prod.Insert(cloudflareLogs(7, 20, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	stage.Insert(cloudflareLogs(8, 20, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	gone := func() int { return query[int](w, `select count(*) from logferry.streams where is_gone`) }
	stage.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, _ *http.Request, _ int) bool {
		http.Error(rw, `{"success":false,"errors":[{"code":7002,"message":"x"}],"result":null}`, http.StatusNotFound)
		return true
	}})
	w.sync(ferry.ExitOK)
	if n := gone(); n != 0 {
		t.Errorf("a listed stream that answers 404 was marked as gone")
	}
	w.emu.Remove(stage)
	sum := w.sync(ferry.ExitOK)
	if n := gone(); n != 1 {
		t.Errorf("%d streams are marked as gone, want 1 (%v)", n, sum.Notes)
	}
	if n := len(w.rows(stage)); n != 20 {
		t.Errorf("a gone stream holds %d rows, want 20", n)
	}
}
