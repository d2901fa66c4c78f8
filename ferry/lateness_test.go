package ferry_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
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

// The advised settle waits for nearly all logs that came within the lookback.
// There is none where nearly all came in time, or where they were filled in later;
// and it is no more than a guess where few were measured.
func TestLatenessAdvice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 30, now.Add(-28*time.Hour), now.Add(-2*time.Hour))...)
	w.sync(ferry.ExitOK)
	seed := uint64(1)
	late := func(age time.Duration, want ...string) {
		t.Helper()
		seed++
		prod.Insert(cloudflareLogs(seed, 1, now.Add(-age), now.Add(-age+time.Minute))...)
		sum, err := w.ferry().Backfill(t.Context(), ferry.BackfillOptions{From: now.Add(-28 * time.Hour), Force: true})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(sum.Notes, "; ")
		for _, part := range append(want, "1 log came later than LOGFERRY_SETTLE=10m, and was found") {
			if !strings.Contains(text, part) {
				t.Errorf("%q says nothing of %q", text, part)
			}
		}
	}
	measured := func(seconds, logs, late int) {
		w.exec(`insert into logferry.lateness select stream_id, current_date, $1, $2, $3 from logferry.streams`, seconds, logs, late)
	}
	late(26*time.Hour, "filled in later: no settle waits for it")
	late(36*time.Minute, "m would have waited for those of the lookback, but only 2 logs were measured so far", "LOGFERRY_SETTLE=3")
	measured(300, 5000, 0)
	late(36*time.Minute, "999 came in time: there is nothing to set")
	measured(1700, 100, 100)
	late(36*time.Minute, "LOGFERRY_SETTLE=29m would have waited for 999 of 1000 logs")
}

// Stragglers, which show themselves when their time is covered long since, are
// found by counting it again, and counted as late.
func TestP11StragglersAreFoundAndCounted(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for _, source := range []string{"cloudflare", "keywordsai"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			var ahead atomic.Int64
			w := newWorld(t, emulator.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
			w.emu.SetFaults(emulator.Faults{Latency: emulator.Stragglers(seed, 10*time.Minute, 21*time.Hour, 0.4)})
			stream := w.filled(source, 600)
			first := w.sync(ferry.ExitOK)
			hidden := 600 - stream.Len()
			w.holdsExactly(stream, "created_at")
			if hidden < 20 || first.Inserted != int64(600-hidden) {
				t.Fatalf("%d stragglers, %+v", hidden, first)
			}
			ahead.Store(int64(21 * time.Hour)) // of the source's clock
			sum := w.sync(ferry.ExitOK)
			w.holdsExactly(stream, "created_at")
			if sum.Inserted != int64(hidden) {
				t.Errorf("%d stragglers, %+v", hidden, sum)
			}
			if late := w.status()[0].Lateness; late == nil || late.Late != int64(hidden) || late.All < time.Hour {
				t.Errorf("%d stragglers; measured %+v", hidden, late)
			}
			want := fmt.Sprintf("%s: %d logs came later than LOGFERRY_SETTLE=10m", stream.Name(), hidden)
			if !slices.ContainsFunc(sum.Notes, func(note string) bool { return strings.HasPrefix(note, want) }) {
				t.Errorf("noted %q, want %q", sum.Notes, want)
			}
		})
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
