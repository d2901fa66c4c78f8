package ferry_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
func TestD11TwoSyncs(t *testing.T) {
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
		if sum.Attested == 0 || sum.Changed > 0 {
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

// Three backfills of one month share the work, and the credential's budget. Like
// the providers, this one allows a fifth more in the same time, since requests
// take a while to arrive, and blocks who exceeds that: it never has to. Its
// headers would tell how much is left; here nobody but the budget does.
func TestD11ThreeBackfills(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	budget := ferry.Budget{Requests: 25, Per: 2 * time.Second}
	limit := emulator.Budget{Requests: 30, Window: budget.Per, Block: 5 * time.Second}
	s := gaps(t, seed, emulator.Options{CloudflareBudget: limit})
	s.emu.SetFaults(emulator.Faults{RateHeaders: emulator.HeadersNone})
	s.cfg.Cloudflare.Budget, s.cfg.KeywordsAI = budget, nil
	gate := s.feeds[0].Stream
	gate.Insert(inGaps(cloudflareLogs(seed+1, 4000, time.Now().Add(-20*day), time.Now()))...)

	o := order{Command: "backfill", From: time.Now().Add(-30 * day), To: time.Now().Add(-time.Hour)}
	children := []*child{s.start(o), s.start(o), s.start(o)}
	drawn := s.mostDrawn(budget.Per, children)
	workers := 0
	for _, c := range children {
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
	total, most := s.emu.CountRequests(nil), s.emu.MaxInWindow(testToken, budget.Per)
	t.Logf("%d requests; in %s at most %d were drawn, %d arrived", total, budget.Per, drawn, most)
	if total < 2*budget.Requests || drawn > budget.Requests || most > limit.Requests {
		t.Errorf("%d requests; in %s at most %d were drawn, %d arrived; the budget is %d", total, budget.Per, drawn, most, budget.Requests)
	}
	s.standings(nil)
	s.noOverlap("backfill")
	s.same(s.served(gate, "created_at", "", time.Time{}, o.To), s.rows(gate))
}

// mostDrawn watches the budget until the children have ended, and returns the
// most permits that were drawn in any span of that length.
func (w *world) mostDrawn(per time.Duration, children []*child) int {
	w.t.Helper()
	conn := w.connect()
	drawn := map[time.Time]int{}
	look := func() {
		rows, err := conn.Query(w.t.Context(), `select slot_at, used from logferry.budget_slots`)
		if err != nil {
			w.t.Fatal(err)
		}
		var at time.Time
		var used int
		if _, err := pgx.ForEachRow(rows, []any{&at, &used}, func() error { drawn[at] = used; return nil }); err != nil {
			w.t.Fatal(err)
		}
	}
	eventually(w.t, "the children end", func() bool {
		look()
		return !slices.ContainsFunc(children, (*child).running)
	})
	most := 0
	for end := range drawn {
		sum := 0
		for at, used := range drawn {
			if at.After(end.Add(-per)) && !at.After(end) {
				sum += used
			}
		}
		most = max(most, sum)
	}
	return most
}
