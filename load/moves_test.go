package load

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// rows shows where each log is stored: id, minute, tokens, issues.
func (f *feed) rows() string {
	f.t.Helper()
	return f.one(`
		select coalesce(string_agg(concat_ws(' ', log_id || '@' || extract(epoch from created_at - $2::timestamptz)::integer / 60, input_tokens,
			nullif(array_to_string(array_remove(load_issues, 'no_model'), ' '), ''), case when missing_upstream_at is not null then 'missing' end),
			'; ' order by log_id, created_at), '')
		from logferry.requests where stream_id = $1::integer`, f.stream.ID, instant)
}

func tokens(id string, at, n int) Entry {
	return entry(id, minute(at), fmt.Sprintf(`"tokens_in":%d`, n))
}

// backdate gives all rows a first load that is recognised, and returns a check
// that a log still has it.
func (f *feed) backdate() (kept func(id string)) {
	f.t.Helper()
	execSQL(f.t, f.Store, `update logferry.requests set first_loaded_at = '2026-01-01Z' where stream_id = $1::integer`, f.stream.ID)
	return func(id string) {
		f.t.Helper()
		if n := count(f.t, f.Store, `select count(*) from logferry.requests where stream_id = $1::integer and log_id = $2::text and first_loaded_at = '2026-01-01Z'`, f.stream.ID, id); n != 1 {
			f.t.Errorf("%s was first loaded at another time", id)
		}
	}
}

// A log whose time the source changed: its row moves to the latest time.
func TestMoves(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		given []Entry // read in minutes 0 to 20, which are known from then on
		then  func(f *feed)
		want  string
	}{
		"after it was marked as missing, into a window that is new": {[]Entry{tokens("a", 1, 5)}, func(f *feed) {
			f.read(0, 20)
			f.read(20, 30, tokens("a", 21, 5))
			f.read(0, 20)
		}, "a@21 5 time_moved"},
		"inside a window": {[]Entry{tokens("a", 1, 5)}, func(f *feed) { f.read(0, 20, tokens("a", 2, 5)) }, "a@2 5 time_moved"},
		"into a known window that is read first": {[]Entry{tokens("a", 1, 5), tokens("b", 12, 1)}, func(f *feed) {
			w := f.read(10, 20, tokens("a", 11, 5), tokens("b", 12, 1))
			if want := (Counts{Changed: 1, Unchanged: 1}); w.Counts != want {
				f.t.Errorf("counts %+v, want %+v", w.Counts, want)
			}
		}, "a@11 5 time_moved; b@12 1"},
		"out of a window that is read first": {[]Entry{tokens("a", 1, 5)}, func(f *feed) {
			f.read(0, 10)                      // missed: marked, for it is nowhere else
			f.read(10, 20, tokens("a", 11, 6)) // and here it is
		}, "a@11 6 time_moved"},
		"into a window that is new": {[]Entry{tokens("a", 1, 5)}, func(f *feed) {
			f.read(20, 30, tokens("a", 21, 5)) // not looked up
			f.read(0, 20)                      // missed: stored elsewhere too
		}, "a@21 5 time_moved"},
		"backwards": {[]Entry{tokens("a", 11, 5)}, func(f *feed) {
			f.read(20, 30, tokens("a", 21, 5))
			f.read(0, 20, tokens("a", 1, 7)) // known as 11, served as 1, stored as 21 too
		}, "a@1 7 time_moved; a@21 5"},
		"and back again": {[]Entry{tokens("a", 1, 5)}, func(f *feed) {
			f.read(0, 20, tokens("a", 2, 5))
			f.read(0, 20, tokens("a", 1, 5))
		}, "a@1 5 time_moved"},
		"between chunks": {nil, func(f *feed) {
			w := f.begin(f.claim(0, 20))
			f.write(w, tokens("a", 1, 5))
			f.write(w, tokens("a", 2, 5))
			f.finish(w, attested)
		}, "a@2 5 time_moved"},
		"inside a chunk it is no move": {nil, func(f *feed) { f.read(0, 20, tokens("a", 1, 5), tokens("a", 2, 5)) }, "a@2 5"},
		"losing a value":               {[]Entry{tokens("a", 1, 5)}, func(f *feed) { f.read(0, 20, entry("a", minute(2), "")) }, "a@2 value_withdrawn time_moved"},
		"a mismatch moves what it met, nothing else": {[]Entry{tokens("a", 1, 5), tokens("b", 1, 1)}, func(f *feed) {
			f.read(20, 30, tokens("b", 21, 1))
			w := f.begin(f.claim(0, 20))
			f.write(w, tokens("a", 2, 5))
			f.finish(w, Outcome{Status: "mismatch"})
		}, "a@2 5 time_moved; b@1 1; b@21 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			f.read(0, 20, test.given...)
			test.then(f)
			if got := f.rows(); got != test.want {
				t.Errorf("stored %s\nwant   %s", got, test.want)
			}
		})
	}
}

