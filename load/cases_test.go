package load

import (
	"errors"
	"testing"
	"time"
)

// refused is a log that Postgres refuses to store.
func refused(id string, at time.Time, members string) Entry {
	e := entry(id, at, members)
	e.Record.UserID = "x\x00"
	return e
}

// replay replays the only case of a log as what can be read now.
func (f *feed) replay(id string, now Entry) (done bool, err error) {
	f.t.Helper()
	cases, err := f.Cases(f.t.Context(), CaseFilter{})
	f.must(err)
	for _, c := range cases {
		if c.LogID == id {
			return f.Replay(f.t.Context(), f.run, c, now.Record, Keep{Raw: true, Payloads: true, Shape: "test"}, time.Millisecond, time.Hour)
		}
	}
	f.t.Fatalf("no open case of %s among %d", id, len(cases))
	return false, nil
}

// A case whose value Postgres refuses once more stays the one open case.
func TestReplayOfWhatIsRefusedAgain(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""))
	done, err := f.replay("a", refused("a", minute(1), ""))
	if done || !RefusedValue(err) {
		t.Errorf("replayed: %t, %v", done, err)
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
			_, err := f.replay("a", entry("a", minute(1), `"tokens_in":1`))
			f.must(err)
			if got := f.one(`select string_agg(log_id || ' ' || input_tokens, ', ') from logferry.requests`); got != "a 2" {
				t.Errorf("the rows are %q, want the newer one alone", got)
			}
			if n := f.openCases(); n != 0 {
				t.Errorf("%d open cases of a log that is a row", n)
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
	if done, err := f.replay("a", decoded(raw, true)); err != nil || !done {
		t.Fatalf("replayed: %t, %v", done, err)
	}
	for _, table := range []string{"payloads", "raw_logs"} {
		if n := count(t, f.Store, `select count(*) from logferry_private.`+table); n != 1 {
			t.Errorf("%d rows in %s, want 1", n, table)
		}
	}
}

// A disabled or forgotten stream is somebody's wish, no failure.
func TestStreamsThatAreGone(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""))
	_, err := f.SetEnabled(t.Context(), f.stream.Name, false)
	f.must(err)
	if _, err := f.replay("a", entry("a", minute(1), "")); !errors.Is(err, ErrLost) {
		t.Errorf("replay in a disabled stream: %v, want ErrLost", err)
	}
	_, err = f.Forget(t.Context(), f.stream.Name)
	f.must(err)
	if _, _, err := f.CoverageEnd(t.Context(), f.stream.ID); !errors.Is(err, ErrLost) {
		t.Errorf("coverage of a forgotten stream: %v, want ErrLost", err)
	}
	if err := f.SaveHead(t.Context(), f.stream.ID, []byte("{}")); !errors.Is(err, ErrLost) {
		t.Errorf("the head of a forgotten stream: %v, want ErrLost", err)
	}
}
