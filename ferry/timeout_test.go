package ferry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// released checks that an ended run holds nothing, so that the next one need
// not wait.
func (w *world) released() {
	w.t.Helper()
	if n := query[int](w, `select count(*) from logferry.windows where status = 'claimed'`); n > 0 {
		w.t.Fatalf("a run that has ended holds %d claims: the next one would wait for them", n)
	}
}

// openTime is how much of what the latest run wanted is not covered, less the
// second or so by which two clocks differ. A verify wants nothing.
func (w *world) openTime() time.Duration {
	w.t.Helper()
	s := query[float64](w, `
		select coalesce(sum(extract(epoch from upper(g) - lower(g))), 0)::float8
		  from logferry.stream_state, (select max(started_at) as now from logferry.runs where command <> 'verify') latest,
		       unnest(tstzmultirange(tstzrange(starts_at, latest.now - $1::text::interval)) - coverage) g
		 where upper(g) - lower(g) > '3 s'`, w.cfg.Settle.String())
	return time.Duration(s * float64(time.Second))
}

// stuck makes a source that answers n requests for logs, and no other in time.
func (s *scene) stuck(n int) {
	s.busy(func(asked int, _ emulator.Request) {
		if asked == n {
			s.emu.SetFaults(emulator.Faults{AnswerTime: time.Minute})
		}
	})
}

// A pass whose time is up, wherever it is, checkpoints and ends well, and says
// that something is left; the next ones go on.
func TestP05RunTimeout(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Cloudflare.Gateways, s.cfg.KeywordsAI.Datasets = []string{"gate"}, []string{"set"}
	s.cfg.Lease = time.Minute
	s.cfg.RunTimeout = 800 * time.Millisecond
	standings := s.standings(nil)
	for _, n := range []int{1, 2 + random.IntN(6), 10 + random.IntN(10), 20 + random.IntN(10)} {
		s.stuck(n)
		sum := s.sync(ferry.ExitOK)
		if sum.Unfinished == 0 || s.openTime() == 0 {
			t.Errorf("stuck at request %d: %s is not covered, the summary says %s", n, s.openTime(), sum.Unfinished)
		}
		s.released()
		standings = s.standings(standings)
	}
	s.calm()
	s.cfg.RunTimeout = 0
	if sum := s.sync(ferry.ExitOK); sum.Unfinished > 0 {
		t.Errorf("done, but the summary says %s unfinished", sum.Unfinished)
	}
	s.standings(standings)
	s.equalAll()
}