// A moved row keeps when it was first loaded and is unchanged when it is read
// again; its payload is not left behind.
func TestMovedRowStays(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 20, tokens("a", 1, 5), tokens("b", 2, 5), tokens("c", 3, 5))
	execSQL(t, f.Store, `insert into logferry_private.payloads (stream_id, created_at, log_id) select stream_id, created_at, log_id from logferry.requests`)
	kept := f.backdate()
	f.read(20, 30, tokens("c", 23, 5))
	f.read(10, 20, tokens("b", 12, 5)) // looked up
	f.read(0, 10, tokens("a", 4, 5))   // known; c is missed
	want := "a@4 5 time_moved; b@12 5 time_moved; c@23 5 time_moved"
	if got := f.rows(); got != want {
		t.Fatalf("stored %s\nwant   %s", got, want)
	}
	for _, id := range []string{"a", "b", "c"} {
		kept(id)
	}
	if n := count(t, f.Store, `select count(*) from logferry_private.payloads`); n != 0 {
		t.Errorf("%d payloads were left behind", n)
	}
	w := f.read(0, 30, tokens("a", 4, 5), tokens("b", 12, 5), tokens("c", 23, 5))
	if want := (Counts{Unchanged: 3}); w.Counts != want {
		t.Errorf("read again: %+v, want %+v", w.Counts, want)
	}
	if got := f.rows(); got != want {
		t.Errorf("read again, stored %s", got)
	}
	var inserted int
	if inserted = count(t, f.Store, `select sum(inserted_rows) from logferry.windows`); inserted != 4 {
		t.Errorf("the ledger counts %d inserted, want 3 and the one that came twice", inserted)
	}
}

// A moved row keeps its first load also when another row of its chunk turns out
// to be stored already.
func TestMoveBesideUniqueViolation(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 20, tokens("a", 1, 5))
	kept := f.backdate()
	w := f.begin(f.claim(0, 20))
	execSQL(t, f.Store, `insert into logferry.requests (stream_id, created_at, log_id, run_id, outcome, cost_basis, content_hash)
		select stream_id, $1::timestamptz, 'b', run_id, outcome, cost_basis, content_hash from logferry.requests`, minute(2))
	f.write(w, tokens("a", 3, 5), tokens("b", 2, 6))
	f.finish(w, attested)
	if got := f.rows(); got != "a@3 5 time_moved; b@2 6" {
		t.Errorf("stored %s", got)
	}
	kept("a")
}

// Two windows miss a log at once that is stored in both: each finds it in the
// other. It must not go from both.
func TestMovesAtOnce(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, tokens("a", 1, 5))
	f.read(10, 20, tokens("a", 11, 5))
	var both [2]missed
	windows := [2]*Writing{f.begin(f.claim(0, 10)), f.begin(f.claim(10, 20))}
	for i, w := range windows {
		var err error
		both[i], err = w.missed(t.Context(), Outcome{Status: "attested", Missing: true, To: w.claim.To})
		f.must(err)
		if len(both[i].moved) != 1 {
			t.Fatalf("window %d found %+v", i, both[i])
		}
	}
	var finishing sync.WaitGroup
	for i, w := range windows {
		finishing.Go(func() {
			if err := f.tx(t.Context(), "settle", func(tx pgx.Tx) error { return w.settleMissed(t.Context(), tx, both[i]) }); err != nil {
				t.Error(err)
			}
		})
	}
	finishing.Wait()
	if n := count(t, f.Store, `select count(*) from logferry.requests`); n != 1 {
		t.Errorf("%d rows are left of the log, want one", n)
	}
}

