package ferry_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// keywordsEqual checks that the warehouse holds exactly what the dataset serves.
func (w *world) keywordsEqual(set *emulator.Stream, timeField string) {
	w.t.Helper()
	w.same(w.served(set, timeField, "ds1", time.Time{}, farAhead), w.rows(set))
}

// idle runs a pass that must write nothing, and cost so many requests at most,
// discovery included.
func (w *world) idle(most int) {
	w.t.Helper()
	w.emu.ForgetRequests()
	sum := w.sync(ferry.ExitOK)
	if sum.Inserted+sum.Changed+sum.Missing != 0 || sum.Unfinished != 0 || sum.Doubtful != 0 {
		w.t.Errorf("a pass with nothing new: %+v", sum)
	}
	if n := w.emu.CountRequests(nil); n > most {
		w.t.Errorf("a pass with nothing new cost %d requests, want at most %d", n, most)
	}
}

// onePass is discovery, and for one stream the head, the settled span and the
// recheck.
const onePass = 1 + 3

// verified counts the source against the warehouse: they must agree everywhere.
func (w *world) verified(from time.Time) {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	report, err := f.Verify(context.Background(), ferry.VerifyOptions{From: from})
	w.exits(ferry.ExitOK, err)
	equal := 0
	for _, sp := range report.Spans {
		switch sp.State {
		case ferry.SpanEqual:
			equal++
		case ferry.SpanUncovered: // what has settled since the last pass
		default:
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
	cases := map[string]emulator.Dialect{
		"logs, the oldest document":           {},
		"the recorded live run":               emulator.LiveDialect,
		"results, page in the body":           {Shape: emulator.ShapeResults, PageFrom: emulator.InBody},
		"logs, page in the query":             {Shape: emulator.ShapeLogs, PageFrom: emulator.InQuery},
		"page anywhere":                       {Shape: emulator.ShapeResults, PageFrom: emulator.Anywhere},
		"results, past the end empty":         {Shape: emulator.ShapeResults, PastEnd: emulator.EmptyPage},
		"logs, past the end 404":              {Shape: emulator.ShapeLogs, PastEnd: emulator.InvalidPage},
		"an array":                            {Shape: emulator.ShapeArray},
		"an array, past the end 404":          {Shape: emulator.ShapeArray, PastEnd: emulator.InvalidPage},
		"conditions in a list":                {Grammar: emulator.GrammarList},
		"conditions in a bundle":              {Grammar: emulator.GrammarBundle},
		"another grammar is refused":          {Grammar: emulator.GrammarList, OtherGrammar: emulator.Refused},
		"another grammar matches nothing":     {Grammar: emulator.GrammarList, OtherGrammar: emulator.MatchesNothing},
		"timestamp":                           {TimeField: "timestamp"},
		"timestamp, an array in a list":       {TimeField: "timestamp", Shape: emulator.ShapeArray, Grammar: emulator.GrammarList},
		"start_time":                          {TimeField: "start_time"},
		"start_time, results, others refused": {TimeField: "start_time", Shape: emulator.ShapeResults, OtherGrammar: emulator.Refused},
		"sorting ignored":                     {SortFrom: emulator.Nowhere},
		"sorting ignored, an array":           {SortFrom: emulator.Nowhere, Shape: emulator.ShapeArray},
		"slash optional":                      {SlashOptional: true},
	}
	for name, dialect := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			set := w.dataset("ds1")
			set.SetDialect(dialect)
			field := dialect.TimeField
			if field == "" {
				field = "created_at"
			}
			now := time.Now()
			set.Insert(keywordsLogs(21, 350, now.Add(-400*day), now.Add(-time.Hour), "ds1", field)...)
			w.sync(ferry.ExitOK)
			w.keywordsEqual(set, field)
			most := onePass
			if dialect.Shape == emulator.ShapeArray && dialect.SortFrom == emulator.Nowhere {
				most = 9 // without order or total the list agrees with nothing: the filter is proven again
			}
			w.idle(most)
		})
	}
}

// Bounds that are strict or not, and a source that compares whole seconds:
// nothing is lost at the edges, and counting again finds no difference.
func TestBoundsAndPrecision(t *testing.T) {
	t.Parallel()
	both := []emulator.Bound{emulator.Strict, emulator.Inclusive}
	for _, source := range []string{"cloudflare", "keywordsai"} {
		for _, low := range both {
			for _, top := range both {
				for _, precision := range []time.Duration{0, time.Second} {
					if precision == 0 && low != top {
						continue // each bound by itself is proven alike
					}
					t.Run(fmt.Sprintf("%s, low %s, top %s, precision %s", source, low, top, precision), func(t *testing.T) {
						t.Parallel()
						testBounds(t, source, emulator.Faults{LowBound: low, TopBound: top, Precision: precision})
					})
				}
			}
		}
	}
}

func testBounds(t *testing.T, source string, faults emulator.Faults) {
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw, w.cfg.Start = false, 2*day
	// The windows' ends fall among the logs.
	now := time.Now()
	from := now.Add(-15 * time.Minute).Truncate(time.Second)
	var stream *emulator.Stream
	if source == "cloudflare" {
		stream = w.gateway("prod")
		stream.Insert(cloudflareLogs(31, 400, from, now)...)
	} else {
		stream = w.dataset("ds1")
		stream.Insert(keywordsLogs(31, 400, from, now, "ds1", "created_at")...)
	}
	stream.SetFaults(faults)
	w.sync(ferry.ExitOK)
	if source == "cloudflare" {
		w.equal(stream)
	} else {
		w.keywordsEqual(stream, "created_at")
	}
	tick := time.Duration(query[int64](w, `select (dialect->>'tick')::bigint from logferry.stream_state`))
	if want := max(faults.Precision, time.Millisecond); tick != want {
		t.Errorf("the tick is %s, want %s", tick, want)
	}
	w.verified(now.Add(-time.Hour))
	w.verified(now.Add(-13 * time.Minute)) // among the logs
}