// A pass whose time is up before it knows its streams counts what is left of
// those that earlier passes met.
func TestRunTimeoutDuringDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 30, time.Now().Add(-20*time.Hour), time.Now().Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange(now() - interval '3 h', now() - interval '1 h'))`)
	w.emu.SetFaults(emulator.Faults{AnswerTime: time.Minute})
	w.cfg.RunTimeout = 300 * time.Millisecond
	sum := w.sync(ferry.ExitOK)
	if sum.Unfinished < 2*time.Hour || sum.Unfinished > 2*time.Hour+time.Minute || len(sum.Notes) != 1 {
		t.Errorf("two hours are not covered: %s unfinished, %q", sum.Unfinished, sum.Notes)
	}
	w.emu.SetFaults(emulator.Faults{})
	w.cfg.RunTimeout = 0
	if sum := w.sync(ferry.ExitOK); sum.Unfinished != 0 {
		t.Errorf("%s unfinished", sum.Unfinished)
	}
}

// What a window failed with is not forgotten when the run's time ends before its
// other windows are done.
func TestRunTimeoutKeepsWindowFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(7, 30_000, now.Add(-20*day), now.Add(-2*time.Hour))...)
	bad := prod.Logs()[2000].At
	var began atomic.Bool
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		switch {
		case r.FormValue("page") == "3" && asksFor(r, bad):
			began.Store(true)
			http.Error(rw, "broken", http.StatusInternalServerError)
		case began.Load() && r.FormValue("page") == "1" && !asksFor(r, bad): // a window after it
			for query[int](w, `select count(*) from logferry.windows where status = 'failed'`) == 0 && r.Context().Err() == nil {
				time.Sleep(20 * time.Millisecond)
			}
			rw.Header().Set("Retry-After", "280") // nothing more is asked before the run's end
			http.Error(rw, "later", http.StatusTooManyRequests)
		default:
			return false
		}
		return true
	}})
	w.cfg.RunTimeout = 2 * time.Minute
	if sum := w.sync(ferry.ExitUnavailable); sum.Unfinished == 0 || len(sum.Notes) == 0 {
		t.Errorf("the end of the run's time is not told: %+v", sum)
	}
	w.released()
}

// What a source refused is told though another's next request would come after the
// end of the run's time.
func TestRunTimeoutKeepsARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	w.gateway("prod").Insert(cloudflareLogs(3, 20, now.Add(-5*time.Hour), now.Add(-2*time.Hour))...)
	w.dataset("ds")
	w.cfg.KeywordsAI.Key, w.cfg.RunTimeout = "revoked", 4*time.Minute
	w.emu.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			return false
		}
		rw.WriteHeader(http.StatusTooManyRequests) // Cloudflare's five minutes
		_, _ = io.WriteString(rw, `{"success":false,"errors":[{"code":10429,"message":"x"}],"result":null}`)
		return true
	}})
	if sum := w.sync(ferry.ExitNoPerm); len(sum.Notes) == 0 {
		t.Error("the end of the run's time is not told")
	}
}

// What a recheck failed with is told though the reread after it had no time.
func TestRunTimeoutKeepsARecheckFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(3, 100, now.Add(-9*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.leaveLookback()
	w.cfg.RunTimeout, w.cfg.Lookback = 2*time.Minute, 100*time.Minute
	claims := func(kind string) int {
		return query[int](w, `select count(*) from logferry.windows where status = 'claimed' and kind ~ $1`, kind)
	}
	prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, r *http.Request, _ int) bool {
		switch {
		case r.FormValue("filters") == "":
			return false
		case claims("reread") > 0:
			rw.Header().Set("Retry-After", "280")
			rw.WriteHeader(http.StatusTooManyRequests)
		case claims(".") == 0 && asksFor(r, now.Add(-90*time.Minute)): // the count
			rw.WriteHeader(http.StatusBadRequest)
		default:
			return false
		}
		return true
	}})
	w.sync(ferry.ExitConfig)
}

// A backfill whose time is up says with its exit code that it is not done.
func TestBackfillTimeout(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.stuck(25)
	s.cfg.Lease, s.cfg.RunTimeout = time.Minute, 1500*time.Millisecond
	o := ferry.BackfillOptions{From: time.Now().Add(-30 * day), To: time.Now().Add(-time.Hour)}
	if sum := s.backfill(ferry.ExitTemporary, o); sum.Unfinished == 0 {
		t.Errorf("cut short: %+v", sum)
	}
	s.released()
	s.calm()
	s.cfg.RunTimeout = 0
	if sum := s.backfill(ferry.ExitOK, o); sum.Unfinished > 0 {
		t.Errorf("done, but the summary says %s unfinished", sum.Unfinished)
	}
	s.standings(nil)
	for _, f := range s.feeds {
		s.same(s.served(f.Stream, "created_at", f.dataset, time.Time{}, o.To), s.rows(f.Stream))
	}
}

// A run that is told to end, at any moment, leaves a clean checkpoint.
func TestCancelledSync(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Lease = time.Minute
	standings := s.standings(nil)
	for range 4 {
		ctx, cancel := context.WithCancel(context.Background())
		reached := s.atRequest(1+random.IntN(12), time.Duration(random.IntN(20))*time.Millisecond)
		go func() {
			<-reached
			cancel()
		}()
		f := s.ferry()
		sum, err := f.Sync(ctx)
		f.Close()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled, but: %v", err)
		}
		if status := query[string](s.world, `select status from logferry.runs where run_id = $1`, sum.RunID); status != "interrupted" {
			t.Errorf("the cancelled run is %s", status)
		}
		s.released()
		standings = s.standings(standings)
	}
	s.calm()
	s.sync(ferry.ExitOK)
	s.standings(standings)
	s.equalAll()
}
