package load

import (
	"context"
	"errors"
	"testing"
	"time"
)

// mark enters a finished ledger row over minutes; a mismatch waits an hour.
func (f *feed) mark(from, to int, status string) (id int64) {
	f.t.Helper()
	f.must(f.pool.QueryRow(f.t.Context(), `
		insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, finished_at, retry_at)
		values ($1::integer, $2::bigint, 'sync', $3::timestamptz, $4::timestamptz, $5::text, clock_timestamp(),
			case when $5::text = 'mismatch' then clock_timestamp() + interval '1 hour' end)
		returning window_id`, f.stream.ID, f.run, minute(from), minute(to), status).Scan(&id))
	return id
}

func (f *feed) cover(from, to int) {
	f.t.Helper()
	execSQL(f.t, f.Store, `update logferry.stream_state set coverage = coverage + tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz))
		where stream_id = $1::integer`, f.stream.ID, minute(from), minute(to))
}

// hold claims minutes for a run.
func (f *feed) hold(run int64, from, to int) *Claim {
	f.t.Helper()
	w := f.want(from, to)
	w.Run = run
	return f.turn(w).Claim
}

func TestClaimTakesAGap(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		given          func(f *feed, w *Want) // a want of minutes 0 to 300
		claim          string                 // in minutes; "" for none
		others, ours   bool
		thenOldestNext string // claimed by the same want after it
	}{
		"all where nothing is known":       {given: func(*feed, *Want) {}, claim: "[0,300)"},
		"less what is covered":             {given: func(f *feed, _ *Want) { f.cover(-10, 20); f.cover(50, 60) }, claim: "[20,50)", thenOldestNext: "[60,300)"},
		"nothing when all is covered":      {given: func(f *feed, _ *Want) { f.cover(0, 300) }},
		"less what another run holds":      {given: func(f *feed, _ *Want) { f.hold(f.newRun(), 0, 100) }, claim: "[100,300)", others: true},
		"less what this run holds":         {given: func(f *feed, _ *Want) { f.hold(f.run, 100, 400) }, claim: "[0,100)", ours: true},
		"nothing while others hold it all": {given: func(f *feed, _ *Want) { f.hold(f.newRun(), -5, 301) }, others: true},
		"nothing while both hold it all": {given: func(f *feed, _ *Want) {
			f.hold(f.newRun(), 0, 100)
			f.hold(f.run, 100, 300)
		}, others: true, ours: true},
		"claims on covered time are nobody's wait": {given: func(f *feed, w *Want) {
			f.claim(0, 100)
			f.cover(0, 100)
		}, claim: "[100,300)"},
		"less what this run is done with":       {given: func(_ *feed, w *Want) { w.Done = []Span{minutes(-5, 10), minutes(40, 300)} }, claim: "[10,40)"},
		"less a mismatch that waits":            {given: func(f *feed, _ *Want) { f.mark(0, 200, "mismatch") }, claim: "[200,300)"},
		"a mismatch that waited long enough":    {given: (*feed).waited, claim: "[0,300)"},
		"a mismatch that waits, in a hurry":     {given: func(f *feed, w *Want) { f.mark(0, 200, "mismatch"); w.Hurry = true }, claim: "[0,300)"},
		"what failed, expired or was split":     {given: func(f *feed, _ *Want) { f.mark(0, 1, "failed"); f.mark(1, 2, "expired"); f.mark(2, 3, "split") }, claim: "[0,300)"},
		"what is covered, by force":             {given: func(f *feed, w *Want) { f.cover(0, 250); w.Force = true }, claim: "[0,300)"},
		"never what is held, even by force":     {given: func(f *feed, w *Want) { f.hold(f.newRun(), 0, 300); w.Force, w.Hurry = true, true }, others: true},
		"the newest hour first":                 {given: func(_ *feed, w *Want) { w.Newest = time.Hour }, claim: "[240,300)", thenOldestNext: "[0,240)"},
		"what is left of the newest hour":       {given: func(f *feed, w *Want) { f.cover(250, 260); w.Newest = time.Hour }, claim: "[260,300)"},
		"the oldest when the newest is covered": {given: func(f *feed, w *Want) { f.cover(240, 300); f.cover(30, 40); w.Newest = time.Hour }, claim: "[0,30)"},
		"the exact span":                        {given: func(f *feed, w *Want) { w.Exact = true }, claim: "[0,300)"},
		"no exact span with a hole":             {given: func(f *feed, w *Want) { f.cover(299, 300); w.Exact = true }},
		"no exact span that others touch":       {given: func(f *feed, w *Want) { f.hold(f.newRun(), 0, 1); w.Exact, w.Force = true, true }, others: true},
		"whole ticks": {given: func(_ *feed, w *Want) {
			w.Tick, w.From, w.To = time.Hour, minute(10), minute(130)
		}, claim: "[0,180)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			w := f.want(0, 300)
			test.given(f, &w)
			turn := f.turn(w)
			if got := claimed(turn); got != test.claim || turn.Others != test.others || turn.Ours != test.ours {
				t.Errorf("claimed %q, others %t, ours %t; want %q, %t, %t", got, turn.Others, turn.Ours, test.claim, test.others, test.ours)
			}
			if test.thenOldestNext != "" {
				if got := claimed(f.turn(w)); got != test.thenOldestNext {
					t.Errorf("then claimed %q, want %q", got, test.thenOldestNext)
				}
			}
		})
	}
}

