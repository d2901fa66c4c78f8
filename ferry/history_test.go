package ferry_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A history is what may happen to two streams in the course of weeks, drawn from
// a seed: sources that misbehave, logs that come late, change and go, runs that
// meet and runs that crash. Beside it goes the model: what was ever served, and
// what changed where it had been read.
type history struct {
	*world
	random  *rand.Rand
	tales   []*tale
	now     time.Time // at its start
	before  map[string]standing
	reached chan struct{} // closed when the flow that is to be killed has asked often enough

	requests *atomic.Int64 // of all histories
	steps    []string      // what happened, for the log of a failed one
}

// A tale is one stream of a history, and the model of it.
type tale struct {
	feed
	*history
	versions map[string]map[string]bool // by log id: time and hash, as ever served
	changed  map[string]bool            // ids that came, changed or moved where they may have been read before
	faults   emulator.Faults
	field    string         // where its logs have their time
	low, top emulator.Bound // how the source treats its bounds, always
	lying    bool           // its source does what only its end shows
	unsure   bool           // since all of it was read it lied, or changed its dialect: what was proven may be refused
	bare     bool           // its dialect gives no totals
	waiting  time.Time      // until then stragglers show themselves
	stir     *stir
}

const historySteps = 7

var historiesFlag = flag.Int("histories", 2, "how many histories TestHistories goes through, from the seed on")

// Whatever happens, in whatever order: after every step what is covered is held
// as the source lists it, except where that changed afterwards; each log has one
// row, with a content that was served; no watermark goes back and no sum is
// wrong. And once the sources behave, all is read again and equal to them.
func TestHistories(t *testing.T) {
	t.Parallel()
	first, _ := seeded(t)
	var whole, requests atomic.Int64
	t.Run("seed", func(t *testing.T) {
		for i := range uint64(*historiesFlag) {
			t.Run(fmt.Sprint(first+i), func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, first+i, &requests)
				defer h.story(first + i)
				h.passes()
				whole.Add(1)
			})
		}
	})
	t.Logf("%d histories of %d steps from seed %d on, %d requests: %d ended equal to their sources", *historiesFlag, historySteps, first, requests.Load(), whole.Load())
}

// passes is the history, up to the first thing that is wrong.
func (h *history) passes() {
	for range historySteps {
		for _, one := range h.tales {
			one.happens()
		}
		h.flows()
		if h.check(); h.t.Failed() {
			h.t.FailNow()
		}
	}
	if h.settles(); h.t.Failed() {
		h.t.FailNow()
	}
}

// story tells what happened in a history that failed.
func (h *history) story(seed uint64) {
	if h.t.Failed() {
		h.t.Logf("to see it again: go test ./ferry -run TestHistories -seed %d -histories 1\n%s", seed, strings.Join(h.steps, "\n"))
	}
}

func newHistory(t *testing.T, seed uint64, requests *atomic.Int64) *history {
	h := &history{world: newWorld(t, emulator.Options{}), random: rand.New(rand.NewPCG(seed, 7)), now: time.Now(), requests: requests}
	h.cfg.Lease = 500 * time.Millisecond
	h.cfg.Raw = h.random.IntN(4) == 0
	h.tales = []*tale{
		{feed: feed{h.gateway("gate"), ""}, history: h, field: "created_at"},
		{feed: feed{h.dataset("set"), "set"}, history: h, field: []string{"created_at", "timestamp", "start_time"}[h.random.IntN(3)]},
	}
	h.tales[1].SetDialect(h.tales[1].dialect())
	for _, one := range h.tales {
		one.versions, one.changed = map[string]map[string]bool{}, map[string]bool{}
		bounds := []emulator.Bound{"", emulator.Strict, emulator.Inclusive}
		one.low, one.top = bounds[h.random.IntN(3)], bounds[h.random.IntN(3)]
		one.behave()
		one.Insert(one.logs(100+h.random.IntN(200), h.now.Add(-12*day), h.now)...)
		one.Insert(one.logs(h.random.IntN(70), h.now.Add(-5*day), h.now.Add(-5*day+time.Millisecond))...)
	}
	return h
}

