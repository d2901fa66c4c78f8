package load

import (
	"testing"
	"time"
)

// replay replays the first open case of a log as what can be read now.
func (f *feed) replay(id string, now Entry) (how string, err error) {
	f.t.Helper()
	cases, err := f.Cases(f.t.Context(), CaseFilter{})
	f.must(err)
	for _, c := range cases {
		if c.LogID == id {
			return f.replayCase(c, now)
		}
	}
	f.t.Fatalf("no open case of %s among %d", id, len(cases))
	return "", nil
}

func (f *feed) replayCase(c Case, now Entry) (how string, err error) {
	return f.Replay(f.t.Context(), f.run, c, now.Record, Keep{Raw: true, Payloads: true, Shape: "test"}, time.Millisecond, time.Hour)
}

// replays replays the first open case of a log, which becomes a row.
func (f *feed) replays(id string, now Entry) {
	f.t.Helper()
	if how, err := f.replay(id, now); err != nil || how != Replayed {
		f.t.Fatalf("replayed: %q, %v", how, err)
	}
}

// closed shows how the cases were closed, by number; open ones as -.
func (f *feed) closed() string {
	f.t.Helper()
	return f.one(`select string_agg(coalesce(resolution, '-'), ' ' order by quarantine_id) from logferry_private.quarantine where stream_id = $1::integer`, f.stream.ID)
}

// A case whose value Postgres refuses once more stays the one open case.
func TestReplayOfWhatIsRefusedAgain(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""))
	how, err := f.replay("a", refused("a", minute(1), ""))
	if how != "" || !RefusedValue(err) {
		t.Errorf("replayed: %q, %v", how, err)
	}
	if n := f.openCases(); n != 1 {
		t.Errorf("%d open cases, want the one", n)
	}
	if n := f.stored(Range{Low: minute(0), Top: minute(10)}); n != 1 {
		t.Errorf("%d logs are accounted for, the source counts 1", n)
	}
}

// What was read since, under whatever time, is newer than the case.
func TestReplayOfALogReadSince(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]Outcome{"met in covered time": attested, "met in doubtful time": {Status: "mismatch", Total: 7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFeed(t)
			w := f.begin(f.claim(0, 10))
			f.write(w, refused("a", minute(1), `"tokens_in":1`))
			f.finish(w, outcome)
			f.read(20, 30, entry("a", minute(21), `"tokens_in":2`))
			if how, err := f.replay("a", entry("a", minute(1), `"tokens_in":1`)); err != nil || how != Superseded {
				t.Errorf("replayed: %q, %v", how, err)
			}
			if got := f.one(`select string_agg(log_id || ' ' || input_tokens, ', ') from logferry.requests`); got != "a 2" {
				t.Errorf("the rows are %q, want the newer one alone", got)
			}
			if got := f.closed(); got != Superseded {
				t.Errorf("the case is closed as %s", got)
			}
		})
	}
}

// A replayed log is stored with all that the settings keep.
func TestReplayKeepsPayload(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	raw := doc("a", minute(1), `"request":"{\"messages\":[1]}","response":"hi"`)
	bad := decoded(raw, true)
	bad.Record.UserID = "x\x00"
	f.read(0, 10, bad)
	f.replays("a", decoded(raw, true))
	for _, table := range []string{"payloads", "raw_logs"} {
		if n := count(t, f.Store, `select count(*) from logferry_private.`+table); n != 1 {
			t.Errorf("%d rows in %s, want 1", n, table)
		}
	}
}

// Of a log that was edited while it could not be read, the latest document
// stands, in whatever order its cases are replayed.
func TestReplayOfTwoVersions(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		replay []int // cases, from the oldest
		rows   string
		closed string
	}{
		"the newer first": {[]int{1, 0}, "a@1 2", "superseded replayed"},
		"the older first": {[]int{0, 1}, "a@1 2", "superseded replayed"},
		"the older alone": {[]int{0}, "", "superseded -"},
		"the newer alone": {[]int{1}, "a@1 2", "superseded replayed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			f.read(0, 10, refused("a", minute(1), `"tokens_in":1`))
			f.read(0, 10, refused("a", minute(1), `"tokens_in":2`)) // usage was filled in later
			cases, err := f.Cases(t.Context(), CaseFilter{Stream: f.stream.Name})
			f.must(err)
			for _, i := range test.replay {
				_, err := f.replayCase(cases[i], tokens("a", 1, i+1))
				f.must(err)
			}
			if got := f.rows(); got != test.rows {
				t.Errorf("the rows are %q, want %q", got, test.rows)
			}
			if got := f.closed(); got != test.closed {
				t.Errorf("the cases are closed as %q, want %q", got, test.closed)
			}
		})
	}
}

// A case that is met again while it is about to be replayed is no newer one.
func TestReplayOfACaseMetMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""))
	cases, err := f.Cases(t.Context(), CaseFilter{})
	f.must(err)
	f.read(0, 10, refused("a", minute(1), ""))
	if how, err := f.replayCase(cases[0], tokens("a", 1, 1)); err != nil || how != Replayed {
		t.Errorf("replayed: %q, %v", how, err)
	}
	if got := f.rows(); got != "a@1 1" {
		t.Errorf("the rows are %q", got)
	}
}

// Of which log a case is may show only when it is replayed: a row of it that was
// read since is newer all the same.
func TestReplayOfACaseWithoutID(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	read := func(e Entry) {
		w := f.begin(f.claim(0, 10))
		f.write(w, e)
		f.finish(w, Outcome{Status: "mismatch", Total: 7})
	}
	read(decoded([]byte(`{"no":"id"}`), false)) // of log a, which this version can't tell
	read(tokens("a", 1, 2))                     // edited, and readable
	if how, err := f.replay("", tokens("a", 1, 1)); err != nil || how != Superseded {
		t.Errorf("replayed: %q, %v", how, err)
	}
	if got := f.rows(); got != "a@1 2" {
		t.Errorf("the rows are %q, want the newer one", got)
	}
}

// A log that its source lists no longer is not one that it lists once its case
// is replayed; one that it does list is.
func TestReplayOfWhatIsGone(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""), refused("b", minute(2), ""), tokens("c", 3, 1))
	f.read(0, 5, refused("b", minute(2), ""), tokens("c", 3, 1)) // "a" was deleted upstream
	f.replays("a", tokens("a", 1, 1))
	f.replays("b", tokens("b", 2, 1))
	if got := f.rows(); got != "a@1 1 missing; b@2 1; c@3 1" {
		t.Errorf("the rows are %q, want the first one missing", got)
	}
	if n := f.stored(Range{Low: minute(0), Top: minute(10)}); n != 2 {
		t.Errorf("stored %d, the source counts 2", n)
	}
}

// A log that was met in time and waited in quarantine did not come late.
func TestReplayIsNotLate(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""), refused("b", minute(2), ""), decoded([]byte(`{"no":"id"}`), false))
	late := func() string {
		return f.one(`select concat_ws(' ', coalesce(measured_logs, 0), coalesce(late_logs, 0), coalesce(lateness_max::text, '-')) from llm.freshness`)
	}
	f.replays("a", entry("a", minute(1), ""))
	f.replays("", entry("c", minute(3), ""))
	if got := late(); got != "0 0 -" {
		t.Errorf("once a and c were replayed: measured, late, max = %s", got)
	}
	f.read(0, 10, entry("a", minute(1), ""), entry("b", minute(2), ""), entry("c", minute(3), ""))
	if got := late(); got != "0 0 -" {
		t.Errorf("once b could be read: measured, late, max = %s", got)
	}
}
