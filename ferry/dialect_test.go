package ferry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// holdsExactly checks that the warehouse holds exactly what the stream serves;
// timeField is where a dataset's logs have their time.
func (w *world) holdsExactly(stream *emulator.Stream, timeField string) {
	w.t.Helper()
	if set, ok := strings.CutPrefix(stream.Name(), "keywordsai/"); ok {
		w.same(w.served(stream, timeField, set, time.Time{}, farAhead), w.rows(stream))
		return
	}
	w.equal(stream)
}

// idle runs a pass that must write nothing, and cost at most three requests a
// stream (head, settled span, recheck) and one listing an account. What a
// stream may cost beyond that is in more.
func (w *world) idle(more map[*emulator.Stream]int) {
	w.t.Helper()
	w.emu.ForgetRequests()
	sum := w.sync(ferry.ExitOK)
	if sum.Inserted+sum.Changed+sum.Missing != 0 || sum.Unfinished != 0 || sum.Doubtful != 0 {
		w.t.Errorf("a pass with nothing new: %+v", sum)
	}
	most := map[string]int{"": 2}
	for stream, n := range more {
		most[stream.Name()] = n
	}
	spent := map[string]int{}
	for _, r := range w.emu.Requests() {
		spent[r.Stream]++
	}
	for name, n := range spent {
		if name != "" && n > 3+most[name] || name == "" && n > most[name] {
			w.t.Errorf("a pass with nothing new asked %q %d times", name, n)
		}
	}
}

// verified counts the source against the warehouse: they must agree everywhere.
func (w *world) verified(from time.Time) {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	report, err := f.Verify(context.Background(), ferry.VerifyOptions{From: from})
	w.exits(ferry.ExitOK, err)
	equal := 0
	for _, sp := range report.Spans {
		if sp.State == ferry.SpanEqual {
			equal++
		} else {
			w.t.Errorf("%+v", sp)
		}
	}
	if equal == 0 {
		w.t.Error("nothing was compared")
	}
}

// Whatever way the Keywords AI API speaks, the dataset arrives whole.
func TestKeywordsAIDialects(t *testing.T) {
	t.Parallel()
	dialects := map[string]emulator.Dialect{
		"logs-the-oldest-document":      {},
		"the-recorded-live-run":         emulator.LiveDialect,
		"results-page-in-body":          {Shape: emulator.ShapeResults, PageFrom: emulator.InBody},
		"logs-page-in-query":            {Shape: emulator.ShapeLogs, PageFrom: emulator.InQuery},
		"page-anywhere":                 {Shape: emulator.ShapeResults, PageFrom: emulator.Anywhere},
		"page-nowhere":                  {PageFrom: emulator.Nowhere},
		"results-past-the-end-empty":    {Shape: emulator.ShapeResults, PastEnd: emulator.EmptyPage},
		"logs-past-the-end-404":         {Shape: emulator.ShapeLogs, PastEnd: emulator.InvalidPage},
		"array":                         {Shape: emulator.ShapeArray},
		"array-past-the-end-404":        {Shape: emulator.ShapeArray, PastEnd: emulator.InvalidPage},
		"conditions-in-a-list":          {Grammar: emulator.GrammarList},
		"conditions-in-a-bundle":        {Grammar: emulator.GrammarBundle},
		"other-grammar-refused":         {Grammar: emulator.GrammarList, OtherGrammar: emulator.Refused},
		"other-grammar-matches-nothing": {Grammar: emulator.GrammarList, OtherGrammar: emulator.MatchesNothing},
		"timestamp":                     {TimeField: "timestamp"},
		"timestamp-array-list":          {TimeField: "timestamp", Shape: emulator.ShapeArray, Grammar: emulator.GrammarList},
		"start_time":                    {TimeField: "start_time"},
		"start_time-results-refused":    {TimeField: "start_time", Shape: emulator.ShapeResults, OtherGrammar: emulator.Refused},
		"sorting-ignored":               {SortFrom: emulator.Nowhere},
		"sorting-ignored-array":         {SortFrom: emulator.Nowhere, Shape: emulator.ShapeArray},
		"slash-optional":                {SlashOptional: true},
	}
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	sets, more := map[string]*emulator.Stream{}, map[*emulator.Stream]int{}
	for id, dialect := range dialects {
		if dialect.TimeField == "" {
			dialect.TimeField = "created_at"
		}
		set := w.dataset(id)
		set.SetDialect(dialect)
		set.Insert(keywordsLogs(21, 350, now.Add(-400*day), now.Add(-time.Hour), id, dialect.TimeField)...)
		sets[id] = set
		if dialect.Shape == emulator.ShapeArray && dialect.SortFrom == emulator.Nowhere {
			more[set] = 2 // a second walk, and a filter that neither order nor total vouch for
		}
	}
	w.sync(ferry.ExitOK)
	for id, set := range sets {
		field := dialects[id].TimeField
		if field == "" {
			field = "created_at"
		}
		w.holdsExactly(set, field)
	}
	w.idle(more)
}

// Bounds that are strict or not, and a source that compares whole seconds:
// nothing is lost at the edges, and counting again finds no difference.
func TestP10BoundsAndPrecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw, w.cfg.Start = false, 2*day
	// The windows' ends fall among the logs.
	now := time.Now()
	from := now.Add(-15 * time.Minute).Truncate(time.Second)
	ticks := map[*emulator.Stream]time.Duration{}
	for _, low := range []emulator.Bound{emulator.Strict, emulator.Inclusive} {
		for _, top := range []emulator.Bound{emulator.Strict, emulator.Inclusive} {
			for _, precision := range []time.Duration{0, time.Second} {
				id := fmt.Sprintf("%s-%s-%s", low, top, precision)
				prod, set := w.gateway(id), w.dataset(id)
				prod.Insert(cloudflareLogs(31, 300, from, now)...)
				set.Insert(keywordsLogs(32, 300, from, now, id, "created_at")...)
				for _, stream := range []*emulator.Stream{prod, set} {
					stream.SetFaults(emulator.Faults{LowBound: low, TopBound: top, Precision: precision})
					ticks[stream] = max(precision, time.Millisecond)
				}
			}
		}
	}
	t.Logf("tried %d sources", len(ticks))
	w.sync(ferry.ExitOK)
	for stream, want := range ticks {
		w.holdsExactly(stream, "created_at")
		tick := time.Duration(query[int64](w, `
			select (dialect->>'tick')::bigint from logferry.stream_state join logferry.streams using (stream_id) where stream_name = $1`, stream.Name()))
		if tick != want {
			t.Errorf("%s: the tick is %s, want %s", stream.Name(), tick, want)
		}
	}
	w.verified(now.Add(-time.Hour))
	w.verified(now.Add(-13 * time.Minute)) // among the logs
}