func (h *history) tell(format string, args ...any) {
	h.steps = append(h.steps, fmt.Sprintf(format, args...))
}

// check compares the warehouse with the model.
func (h *history) check() {
	h.t.Helper()
	h.before = h.standings(h.before)
	for _, one := range h.tales {
		listed, held, covered := one.note(), one.rows(one.Stream), one.covered()
		for id, row := range held {
			if !one.versions[id][row] {
				h.t.Errorf("%s: log %s is held as it never was served: %s", one.Name(), id, row)
			}
		}
		for id, log := range listed {
			if held[id] != log && !one.changed[id] && covered(log) {
				h.t.Errorf("%s: log %s, %s, is covered; held is %q", one.Name(), id, log, held[id])
			}
		}
		for id := range one.missing(one.Stream) {
			if _, is := listed[id]; is && !one.changed[id] {
				h.t.Errorf("%s: log %s is listed and marked as missing", one.Name(), id)
			}
		}
	}
}

// note adds what is served now to the model, and returns it, less what is no JSON.
func (one *tale) note() map[string]string {
	listed, _ := one.judged(one.feed, one.field)
	for id, log := range listed {
		if one.versions[id] == nil {
			one.versions[id] = map[string]bool{}
		}
		one.versions[id][log] = true
	}
	return listed
}

// covered tells of which logs, as served shows them, the time is covered.
func (one *tale) covered() func(log string) bool {
	spans := one.spans(`select coalesce(array_agg(array[lower(g), upper(g)]::text[]), '{}') from logferry.stream_state
		join logferry.streams using (stream_id), unnest(coverage) g where stream_name = $1`, one.Name())
	return func(log string) bool {
		at := logTime(log)
		for _, s := range spans {
			if !at.Before(s.From) && at.Before(s.To) {
				return true
			}
		}
		return false
	}
}

// settles is the end: the sources behave and keep quiet, and everything comes to
// rest.
func (h *history) settles() {
	h.t.Helper()
	for _, one := range h.tales {
		one.behave()
		eventually(h.t, "the stragglers have come", func() bool { return time.Now().After(one.waiting) })
	}
	for pass := 1; ; pass++ {
		sum, err := h.flow(h.t.Context(), flow{command: "sync"})
		if err == nil && sum.Unfinished == 0 && sum.Held == 0 {
			break
		}
		if pass == 5 {
			h.t.Fatalf("not at rest after %d quiet passes: %+v, %v", pass, sum, err)
		}
	}
	from := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC) // where datasets begin
	h.backfill(ferry.ExitOK, ferry.BackfillOptions{From: from})
	h.check()
	if slices.ContainsFunc(h.tales, func(one *tale) bool { return one.unsure }) {
		h.forceAny(from, ferry.ExitOK, ferry.ExitData) // may have to end to learn how a source speaks now
	}
	h.backfill(ferry.ExitOK, ferry.BackfillOptions{From: from, Force: true})
	// What settled since then may lie in a window that would not attest before,
	// and waits; and a filter proven anew may have ticks of a second.
	h.exec(`update logferry.windows set retry_at = null`)
	read := time.Now()
	eventually(h.t, "a second has passed", func() bool { return time.Since(read) > 1100*time.Millisecond })
	h.sync(ferry.ExitOK)
	h.before = h.standings(h.before)
	for _, one := range h.tales {
		one.ends()
	}
	h.agrees(from)
	more := map[*emulator.Stream]int{}
	for _, one := range h.tales {
		if more[one.Stream] = 5; len(one.aside()) > 0 {
			more[one.Stream] = 12 // each list with a broken log is asked for twice, and so is the lookback that begins amid its window
		}
	}
	h.idle(more)
}

