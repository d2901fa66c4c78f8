package ferry_test

import (
	"context"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A backfill waits for what other runs hold of an empty stream too.
func TestBackfillOfAnEmptyStreamWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	w.gateway("prod")
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = '{}'`)
	w.exec(`insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, lease_until)
	        select 1, 1, 'sync', now() - interval '10 h', now() - interval '1 h', 'claimed', now() + interval '1 s'`)
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-day)})
}

// A pass waits one lease for what a run holds that has died, and takes it over.
func TestSyncTakesOverADeadClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 60, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange(now() - interval '10 h', now() - interval '1 h'))`)
	w.exec(`insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, lease_until)
	        select 1, 1, 'sync', now() - interval '10 h', now() - interval '1 h', 'claimed', now() + interval '900 ms'`)
	if sum := w.sync(ferry.ExitOK); sum.Held != 0 || sum.Unfinished != 0 {
		t.Errorf("left to the dead: %+v", sum)
	}
	w.holes(prod, []string{})
}

// A gateway that is found gone is said to be so, and is nothing to wait for.
func TestBackfillOfAGoneStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	w.gateway("stays").Insert(cloudflareLogs(1, 20, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	goes := w.gateway("goes")
	goes.Insert(cloudflareLogs(2, 20, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.emu.Remove(goes)
	if sum := w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-60 * day)}); len(sum.Notes) != 1 {
		t.Errorf("noted %q", sum.Notes)
	}
}

// Who backfills what status shows as outside, and what a note asks for, finds
// neither again.
func TestBackfillBeforeTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 300, now.Add(-60*day), now.Add(-2*time.Hour))...)
	outside := func() int64 {
		st, err := w.ferry().Status(t.Context())
		if err != nil || len(st) != 1 || st[0].Outside == nil {
			t.Fatalf("%+v, %v", st, err)
		}
		return *st[0].Outside
	}
	w.sync(ferry.ExitOK)
	w.cfg.Start = 60 * day
	if n, sum := outside(), w.sync(ferry.ExitOK); n < 100 || len(sum.Notes) != 1 {
		t.Errorf("%d logs are outside; noted %q", n, sum.Notes)
	}
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-61 * day)})
	if n, sum := outside(), w.sync(ferry.ExitOK); n != 0 || len(sum.Notes) != 0 {
		t.Errorf("backfilled, and %d logs are outside; noted %q", n, sum.Notes)
	}
	w.equal(prod)
}

// A stream holds many rows that its source does not serve: neither met again after
// it was forgotten nor found empty is it compared with all of them at once.
func TestManyUnservedRowsAreComparedInParts(t *testing.T) {
	t.Parallel()
	const many = 50_000
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 100, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`select logferry.ensure_partitions(now() - interval '30 days', now())`)
	w.exec(`insert into logferry.requests (stream_id, created_at, log_id, run_id, outcome, cost_basis, content_hash)
	        select r.stream_id, now() - interval '20 days' + n * interval '1 second', 'old ' || n, r.run_id, r.outcome, r.cost_basis, r.content_hash
	          from (select * from logferry.requests limit 1) r, generate_series(1, $1::integer) n`, many)
	parts := func() int {
		return query[int](w, `select count(*) from logferry.windows w where status = 'attested' and run_id = (select max(run_id) from logferry.runs)
			and exists (select from logferry.requests r where r.created_at >= window_start and r.created_at < window_end and log_id like 'old%')`)
	}
	if err := w.ferry().Forget(context.Background(), prod.Name()); err != nil {
		t.Fatal(err)
	}
	w.sync(ferry.ExitOK)
	if n := parts(); n < 3 {
		t.Errorf("met anew, %d rows were compared in %d windows", many, n)
	}
	prod.DeleteOldest(100)
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-29 * day), Force: true})
	if n := parts(); n < 3 {
		t.Errorf("found empty, %d rows were compared in %d windows", many, n)
	}
}

// Under a long settle a tail may hold more rows than are compared at once: it is
// read as far as the newest of them reach.
func TestLongTailIsComparedInPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw, w.cfg.Settle = false, 2*day
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 40, now.Add(-3*day), now.Add(-50*time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`insert into logferry.requests (stream_id, created_at, log_id, run_id, outcome, cost_basis, content_hash)
	        select r.stream_id, now() - interval '40 h' + n * interval '1 second', 'young ' || n, r.run_id, r.outcome, r.cost_basis, r.content_hash
	          from (select * from logferry.requests limit 1) r, generate_series(1, 100001) n`)
	young := cloudflareLogs(2, 120, now.Add(-20*time.Hour), now)
	prod.Insert(young...)
	w.sync(ferry.ExitOK)
	if n := query[int](w, `select count(*) from logferry.requests r join logferry.windows on created_at >= window_start where kind = 'tail' and window_id = (select max(window_id) from logferry.windows)`); n > 100_200 {
		t.Errorf("the tail is compared with %d rows", n)
	}
	if n := len(w.rows(prod)); n != 40+100_001+120 {
		t.Errorf("%d rows are held: the tail's logs are not all there", n)
	}
}
