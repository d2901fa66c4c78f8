package ferry_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// noOverlap checks that no time was attested twice by windows of the kind.
func (w *world) noOverlap(kind string) {
	w.t.Helper()
	if n := query[int](w, `
		select count(*) from logferry.windows a join logferry.windows b using (stream_id, kind, status)
		 where a.window_id < b.window_id and kind = $1 and status = 'attested'
		   and a.window_start < b.window_end and b.window_start < a.window_end`, kind); n > 0 {
		w.t.Errorf("%d pairs of attested %s windows overlap", n, kind)
	}
}

// Two syncs at once need not know of each other: what one holds the other
// leaves alone, and each log is loaded once.
func TestTwoSyncs(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.emu.SetFaults(emulator.Faults{AnswerTime: 5 * time.Millisecond})
	var sums [2]ferry.Summary
	var errs [2]error
	var both sync.WaitGroup
	for i := range sums {
		f := s.ferry()
		pause := time.Duration(i*random.IntN(100)) * time.Millisecond
		both.Go(func() {
			<-time.After(pause) // beside, not in step
			sums[i], errs[i] = f.Sync(context.Background())
		})
	}
	both.Wait()
	rows := 0
	for i, sum := range sums {
		s.exits(ferry.ExitOK, errs[i])
		if sum.Attested == 0 || sum.Changed > 0 || sum.Unchanged > 0 {
			t.Errorf("sync %d: %+v", i, sum)
		}
		rows += int(sum.Inserted)
	}
	if want := s.feeds[0].Len() + s.feeds[1].Len(); rows != want {
		t.Errorf("the two inserted %d logs, the provider serves %d", rows, want)
	}
	s.standings(nil)
	s.noOverlap("sync")
	s.equalAll()
}

// Three backfills of one month share the work, and the credential's budget: a
// provider that blocks who exceeds it never has to. Its headers would tell how
// much is left; here nobody but the budget does.
func TestThreeBackfills(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	const requests, per = 20, 2 * time.Second
	s := gaps(t, seed, emulator.Options{CloudflareBudget: emulator.Budget{Requests: requests, Window: per, Block: time.Minute}})
	s.emu.SetFaults(emulator.Faults{RateHeaders: emulator.HeadersNone})
	s.cfg.Cloudflare.Budget = ferry.Budget{Requests: requests, Per: per}
	s.cfg.KeywordsAI = nil
	o := order{Command: "backfill", From: time.Now().Add(-30 * day), To: time.Now().Add(-time.Hour)}
	workers := 0
	for _, c := range []*child{s.start(o), s.start(o), s.start(o)} {
		r := c.report()
		if r.Code != ferry.ExitOK || r.Summary.Retries > 0 {
			t.Errorf("a backfill ended with %d after %d retries: %s", r.Code, r.Summary.Retries, r.Error)
		}
		if r.Summary.Attested > 0 {
			workers++
		}
	}
	if workers < 2 {
		t.Error("one of the three did all the work")
	}
	total, most := s.emu.CountRequests(nil), s.emu.MaxInWindow(testToken, per)
	t.Logf("%d requests, at most %d in %s", total, most, per)
	if total < 2*requests || most > requests {
		t.Errorf("%d requests, at most %d in %s; the budget is %d", total, most, per, requests)
	}
	s.standings(nil)
	s.noOverlap("backfill")
	gate := s.feeds[0].Stream
	s.same(s.served(gate, "created_at", "", time.Time{}, o.To), s.rows(gate))
}
