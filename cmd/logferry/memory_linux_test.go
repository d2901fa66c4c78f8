package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
)

// peakBound is what a sync may take of memory, whatever the providers answer:
// resident bytes at the highest.
const peakBound = 96 << 20

// A load is logs of one size.
type load struct {
	stream string // gw…: a gateway; ds…: a dataset
	logs   int
	bytes  int // of each
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// heavyLogs is how many logs of 1 MiB each of several streams has.
var heavyLogs = flag.Int("heavy", 8, "logs of 1 MiB a stream in the test of memory")

// TestP08MemoryIsBounded runs the program as a process of its own against
// sources whose logs are as large as can be, and that answer with pages of
// 100 MB, a log of 50 MB, gzip bombs, and JSON that takes many times its size
// when it is read: what can be read arrives, what can't is told, and the process
// stays small all the while.
func TestP08MemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.env["LOGFERRY_PAYLOADS"] = "on" // keeps whole documents
	good, tooLarge := 700, 0
	for _, l := range []load{
		{"gw-heavy-1", *heavyLogs, mib},
		{"gw-heavy-3", 80, 100 * kib},
		{"ds-heavy-4", *heavyLogs, mib},
		{"gw-pages-of-100-MB", 50, 2 * mib},
		{"gw-almost-too-large", 4, 8*mib - 4*kib},
		{"gw-giant", 1, 50 * mib},
		{"gw-bombs", 2, 60 * mib},
	} {
		w.weigh(l)
		good += 100
		if l.bytes < 8*mib {
			good += l.logs
		} else {
			tooLarge += l.logs
		}
	}
	good += w.addStrange()
	peak := w.peakOf("sync")
	t.Logf("peak resident size %.1f MiB", float64(peak)/mib)
	if peak > peakBound || peak == 0 {
		t.Errorf("the peak resident size was %d MiB, more than %d", peak/mib, peakBound/mib)
	}
	if n := w.query(`select count(*) from logferry.requests`); n != fmt.Sprintln(good) {
		t.Errorf("%s logs arrived, want %d", strings.TrimSpace(n), good)
	}
	if n := w.query(`select reason_code, count(*) from logferry_private.quarantine group by 1`); n != fmt.Sprintf("too_large\t%d\n", tooLarge) {
		t.Errorf("quarantined are %q, want %d that are too large", n, tooLarge)
	}
}

// addStrange adds documents of 7 MiB of which each is large in another way,
// and returns how many.
func (w *world) addStrange() int {
	const size = 7 * mib
	strange := map[string]string{
		"text":         `"request":"` + strings.Repeat("said ", size/5) + `"`,
		"lists":        `"request":"[` + strings.Repeat("[],", size/3) + `[]]"`,
		"members":      `"request":{` + strings.Repeat(`"a":1,`, size/6) + `"b":[]}`,
		"metadata":     `"metadata":{"a":"` + strings.Repeat("noted ", size/6) + `"}`,
		"many members": strings.Repeat(`"a":1,`, size/6) + `"z":0`,
	}
	at := time.Now().Add(-30 * time.Hour)
	stamp := at.UTC().Format("2006-01-02T15:04:05.000Z")
	for name, members := range strange {
		doc := fmt.Sprintf(`{"id":%q,"created_at":%q,%s}`, name, stamp, members)
		w.emu.AddGateway(account, name).Insert(emulator.Log{ID: name, At: at, Doc: []byte(doc)})
	}
	return len(strange)
}

// weigh adds a stream with logs of the load's size among a hundred small ones.
func (w *world) weigh(l load) {
	now := time.Now()
	from, to := now.Add(-5*day), now.Add(-time.Hour)
	heavy := map[string]bool{}
	var logs []emulator.Log
	for i, c := range emulator.Synthetic(uint64(len(l.stream)), l.logs+100, from, to) {
		log := emulator.CloudflareLog(c)
		if strings.HasPrefix(l.stream, "ds") {
			log = emulator.KeywordsAILog(c, l.stream, "created_at")
		}
		logs = append(logs, log)
		if i >= 50 && i < 50+l.logs {
			heavy[log.ID] = true
		}
	}
	add := func(id string) *emulator.Stream { return w.emu.AddGateway(account, id) }
	if strings.HasPrefix(l.stream, "ds") {
		add = func(id string) *emulator.Stream { return w.emu.AddDataset(id, id) }
	}
	s := add(l.stream)
	s.Insert(logs...)
	s.SetFaults(emulator.Faults{Gzip: true, Pad: func(log emulator.Log) int {
		if heavy[log.ID] {
			return l.bytes
		}
		return 0
	}})
}

// peakOf runs a command, which must succeed, in a process of its own, and
// returns its peak resident size.
func (w *world) peakOf(command string) (peak int) {
	w.t.Helper()
	var errs slate
	process := w.process(command)
	process.Stderr = &errs
	if err := process.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				w.t.Fatalf("%s: %v\n%s", command, err, errs.String())
			}
			return peak
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, highest(process.Process.Pid))
		}
	}
}

// highest is the peak resident size of a process so far, as the kernel keeps
// it; 0: it has ended. (What wait4 tells is no less than its parent's.)
func highest(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, "kB")
	n, _ := strconv.Atoi(strings.TrimSpace(line))
	return n * kib
}
