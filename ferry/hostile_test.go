package ferry_test

import (
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// tied are n logs of a gateway in one millisecond.
func tied(seed uint64, n int, at time.Time) []emulator.Log {
	var logs []emulator.Log
	for _, c := range emulator.Synthetic(seed, n, at.Add(-time.Hour), at) {
		c.At = at
		logs = append(logs, emulator.CloudflareLog(c))
	}
	return logs
}

// 20,000 logs of one millisecond are one window of one tick: it can't be cut,
// and is walked to its end.
func TestManyLogsInOneMillisecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	prod := w.gateway("prod")
	at := time.Now().Add(-26 * time.Hour).Truncate(time.Millisecond)
	prod.Insert(tied(1, 20_000, at)...)
	prod.Insert(cloudflareLogs(2, 300, at.Add(-day), at.Add(day))...)

	sum := w.sync(ferry.ExitOK)
	w.equal(prod)
	if sum.Unfinished != 0 || sum.Doubtful != 0 {
		t.Errorf("%+v", sum)
	}
	t.Log(requestsOf(sum))
}

// Where the source caps its totals at 10,000 such a window can't be proven:
// it is loaded whole, not covered, and everything beside it is.
func TestManyLogsInOneMillisecondWithCappedTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	prod := w.gateway("prod")
	at := time.Now().Add(-26 * time.Hour).Truncate(time.Millisecond)
	prod.Insert(tied(1, 20_000, at)...)
	prod.Insert(cloudflareLogs(2, 300, at.Add(-day), at.Add(day))...)
	prod.SetFaults(emulator.Faults{TotalCap: 10_000})

	sum := w.sync(ferry.ExitData)
	w.equal(prod)
	t.Log(requestsOf(sum), sum)
}
