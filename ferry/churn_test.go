package ferry_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// A churn inserts, deletes and edits logs of a stream while it is being read:
// something happens at about every other request.
type churn struct {
	stream *emulator.Stream
	make   func(seed uint64, n int) []emulator.Log // new logs
	oldEnd bool                                    // delete at the old end; else anywhere, but never the oldest log

	mu      sync.Mutex
	rng     *rand.Rand
	gone    map[string]bool
	stopped bool
}

func newChurn(t *testing.T, stream *emulator.Stream, oldEnd bool) *churn {
	_, rng := seeded(t)
	return &churn{stream: stream, oldEnd: oldEnd, rng: rng, gone: map[string]bool{}}
}

// step is what happens before a request is answered.
func (c *churn) step(int, emulator.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.rng.IntN(2) == 0 {
		return
	}
	switch logs := c.stream.Logs(); c.rng.IntN(3) {
	case 0:
		c.stream.Insert(c.make(c.rng.Uint64(), 1+c.rng.IntN(3))...)
	case 1:
		if c.oldEnd {
			// Of logs of one instant all go: with some of them left, the
			// others are not below the source's oldest log, but missing.
			n := 1 + c.rng.IntN(20)
			for n < len(logs) && logs[n].At.Equal(logs[n-1].At) {
				n++
			}
			c.stream.DeleteOldest(n)
			return
		}
		one := logs[1+c.rng.IntN(len(logs)-1)].ID
		c.gone[one] = true
		c.stream.Delete(one)
	case 2:
		c.stream.Edit(logs[c.rng.IntN(len(logs))].ID, c.edit)
	}
}

var statusCode = regexp.MustCompile(`"status_code":\d+`)

func (c *churn) edit(doc []byte) []byte {
	return statusCode.ReplaceAll(doc, fmt.Appendf(nil, `"status_code":%d`, 200+c.rng.IntN(300)))
}

func (c *churn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
}

// Logs that come, go and change while they are read: once the provider is
// quiet, reading the span again ends with the warehouse equal to it; what was
// deleted stays, marked as missing upstream.
func TestP09ChurnWhileReading(t *testing.T) {
	t.Parallel()
	now := time.Now()
	from, to := now.Add(-5*day), now.Add(-time.Hour)
	type maker func(seed uint64, n int, from time.Time) []emulator.Log
	gateway := func(w *world) (*emulator.Stream, maker) {
		return w.gateway("prod"), func(seed uint64, n int, from time.Time) []emulator.Log { return cloudflareLogs(seed, n, from, to) }
	}
	dataset := func(w *world) (*emulator.Stream, maker) {
		return w.dataset("ds1"), func(seed uint64, n int, from time.Time) []emulator.Log {
			return keywordsLogs(seed, n, from, to, "ds1", "created_at")
		}
	}
	for name, test := range map[string]struct {
		stream func(*world) (*emulator.Stream, maker)
		order  emulator.Order
		oldEnd bool
	}{
		"sorted, deleted anywhere":         {gateway, "", false},
		"sorted, deleted at the old end":   {gateway, "", true},
		"unsorted, deleted anywhere":       {dataset, emulator.ByID, false},
		"unsorted, deleted at the old end": {dataset, emulator.ByID, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			stream, logs := test.stream(w)
			stream.Insert(logs(1, 1200, from)...)
			c := newChurn(t, stream, test.oldEnd)
			c.make = func(seed uint64, n int) []emulator.Log {
				if test.oldEnd {
					return logs(seed, n, to.Add(-day)) // a log older than the oldest would make it the oldest
				}
				return logs(seed, n, from)
			}
			stream.SetFaults(emulator.Faults{Order: test.order, OnRequest: c.step})

			w.syncAny(ferry.ExitOK, ferry.ExitData)
			w.forceAny(from, ferry.ExitOK, ferry.ExitData)
			c.stop()
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: from.Add(-day), Force: true})
			w.holdsAll(stream)
			w.marked(stream, c)
		})
	}
}

// syncAny runs a pass that may end with any of the codes.
func (w *world) syncAny(codes ...int) {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	sum, err := f.Sync(context.Background())
	w.endsWith(sum, err, codes)
}

// forceAny reads everything since from again, and may end with any of the codes.
func (w *world) forceAny(from time.Time, codes ...int) {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	sum, err := f.Backfill(context.Background(), ferry.BackfillOptions{From: from, Force: true})
	w.endsWith(sum, err, codes)
}

func (w *world) endsWith(sum ferry.Summary, err error, codes []int) {
	w.t.Helper()
	w.t.Logf("exit code %d, %d windows, %d mismatches, %d missing, %d requests", ferry.ExitCode(err), sum.Windows, sum.Mismatch, sum.Missing, sum.Requests)
	for _, code := range codes {
		if ferry.ExitCode(err) == code {
			return
		}
	}
	w.t.Fatalf("exit code %d, want one of %v: %v", ferry.ExitCode(err), codes, err)
}

// holdsAll checks that every log that is served is held as it is served; the
// warehouse may hold more.
func (w *world) holdsAll(stream *emulator.Stream) {
	w.t.Helper()
	container, found := strings.CutPrefix(stream.Name(), "keywordsai/")
	if !found {
		container = ""
	}
	want, held := w.served(stream, "created_at", container, time.Time{}, farAhead), w.rows(stream)
	for id := range held {
		if _, listed := want[id]; !listed {
			delete(held, id)
		}
	}
	w.same(want, held)
}

// marked checks which rows are marked as missing upstream: all that were
// deleted above the source's oldest log, and none else.
func (w *world) marked(stream *emulator.Stream, c *churn) {
	w.t.Helper()
	listed := map[string]bool{}
	logs := stream.Logs()
	for _, l := range logs {
		listed[l.ID] = true
	}
	lost, wrong, below, stored := 0, 0, 0, 0
	missing := w.missing(stream)
	for id, at := range missing {
		if listed[id] {
			wrong++
		} else if at.Before(logs[0].At) {
			below++
		}
	}
	for id := range w.rows(stream) {
		if c.gone[id] {
			stored++
			if _, known := missing[id]; !known {
				lost++
			}
		}
	}
	if lost > 0 || wrong > 0 || below > 0 {
		w.t.Errorf("of %d stored logs that were deleted %d are not marked as missing; %d listed ones are; %d below the source's oldest are", stored, lost, wrong, below)
	}
	if !c.oldEnd && stored == 0 {
		w.t.Error("no stored log was deleted: this test shows nothing")
	}
}

// missing are the rows marked as missing upstream, and when they were created.
func (w *world) missing(stream *emulator.Stream) map[string]time.Time {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), `
		select log_id, created_at from logferry.requests join logferry.streams using (stream_id)
		 where stream_name = $1 and missing_upstream_at is not null`, stream.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]time.Time{}
	var id string
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { found[id] = at; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return found
}
