package ferry_test

import (
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// How late logs appear is measured where somebody had looked: in the tail, and
// where a log is new in time that was read before. A backlog's age is not
// lateness. Logs later than settle are warned about, with the value to set.
func TestLatenessIsMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Settle = 2 * time.Minute
	now := time.Now()
	prod, steady := w.gateway("prod"), w.gateway("steady")
	for _, stream := range []*emulator.Stream{prod, steady} {
		stream.Insert(cloudflareLogs(1, 300, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
		stream.Insert(cloudflareLogs(2, 40, now.Add(-90*time.Second), now.Add(-80*time.Second))...)
	}
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 {
		t.Error(sum.Notes)
	}
	lateness := func(stream *emulator.Stream) ferry.Lateness {
		t.Helper()
		for _, s := range w.status() {
			if s.Stream == stream.Name() && s.Lateness != nil {
				return *s.Lateness
			}
		}
		t.Fatalf("%s has no lateness", stream.Name())
		return ferry.Lateness{}
	}
	for _, stream := range []*emulator.Stream{prod, steady} {
		if l := lateness(stream); l.Half < 80*time.Second || l.All > 2*time.Minute || l.Late != 0 {
			t.Errorf("the tail's logs were 80 to 90 seconds old: %+v", l)
		}
	}

	prod.Insert(cloudflareLogs(3, 10, now.Add(-17*time.Minute), now.Add(-16*time.Minute))...)
	prod.Insert(cloudflareLogs(4, 1, now.Add(-15*time.Hour), now.Add(-14*time.Hour))...)
	sum := w.sync(ferry.ExitOK)
	if l := lateness(prod); l.Half > 2*time.Minute || l.NearlyAll < 15*time.Minute || l.All < 14*time.Hour || l.Late != 11 {
		t.Errorf("11 of 51 logs came late: %+v", l)
	}
	if l := lateness(steady); l.Late != 0 || l.All > 2*time.Minute {
		t.Errorf("another stream's logs: %+v", l)
	}
	warned := 0
	for _, note := range sum.Notes {
		if strings.Contains(note, prod.Name()+": 11 logs came later than LOGFERRY_SETTLE=2m") {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("warned %d times: %q", warned, sum.Notes)
	}
	w.equal(prod)
	w.idle(nil)
	if l := lateness(prod); l.Late != 11 {
		t.Errorf("counted again: %+v", l)
	}
}

// The advised settle waits for nearly all logs that came within the lookback,
// and there is none where nearly all come in time.
func TestLatenessAdvice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 30, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	late := func(seed uint64) string {
		t.Helper()
		prod.Insert(cloudflareLogs(seed, 1, now.Add(-36*time.Minute), now.Add(-35*time.Minute))...)
		sum := w.sync(ferry.ExitOK)
		if len(sum.Notes) != 1 {
			t.Fatal(sum.Notes)
		}
		return sum.Notes[0]
	}
	if note := late(2); !strings.Contains(note, "1 log came later") || !strings.Contains(note, "LOGFERRY_SETTLE=36m ") && !strings.Contains(note, "LOGFERRY_SETTLE=37m ") {
		t.Error(note)
	}
	w.exec(`insert into logferry.lateness select stream_id, current_date, 300, 5000, 0 from logferry.streams`)
	if note := late(3); !strings.Contains(note, "nothing to set") {
		t.Error(note)
	}
}

func (w *world) status() []ferry.StreamStatus {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	streams, err := f.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return streams
}
