package ferry_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"logferry/emulator"
	"logferry/load"
)

// logs are up to n new ones of the stream: by its start, a call may lie before
// from.
func (one *tale) logs(n int, from, to time.Time) []emulator.Log {
	if one.dataset == "" {
		return cloudflareLogs(one.random.Uint64(), n, from, to)
	}
	logs := keywordsLogs(one.random.Uint64(), n, from, to, one.dataset, one.field)
	return slices.DeleteFunc(logs, func(l emulator.Log) bool { return l.At.Before(from) })
}

// logTime is the time of a log as served and rows show it.
func logTime(log string) time.Time {
	text, _, _ := strings.Cut(log, " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err) // served wrote it
	}
	return at
}

func (one *tale) spans(sql string, args ...any) []load.Span {
	one.t.Helper()
	var spans []load.Span
	for _, pair := range query[[][]string](one.world, sql, args...) {
		var ends [2]time.Time
		for i, text := range pair {
			var err error
			if ends[i], err = time.Parse("2006-01-02 15:04:05.999999999Z07", text); err != nil {
				one.t.Fatal(err)
			}
		}
		spans = append(spans, load.Span{From: ends[0], To: ends[1]})
	}
	return spans
}

// happens is what a source does between two runs: two or three things.
func (one *tale) happens() {
	r := one.random
	one.note()
	covered := one.covered()
	touch := func(logs ...emulator.Log) {
		for _, l := range logs {
			if covered(l.At.UTC().Format(time.RFC3339Nano)) || l.At.After(one.now.Add(-time.Hour)) {
				one.changed[l.ID] = true
			}
		}
	}
	for range 2 + r.IntN(2) {
		listed := one.Logs()
		some := func(n int) []emulator.Log { // not the oldest
			var drawn []emulator.Log
			for range 1 + r.IntN(n) {
				drawn = append(drawn, listed[1+r.IntN(len(listed)-1)])
			}
			return drawn
		}
		switch what := r.IntN(10); what {
		case 0, 1:
			late := one.logs(1+r.IntN(8), listed[0].At, one.now)
			touch(late...)
			one.Insert(late...)
			one.tell("%s: %d logs come late", one.Name(), len(late))
		case 2:
			fresh := one.logs(1+r.IntN(8), one.now.Add(-20*time.Minute), one.now)
			touch(fresh...)
			one.Insert(fresh...)
			one.tell("%s: %d fresh logs", one.Name(), len(fresh))
		case 3:
			for _, l := range some(5) {
				one.Delete(l.ID)
			}
			one.tell("%s: logs are deleted", one.Name())
		case 4:
			n := 1 + r.IntN(8)
			one.DeleteOldest(n)
			one.tell("%s: the oldest %d are deleted", one.Name(), n)
		case 5:
			for _, l := range some(5) {
				touch(l)
				one.Edit(l.ID, one.edited())
			}
			one.tell("%s: logs are edited", one.Name())
		case 6:
			for _, l := range some(2) {
				to := listed[0].At.Add(time.Duration(r.Int64N(int64(one.now.Sub(listed[0].At))))).Truncate(time.Millisecond)
				if !covered(to.Format(time.RFC3339Nano)) {
					continue // a new id is looked up only where something was read before
				}
				one.changed[l.ID] = true
				one.MoveTime(l.ID, to)
				one.tell("%s: log %s moves from %s to %s", one.Name(), l.ID, l.At, to)
			}
		case 7:
			if one.dataset != "" {
				d := one.dialect()
				one.SetDialect(d)
				one.unsure = true
				one.tell("%s speaks %+v", one.Name(), d)
			}
		case 8:
			late := one.straggling(one.logs(1+r.IntN(8), listed[0].At, one.now))
			one.Insert(late...)
			one.tell("%s: %d stragglers come until %s", one.Name(), len(late), one.waiting)
		case 9:
			logs := some(1)
			if _, broken := one.judged(one.feed, one.field); len(broken) == 3 {
				logs = broken // more could be too many for a run's exit code
			}
			for _, l := range logs {
				one.changed[l.ID] = true
				one.Edit(l.ID, breaks)
				one.tell("%s: log %s of %s breaks or is mended", one.Name(), l.ID, l.At)
			}
		}
	}
	one.misbehave()
}

// straggling makes logs show themselves within the next second or two.
func (one *tale) straggling(logs []emulator.Log) []emulator.Log {
	delay := emulator.Stragglers(one.random.Uint64(), 200*time.Millisecond, 2*time.Second, 0.3)
	for i, l := range logs {
		logs[i].VisibleAt = time.Now().Add(delay(l))
		one.changed[l.ID] = true
		if logs[i].VisibleAt.After(one.waiting) {
			one.waiting = logs[i].VisibleAt
		}
	}
	return logs
}

