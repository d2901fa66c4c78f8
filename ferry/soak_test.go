//go:build linux

package ferry_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/internal/pgtest"
)

var logsFlag = flag.Int("logs", 30_000, "how many logs TestMemoryIsFlat carries")

// peakLimit is what a process of logferry may take at its peak, in MiB, however
// many logs it carries.
const peakLimit = 96

// A first sync takes no more memory for many logs than for few: its peak is
// printed at each tenth of them, and its last tenth adds nearly nothing.
func TestMemoryIsFlat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw, w.cfg.Lease = false, 15*time.Second
	n := *logsFlag
	if n > 1_000_000 && query[string](w, `show autovacuum_naptime`) == pgtest.Naptime {
		w.exec(`alter system reset autovacuum_naptime`) // for so long, vacuum as everywhere
		w.exec(`select pg_reload_conf()`)
	}
	crowd := w.crowded("crowd", n)
	w.emu.SetFaults(crowd)
	began := time.Now()
	c := w.start(order{Command: "sync"})
	var peaks []int
	last := 0
	w.watch(c, func(loaded, peak int) {
		for len(peaks) < 10 && loaded >= n*(len(peaks)+1)/10 {
			peaks = append(peaks, peak)
			t.Logf("%d logs after %s: at most %d MiB resident so far", n*len(peaks)/10, time.Since(began).Round(time.Second), peak)
		}
		last = max(last, peak)
	})
	r, took := c.report(), time.Since(began)
	if len(peaks) < 5 { // the last tenths may be over between two looks
		t.Fatalf("it ended early: %+v", r)
	}
	half, peak := peaks[4], last
	t.Logf("%d logs in %s, %.0f a second, %d requests: at most %d MiB resident, %d until half of them", n, took.Round(time.Second), float64(n)/took.Seconds(), r.Summary.Requests, peak, half)
	if r.Code != ferry.ExitOK || r.Summary.Inserted != int64(n) || r.Summary.Unfinished > 0 {
		t.Errorf("ended with %d: %s; %+v", r.Code, r.Error, r.Summary)
	}
	if peak > peakLimit || peak > half+16 {
		t.Errorf("at most %d MiB are allowed, and 16 more than at half", peakLimit)
	}
	if rows := query[int](w, `select count(*) from logferry.requests`); rows != n {
		t.Errorf("%d of %d logs arrived", rows, n)
	}
}

// watch tells, until the child has ended, how many logs are loaded and what it has
// had resident at most, in MiB.
func (w *world) watch(c *child, tell func(loaded, peak int)) {
	w.t.Helper()
	conn := w.connect()
	for peak := 0; ; {
		var loaded int
		if err := conn.QueryRow(w.t.Context(), `select coalesce(sum(inserted_rows), 0)::bigint from logferry.windows`).Scan(&loaded); err != nil {
			w.t.Fatal(err)
		}
		peak = max(peak, c.peak())
		tell(loaded, peak)
		select {
		case <-c.done:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peak is the most memory that the child has had resident, in MiB; 0: it has
// ended.
func (c *child) peak() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	found := highWater.FindSubmatch(status)
	if err != nil || found == nil {
		return 0
	}
	kB, err := strconv.Atoi(string(found[1]))
	if err != nil {
		c.t.Fatal(err)
	}
	return kB >> 10
}

// crowded adds a gateway with n logs in the last 20 days. What is kept of each is
// its number; the faults returned write its document when it is asked for, from
// one of a thousand made before.
func (w *world) crowded(id string, n int) emulator.Faults {
	stream, from := w.gateway(id), time.Now().Add(-20*day).Truncate(time.Millisecond)
	step := 20 * day / time.Duration(n+1)
	moulds := cloudflareLogs(1, 1000, from, time.Now())
	name := func(i uint64) string { return fmt.Sprintf("%026d", i) }
	at := func(i uint64) time.Time { return from.Add(time.Duration(i) * step).Truncate(time.Millisecond) }
	const batch = 100_000
	for first := 0; first < n; first += batch {
		logs := make([]emulator.Log, 0, batch)
		for i := uint64(first); i < uint64(min(n, first+batch)); i++ {
			logs = append(logs, emulator.Log{ID: name(i), At: at(i), Doc: binary.BigEndian.AppendUint64(nil, i)})
		}
		stream.Insert(logs...)
	}
	const stamp = "2006-01-02T15:04:05.000Z"
	return emulator.Faults{FillAfter: 100 * 365 * day, Unfilled: func(number []byte) []byte {
		i := binary.BigEndian.Uint64(number)
		mould := moulds[i%uint64(len(moulds))]
		doc := bytes.ReplaceAll(mould.Doc, []byte(mould.ID), []byte(name(i)))
		return bytes.ReplaceAll(doc, []byte(mould.At.UTC().Format(stamp)), []byte(at(i).UTC().Format(stamp)))
	}}
}
