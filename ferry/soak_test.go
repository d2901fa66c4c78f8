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
	"syscall"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
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
	crowd := w.crowded("crowd", n)
	w.emu.SetFaults(crowd)
	began := time.Now()
	c := w.start(order{Command: "sync"})
	var peaks []int
	for tenth := 1; tenth <= 10; tenth++ {
		w.loads(c, n*tenth/10)
		peaks = append(peaks, c.peak())
		if peak := peaks[len(peaks)-1]; peak > 0 {
			t.Logf("%d logs after %s: at most %d MiB resident", n*tenth/10, time.Since(began).Round(time.Second), peak)
		}
	}
	r := c.report()
	peak := c.ended()
	rate := float64(n) / time.Since(began).Seconds()
	t.Logf("%d logs in %s, %.0f a second, %d requests: at most %d MiB resident, %d at half of them", n, time.Since(began).Round(time.Second), rate, r.Summary.Requests, peak, peaks[4])
	if r.Code != ferry.ExitOK || r.Summary.Inserted != int64(n) || r.Summary.Unfinished > 0 {
		t.Errorf("ended with %d: %s; %+v", r.Code, r.Error, r.Summary)
	}
	if peak > peakLimit || peaks[4] > 0 && peak > peaks[4]+16 {
		t.Errorf("at most %d MiB are allowed, and 16 more than at half", peakLimit)
	}
	if rows := query[int](w, `select count(*) from logferry.requests`); rows != n {
		t.Errorf("%d of %d logs arrived", rows, n)
	}
}

// loads waits until so many logs are loaded, or the child has ended.
func (w *world) loads(c *child, n int) {
	w.t.Helper()
	conn := w.connect()
	for c.running() {
		var loaded int
		if err := conn.QueryRow(w.t.Context(), `select coalesce(sum(inserted_rows), 0)::bigint from logferry.windows`).Scan(&loaded); err != nil {
			w.t.Fatal(err)
		}
		if loaded >= n {
			return
		}
		select {
		case <-c.done:
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

// ended is peak for a child that has ended.
func (c *child) ended() int {
	usage, ok := c.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		c.t.Fatal("the system does not tell what the child took")
	}
	return int(usage.Maxrss >> 10)
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