// edited is an edit with another status code each time.
func (one *tale) edited() func(doc []byte) []byte {
	code := 200 + one.random.IntN(300)
	return func(doc []byte) []byte { return statusCode.ReplaceAll(doc, fmt.Appendf(nil, `"status_code":%d`, code)) }
}

// dialect is one of the ways in which a dataset may speak about its time, from
// now on.
func (one *tale) dialect() emulator.Dialect {
	all := []emulator.Dialect{
		{}, {Shape: emulator.ShapeResults}, {Shape: emulator.ShapeArray}, {Grammar: emulator.GrammarList},
		{Grammar: emulator.GrammarBundle, OtherGrammar: emulator.Refused}, {Shape: emulator.ShapeResults, SortFrom: emulator.Nowhere},
		{PastEnd: emulator.InvalidPage}, {Grammar: emulator.GrammarList, OtherGrammar: emulator.MatchesNothing}, emulator.LiveDialect,
		{Shape: emulator.ShapeArray, Grammar: emulator.GrammarList, PastEnd: emulator.InvalidPage}, {Shape: emulator.ShapeResults, PageFrom: emulator.InBody},
	}
	d := all[one.random.IntN(len(all))]
	d.TimeField, one.bare = one.field, d.Shape == emulator.ShapeArray
	return d
}

// lies are what a source may do that makes it look whole where it isn't, or the
// other way round, if anything else goes wrong beside it.
var lies = []emulator.Faults{
	{TotalOff: 1}, {TotalOff: -1}, {TotalZero: true}, {TotalCap: 40},
	{Filters: emulator.MatchesNothing}, {Filters: emulator.Ignored}, {Filters: emulator.Refused},
	{Filters: emulator.Ignored, Dates: emulator.Refused},
}

// misbehave draws what goes wrong during the next runs.
func (one *tale) misbehave() {
	r := one.random
	one.behave()
	one.faults.Seed = r.Uint64()
	switch r.IntN(6) {
	case 0, 1:
	case 2:
		one.faults, one.lying, one.unsure = lies[r.IntN(len(lies))], true, true
	default:
		for _, n := range r.Perm(len(mishaps))[:1+r.IntN(3)] {
			mishaps[n](r, &one.faults)
		}
		if one.faults.TotalMoves {
			one.faults.Fail = nil // nothing agrees then, and every retry waits
		}
	}
	if !one.lying && r.IntN(2) == 0 {
		one.stir = &stir{tale: one, kind: 1 + r.IntN(3), left: 1 + r.IntN(8), known: one.note()}
		one.stir.next = one.logs(one.stir.left, one.now.Add(-12*day), one.now)
		one.stir.left = len(one.stir.next)
		one.stir.edit = one.edited()
	}
	one.faults.LowBound, one.faults.TopBound = one.low, one.top
	one.tell("%s: stirs %d times by %d; faults %s", one.Name(), one.stir.left, one.stir.kind, zeroMember.ReplaceAllString(fmt.Sprintf("%+v", one.faults), ""))
}

// zeroMember is what a printed struct need not show.
var zeroMember = regexp.MustCompile(`\b\w+:(0s?|false|<nil>|map\[\]|)[ }]`)

// behave ends misbehave.
func (one *tale) behave() {
	one.stir, one.faults, one.lying = &stir{}, emulator.Faults{LowBound: one.low, TopBound: one.top}, false
	one.show(one.faults)
}

// show sets the source's faults. What is served otherwise with them than before,
// because its usage is not filled in, or is now, has changed.
func (one *tale) show(f emulator.Faults) {
	before := one.note()
	one.SetFaults(f)
	for id, log := range one.note() {
		if was, is := before[id]; is && was != log {
			one.changed[id] = true
		}
	}
}

// A stir changes logs while they are being read: some come, or some go, or some
// are edited. An insert and a delete together may leave a total as it was, and
// then no reader can tell.
type stir struct {
	*tale
	mu    sync.Mutex
	kind  int
	left  int
	known map[string]string
	next  []emulator.Log
	edit  func([]byte) []byte
}

// stop ends it, also for requests that nobody waits for any more.
func (s *stir) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = 0
}

// step is what happens before a request is answered.
func (s *stir) step(r emulator.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 || !r.Filtered || r.Page < 2 {
		return
	}
	s.left--
	ids := slices.Sorted(maps.Keys(s.known))
	id := ids[s.left*len(ids)/20]
	switch s.kind {
	case 1:
		s.changed[s.next[s.left].ID] = true
		s.Insert(s.next[s.left])
	case 2:
		if id != s.Logs()[0].ID {
			s.Delete(id)
		}
	case 3:
		s.changed[id] = true
		s.Edit(id, s.edit)
	}
}