func claimed(turn Turn) string {
	if turn.Claim == nil {
		return ""
	}
	return inMinutes(turn.Claim.Span)
}

func (f *feed) waited(*Want) {
	execSQL(f.t, f.Store, `update logferry.windows set retry_at = clock_timestamp() where window_id = $1::bigint`, f.mark(0, 200, "mismatch"))
}

// A tick that grew meanwhile must not widen a gap into a claim that lies on
// finer ticks.
func TestTicksNeverOverlapLiveClaims(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	fine := f.want(0, 90)
	fine.To = fine.To.Add(500 * time.Millisecond)
	f.turn(fine)
	coarse := f.want(0, 180)
	coarse.Run, coarse.Tick = f.newRun(), time.Second
	if got := f.turn(coarse).Claim; !got.From.Equal(minute(90).Add(time.Second)) {
		t.Errorf("claimed from %s, want from the first whole second after the live claim", got.From)
	}
	tail := coarse
	tail.Kind, tail.From = KindTail, fine.To.Add(100*time.Millisecond)
	if c, err := f.ClaimTail(t.Context(), tail); err != nil || c != nil {
		t.Errorf("tail %+v, %v; want none while the first claim lives in its first second", c, err)
	}
}

// A dead lease is ended and its time taken over; one that lives never is,
// however short it was.
func TestDeadLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	dead, live := f.hold(f.newRun(), 0, 10), f.hold(f.newRun(), 10, 20)
	f.lapse(dead)
	turn := f.turn(f.want(0, 20))
	if got := claimed(turn); got != "[0,10)" || !turn.Others {
		t.Errorf("claimed %q, others %t; want the dead claim's time", got, turn.Others)
	}
	for c, want := range map[*Claim]string{dead: "failed: the lease ran out", live: "claimed: "} {
		if got := f.one(`select status || ': ' || coalesce(detail, '') from logferry.windows where window_id = $1::bigint`, c.ID); got != want {
			t.Errorf("window %d is %q, want %q", c.ID, got, want)
		}
	}
	f.lapse(live)
	f.must(f.Renew(t.Context(), []int64{live.ID, dead.ID}, time.Minute))
	if got := claimed(f.turn(f.want(0, 20))); got != "" {
		t.Errorf("claimed %q, but the lease was renewed before", got)
	}
	if n := count(t, f.Store, `select count(*) from logferry.windows where window_id = $1::bigint and status = 'failed' and lease_until is null`, dead.ID); n != 1 {
		t.Error("a lost claim came back to life")
	}
}

func (f *feed) lapse(c *Claim) {
	f.t.Helper()
	execSQL(f.t, f.Store, `update logferry.windows set lease_until = clock_timestamp() - interval '1 ms' where window_id = $1::bigint`, c.ID)
}

// A writer in the middle of its transaction is alive, whatever its lease says.
func TestClaimLockedByItsWriterIsLeft(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	c := f.hold(f.newRun(), 0, 10)
	f.lapse(c)
	tx, err := f.pool.Begin(t.Context())
	f.must(err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `select from logferry.windows where window_id = $1::bigint for update`, c.ID)
	f.must(err)
	if turn := f.turn(f.want(0, 10)); turn.Claim != nil || !turn.Others {
		t.Errorf("took %+v from a writer", turn)
	}
	f.must(f.Renew(t.Context(), []int64{c.ID}, time.Minute)) // doesn't wait either
	f.must(tx.Rollback(t.Context()))
	if got := claimed(f.turn(f.want(0, 10))); got != "[0,10)" {
		t.Errorf("claimed %q after the writer died", got)
	}
}

