package load

import (
	"testing"
	"time"
)

// A log's age at its first meeting is measured where somebody had looked before,
// and where reading goes on from the end of coverage; a backlog's is not.
func TestLatenessCounts(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	measured := func() (logs, late int) {
		t.Helper()
		return count(t, f.Store, `select coalesce(sum(logs), 0) from logferry.lateness`), count(t, f.Store, `select coalesce(sum(late_logs), 0) from logferry.lateness`)
	}
	expect := func(what string, logs, late int) {
		t.Helper()
		if n, l := measured(); n != logs || l != late {
			t.Errorf("%s: %d logs measured, %d of them late; want %d and %d", what, n, l, logs, late)
		}
	}
	f.read(0, 10, entry("a", minute(1), ""))
	expect("a backlog", 0, 0)
	f.read(-20, 0, entry("b", minute(-1), ""))
	expect("before the coverage", 0, 0)
	next := f.want(5, 20)
	next.Ahead = minute(10)
	w := f.begin(f.turn(next).Claim)
	f.write(w, entry("c", minute(11), ""), entry("d", minute(12), ""))
	f.finish(w, attested)
	expect("where a pass reads on", 2, 0)
	f.read(20, 30, entry("f", minute(21), ""))
	expect("after it, by a backfill", 2, 0)
	f.read(0, 20, entry("a", minute(1), ""), entry("c", minute(11), ""), entry("d", minute(12), ""), entry("e", minute(13), ""))
	expect("inside it", 3, 1)
	n, wait, err := f.LateShare(t.Context(), f.stream.ID, 100*365*24*time.Hour, 0.001)
	if err != nil || n != 3 || wait == 0 {
		t.Errorf("%d logs measured, %s would have waited (%v)", n, wait, err)
	}
}

// The halves of a window that was read as logs came are read so, too.
func TestLatenessInHalves(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	want := f.want(0, 10)
	want.Ahead = minute(0)
	left, right, err := f.begin(f.turn(want).Claim).Split(t.Context(), minute(5), Outcome{Total: 2, Walks: 1})
	f.must(err)
	for half, log := range map[*Claim]Entry{left: entry("a", minute(1), ""), right: entry("b", minute(6), "")} {
		w := f.begin(half)
		f.write(w, log)
		f.finish(w, attested)
	}
	if n := count(t, f.Store, `select coalesce(sum(logs), 0) from logferry.lateness`); n != 2 {
		t.Errorf("the lateness of %d logs is known, want that of both", n)
	}
}