// Ids new in time that nobody read before are not looked up: that would search
// the stream's whole index for every new log.
func TestNewTimeIsNotLookedUp(t *testing.T) {
	t.Parallel()
	f, notes := watched(t)
	f.read(0, 10, tokens("a", 1, 5))
	f.read(10, 20, tokens("b", 11, 5))
	if n := notes.containing("log_id = any"); n != 0 {
		t.Errorf("%d look-ups by id", n)
	}
	f.read(0, 20, tokens("a", 1, 5), tokens("b", 11, 5), tokens("c", 2, 5))
	if n := notes.containing("log_id = any"); n != 1 {
		t.Errorf("%d look-ups by id, want one for the log that is new in known time", n)
	}
}

// One id stored twice in a window, as after a move that nobody looked up: a
// reading that meets either row, or none, leaves exactly one.
func TestStoredTwiceInAWindow(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		met  []Entry
		want string
	}{
		"the later is met":   {[]Entry{tokens("a", 11, 6)}, "a@11 6 time_moved"},
		"the earlier is met": {[]Entry{tokens("a", 1, 5)}, "a@1 5 time_moved"},
		"a third is met":     {[]Entry{tokens("a", 2, 5)}, "a@2 5 time_moved"},
		"none is met":        {nil, "a@11 6 time_moved missing"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			f.read(0, 10, tokens("a", 1, 5))
			f.read(10, 20, tokens("a", 11, 6))
			kept := f.backdate()
			f.read(0, 20, test.met...)
			if got := f.rows(); got != test.want {
				t.Errorf("stored %q, want %q", got, test.want)
			}
			kept("a")
		})
	}
}

// A source adds, edits, moves and deletes logs at random while windows are read
// at random. Once everything has been read again, twice, each log that was ever
// read has exactly one row: where the source lists it, as it lists it, or marked.
func TestMovesAgainstAModel(t *testing.T) {
	t.Parallel()
	s := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := feedOn(t, s, fmt.Sprint("source ", models.Add(1)))
		type log struct{ at, tokens int }
		source, read := map[string]log{}, map[string]bool{}
		ids := []string{"a", "b", "c"}
		window := func(from, to int) {
			var listed []Entry
			for _, id := range ids {
				if l, there := source[id]; there && l.at >= from && l.at < to {
					listed = append(listed, tokens(id, l.at, l.tokens))
					read[id] = true
				}
			}
			f.read(from, to, listed...)
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			id := rapid.SampledFrom(ids).Draw(rt, "id")
			switch rapid.IntRange(0, 2).Draw(rt, "step") {
			case 0:
				source[id] = log{rapid.IntRange(0, 19).Draw(rt, "at"), rapid.IntRange(0, 2).Draw(rt, "tokens")}
			case 1:
				delete(source, id)
			case 2:
				from := rapid.SampledFrom([]int{0, 5, 10, 15}).Draw(rt, "from")
				window(from, rapid.SampledFrom([]int{from + 5, 20}).Draw(rt, "to"))
			}
		}
		for _, round := range []string{"first round", "second round"} { // the first may meet time that nobody read before
			for _, from := range rapid.Permutation([]int{0, 5, 10, 15}).Draw(rt, round) {
				window(from, from+5)
			}
		}
		var want []string
		for _, id := range ids {
			switch l, listed := source[id]; {
			case listed:
				want = append(want, fmt.Sprintf("%s@%d %d", id, l.at, l.tokens))
			case read[id]:
				want = append(want, id+" missing")
			}
		}
		got := f.stands()
		if !slices.Equal(got, want) {
			rt.Fatalf("stored %q, want %q", got, want)
		}
	})
}

// stands is rows without issues, and without time and tokens of what is missing.
func (f *feed) stands() []string {
	f.t.Helper()
	var lines []string
	f.must(f.pool.QueryRow(f.t.Context(), `
		select array_agg(case when missing_upstream_at is not null then log_id || ' missing' else
			concat_ws(' ', log_id || '@' || extract(epoch from created_at - $2::timestamptz)::integer / 60, input_tokens) end order by log_id, created_at)
		from logferry.requests where stream_id = $1::integer`, f.stream.ID, instant).Scan(&lines))
	return lines
}