// Nobody can claim in a stream that was disabled or forgotten.
func TestClaimInALostStream(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*feed) error{
		"disabled":  func(f *feed) error { _, err := f.SetEnabled(f.t.Context(), f.stream.Name, false); return err },
		"forgotten": func(f *feed) error { _, err := f.Forget(f.t.Context(), f.stream.Name); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFeed(t)
			w := f.begin(f.claim(0, 10))
			f.must(lose(f))
			_, claimErr := f.Claim(t.Context(), f.want(0, 10))
			_, tailErr := f.ClaimTail(t.Context(), f.want(10, 20))
			_, _, splitErr := w.Split(t.Context(), minute(5), Outcome{})
			writeErr := w.Write(t.Context(), []Entry{entry("a", minute(1), "")})
			for _, err := range []error{claimErr, tailErr, splitErr, writeErr, w.Finish(t.Context(), attested)} {
				if !errors.Is(err, ErrLost) {
					t.Errorf("got %v, want ErrLost", err)
				}
			}
		})
	}
}

func TestNarrowAndRelease(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	c, other := f.claim(0, 60), f.newRun()
	f.must(f.Narrow(t.Context(), c, minute(20)))
	if got := inMinutes(c.Span); got != "[0,20)" {
		t.Errorf("narrowed to %s", got)
	}
	if got := inMinutes(f.hold(other, 0, 60).Span); got != "[20,60)" {
		t.Errorf("the other run claimed %s, want what was let go", got)
	}
	if err := f.Narrow(t.Context(), c, minute(30)); err == nil {
		t.Error("narrowing widened a claim into another's")
	}
	f.must(f.Release(t.Context(), []int64{c.ID}, "interrupted"))
	if err := f.Narrow(t.Context(), c, minute(10)); !errors.Is(err, ErrLost) {
		t.Errorf("narrowing a released claim: %v, want ErrLost", err)
	}
	if got := claimed(f.turn(f.want(0, 60))); got != "[0,20)" {
		t.Errorf("claimed %q, want what was released", got)
	}
	if n := count(t, f.Store, `select count(*) from logferry.windows where window_id = $1::bigint and status = 'failed' and detail = 'interrupted'
		and window_end = $2::timestamptz`, c.ID, minute(20)); n != 1 {
		t.Error("the released claim's row doesn't say so")
	}
}

// A claim knows which parts of it were read before: covered, or by the tail.
func TestClaimKnowsWhatWasRead(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.cover(-10, 10)
	f.cover(40, 50)
	tail := f.want(45, 60)
	tail.Kind = KindTail
	c, err := f.ClaimTail(t.Context(), tail)
	f.must(err)
	if got := inMinutes(c.Known...); got != "[45,50)" {
		t.Errorf("the tail knows %s", got)
	}
	f.finish(f.begin(c), Outcome{Status: "loaded"})
	if got := inMinutes(f.claim(0, 100).Known...); got != "[0,10) [40,60)" {
		t.Errorf("known are %s", got)
	}
}

func TestMismatchesInRow(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		statuses []string // oldest first
		want     int
	}{
		"none":                {nil, 0},
		"attested last":       {[]string{"mismatch", "mismatch", "attested"}, 0},
		"two in a row":        {[]string{"attested", "mismatch", "mismatch"}, 2},
		"one":                 {[]string{"mismatch", "attested", "mismatch"}, 1},
		"at most three":       {[]string{"mismatch", "mismatch", "mismatch", "mismatch"}, 3},
		"others don't count":  {[]string{"mismatch", "split", "failed", "mismatch", "loaded"}, 2},
		"fewer than three":    {[]string{"mismatch"}, 1},
		"attested long since": {[]string{"attested", "mismatch", "mismatch", "mismatch"}, 3},
		"empty ones between":  {[]string{"attested", "mismatch", "empty", "mismatch", "empty", "empty", "mismatch", "empty"}, 3},
	} {
		f := feedOn(t, s, name)
		for i, status := range test.statuses {
			if status != "empty" {
				f.mark(i, i+1, status)
				continue
			}
			id := f.mark(i, i+1, "attested")
			execSQL(t, s, `update logferry.windows set attested_by = 'empty_proven' where window_id = $1`, id)
		}
		if got, err := f.MismatchesInRow(t.Context(), f.stream.ID); err != nil || got != test.want {
			t.Errorf("%s: %d, %v; want %d", name, got, err, test.want)
		}
	}
}

func TestOpenAndGaps(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.cover(10, 20)
	f.mark(20, 30, "mismatch")
	f.hold(f.newRun(), 0, 5)
	w := f.want(0, 60)
	w.Done = []Span{minutes(25, 40)}
	open, waiting, err := f.Open(t.Context(), w)
	if err != nil || open != 35*time.Minute || waiting != 5*time.Minute {
		t.Errorf("open %s, waiting %s, %v; want 35 and 5 minutes", open, waiting, err)
	}
	for force, want := range map[bool]string{false: "[0,10) [20,60)", true: "[0,60)"} {
		gaps, err := f.Gaps(t.Context(), f.stream.ID, minutes(0, 60), force)
		if got := inMinutes(gaps...); err != nil || got != want {
			t.Errorf("gaps %s, %v; want %s", got, err, want)
		}
	}
}