// agrees counts the sources against the warehouse: nowhere may they differ, but
// where a stream was met while it did not sort: there nobody asks it for its
// oldest log, and what it has deleted below that still counts.
func (h *history) agrees(from time.Time) {
	h.t.Helper()
	f := h.ferry()
	defer f.Close()
	oldest := map[string]time.Time{}
	for _, one := range h.tales {
		oldest[one.Name()] = one.oldest()
	}
	report, err := f.Verify(h.t.Context(), ferry.VerifyOptions{From: from})
	for _, sp := range report.Spans {
		expired := sp.Stored > sp.Source && sp.From.Before(oldest[sp.Stream])
		if sp.State == ferry.SpanDifferent && !expired || sp.State == ferry.SpanUncovered {
			h.t.Errorf("%+v: %v", sp, err)
		}
	}
}

// oldest is the time of the oldest listed log that can be read: what one that is
// no JSON would tell of where the source begins, nobody can know.
func (one *tale) oldest() time.Time {
	first := farAhead
	for _, log := range one.note() {
		if at := logTime(log); at.Before(first) {
			first = at
		}
	}
	return first
}

// ends checks that the stream is held as it is listed, that what is no JSON waits
// in quarantine, and that what is held besides is marked as missing, unless the
// source has forgotten that time.
func (one *tale) ends() {
	one.t.Helper()
	listed, held, missing := one.note(), one.rows(one.Stream), one.missing(one.Stream)
	for _, id := range one.aside() {
		delete(held, id) // as it was before it broke
	}
	oldest := one.oldest()
	settled := time.Now().Add(-one.cfg.Settle - time.Minute)
	gone := maps.Clone(held)
	for id := range listed {
		delete(gone, id)
		if at, is := missing[id]; is {
			one.t.Errorf("%s: log %s of %s is listed and marked as missing", one.Name(), id, at)
		}
	}
	for id, row := range gone {
		delete(held, id)
		if _, is := missing[id]; !is && !logTime(row).Before(oldest) && logTime(row).Before(settled) {
			one.t.Errorf("%s: log %s, %s, is not listed and not marked as missing", one.Name(), id, row)
		}
	}
	if query[bool](one.world, `select not (dialect->>'sorted')::boolean from logferry.stream_state join logferry.streams using (stream_id) where stream_name = $1`, one.Name()) {
		// While its counts agree nobody asks for the tail of a source that does not
		// sort: what changes there is seen once it has settled.
		for id, log := range listed {
			if held[id] != "" && !logTime(log).Before(settled) {
				held[id] = log
			}
		}
	}
	one.same(listed, held)
}

// aside are the ids of the logs that are no JSON. They, and nothing else, must
// wait in quarantine; those of the tail may, since nothing tells that they are its.
func (one *tale) aside() (ids []string) {
	one.t.Helper()
	_, broken := one.judged(one.feed, one.field)
	open := query[[]string](one.world, `
		select coalesce(array_agg(distinct reason_code || ' ' || encode(raw_sha256, 'hex')), '{}')
		  from logferry_private.quarantine join logferry.streams using (stream_id)
		 where stream_name = $1 and resolved_at is null`, one.Name())
	for _, l := range broken {
		ids = append(ids, l.ID)
		name := fmt.Sprintf("not_json %x", sha256.Sum256(l.Doc))
		at := slices.Index(open, name)
		if at >= 0 {
			open = slices.Delete(open, at, at+1)
		} else if l.At.Before(time.Now().Add(-one.cfg.Settle - time.Minute)) {
			one.t.Errorf("%s: log %s of %s is no JSON and does not wait in quarantine", one.Name(), l.ID, l.At)
		}
	}
	if len(open) > 0 {
		one.t.Errorf("%s: %q wait in quarantine and are not listed", one.Name(), open)
	}
	return ids
}
