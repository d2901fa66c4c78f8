package load

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// New rows go by COPY, changed ones by upsert, unchanged ones nowhere.
func TestDiffThenWrite(t *testing.T) {
	t.Parallel()
	f, notes := watched(t)
	a, b, c := entry("a", minute(1), ""), entry("b", minute(2), `"tokens_in":5`), entry("c", minute(3), "")
	w := f.begin(f.claim(0, 10))
	f.write(w, a, b)
	if copies, upserts := notes.containing("copy"), notes.containing("on conflict (stream_id, created_at, log_id) do update"); copies != 1 || upserts != 0 {
		t.Errorf("new rows went by %d COPYs and %d upserts", copies, upserts)
	}
	f.finish(w, attested)
	versions := func() string {
		return f.one(`select string_agg(concat_ws(' ', log_id, xmin, input_tokens, first_loaded_at), '; ' order by log_id) from logferry.requests where log_id < 'c'`)
	}
	before, sentBefore := versions(), len(notes.statements)

	// Read again, by another process: nothing is sent.
	w = f.begin(f.claim(0, 10))
	reads := len(notes.statements)
	f.write(w, b, a)
	f.write(w, a, b, a)
	if sent := notes.statements[reads:]; len(sent) > 0 {
		t.Errorf("unchanged rows were answered by %q", sent)
	}
	if reads == sentBefore {
		t.Error("the statements are not noted")
	}
	f.finish(w, attested)
	if after := versions(); after != before {
		t.Errorf("unchanged rows were touched:\n%s\n%s", before, after)
	}
	if want := (Counts{Unchanged: 2}); w.Counts != want {
		t.Errorf("counts %+v, want %+v", w.Counts, want)
	}

	// One changed, one new: the other keeps its row version.
	const firstLoaded = `select first_loaded_at::text from logferry.requests where log_id = 'b'`
	born := f.one(firstLoaded)
	f.run = f.newRun()
	w = f.read(0, 10, a, entry("b", minute(2), `"tokens_in":6`), c)
	if want := (Counts{Inserted: 1, Changed: 1, Unchanged: 1}); w.Counts != want {
		t.Errorf("counts %+v, want %+v", w.Counts, want)
	}
	if got, want := strings.Split(versions(), ";")[0], strings.Split(before, ";")[0]; got != want {
		t.Errorf("the unchanged row became %q, was %q", got, want)
	}
	if n := count(t, f.Store, `select count(*) from logferry.requests where log_id = 'b' and input_tokens = 6 and run_id = $1::bigint
		and loaded_at > first_loaded_at`, f.run); n != 1 {
		t.Error("the changed row is not as read")
	}
	if now := f.one(firstLoaded); now != born {
		t.Errorf("first loaded %s, was %s", now, born)
	}
	if upserts := notes.containing("on conflict (stream_id, created_at, log_id) do update"); upserts != 1 {
		t.Errorf("%d rows were upserted, want the changed one", upserts)
	}
}

// Of entries that repeat the latest wins, in a chunk and over chunks; a log
// counts once, whatever happened to it.
func TestRepeatedEntries(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	tokens := func(n int) Entry { return entry("a", minute(1), fmt.Sprintf(`"tokens_in":%d`, n)) }
	w := f.begin(f.claim(0, 10))
	for _, step := range []struct {
		entries []Entry
		stored  int
		want    Counts
	}{
		{[]Entry{tokens(1), tokens(2)}, 2, Counts{Inserted: 1}},
		{[]Entry{tokens(3)}, 3, Counts{Inserted: 1}},
		{[]Entry{tokens(3), tokens(3)}, 3, Counts{Inserted: 1}},
		{[]Entry{entry("b", minute(2), ""), entry("b", minute(2), "")}, 3, Counts{Inserted: 2}},
	} {
		f.write(w, step.entries...)
		if got := count(t, f.Store, `select input_tokens from logferry.requests where log_id = 'a'`); got != step.stored || w.Counts != step.want {
			t.Errorf("stored %d, counts %+v; want %d, %+v", got, w.Counts, step.stored, step.want)
		}
	}
	f.finish(w, attested)

	w = f.begin(f.claim(0, 10))
	f.write(w, tokens(3))
	f.write(w, tokens(4)) // changed after it was met unchanged: changed
	f.write(w, tokens(4))
	f.finish(w, attested)
	if want := (Counts{Changed: 1, Missing: 1}); w.Counts != want {
		t.Errorf("counts %+v, want %+v", w.Counts, want)
	}
	if got := f.one(`select concat_ws(' ', inserted_rows, changed_rows, unchanged_rows, quarantined_rows, missing_upstream_rows)
		from logferry.windows where window_id = $1::bigint`, w.claim.ID); got != "0 1 0 0 1" {
		t.Errorf("the ledger says %s", got)
	}
}

// A chunk holds at most 5,000 rows and 4 MiB, whatever Write is given; the sums
// in the ledger are those of the whole window at every commit.
func TestChunks(t *testing.T) {
	t.Parallel()
	f, notes := watched(t)
	var many []Entry
	for n := range MaxChunkRows + 1 {
		many = append(many, entry(fmt.Sprintf("log %05d", n), minute(1).Add(time.Duration(n)*time.Millisecond), ""))
	}
	w := f.begin(f.claim(0, 10))
	f.write(w, many...)
	if n := notes.containing("copy"); n != 2 || w.Inserted != MaxChunkRows+1 {
		t.Errorf("%d rows went in %d chunks", w.Inserted, n)
	}
	if n := count(t, f.Store, `select inserted_rows from logferry.windows where window_id = $1::bigint`, w.claim.ID); n != MaxChunkRows+1 {
		t.Errorf("while it is claimed the ledger says %d", n)
	}
	wide := f.begin(f.claim(10, 20))
	large := fmt.Sprintf(`"metadata":{"a":%q}`, strings.Repeat("x", MaxChunkBytes/6))
	for n := range 4 {
		many[n] = entry(fmt.Sprint(n), minute(11), large) // a third of a chunk each, metadata and raw document
	}
	before := notes.containing("copy")
	f.write(wide, many[:4]...)
	if n := notes.containing("copy") - before; n != 2 {
		t.Errorf("five thirds of %d bytes went in %d chunks, want 2", MaxChunkBytes, n)
	}
}

// Once somebody ended the claim, nothing more is written for it.
func TestFence(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	w := f.begin(f.claim(0, 10))
	f.write(w, entry("a", minute(1), ""))
	f.lapse(w.claim)
	other := f.want(0, 10)
	other.Run = f.newRun()
	mine := f.turn(other).Claim
	bad := decoded([]byte(`{"id":"bad"}`), false)
	for name, err := range map[string]error{
		"write":            w.Write(t.Context(), []Entry{entry("a", minute(1), `"tokens_in":1`), entry("b", minute(2), ""), bad}),
		"write again":      w.Write(t.Context(), []Entry{entry("b", minute(2), "")}),
		"finish":           w.Finish(t.Context(), attested),
		"finish otherwise": w.Finish(t.Context(), Outcome{Status: "mismatch"}),
		"narrow":           f.Narrow(t.Context(), w.claim, minute(5)),
	} {
		if !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v, want ErrLost", name, err)
		}
	}
	if got := f.one(`select concat_ws(' ', (select string_agg(log_id || coalesce(input_tokens, 0), ' ') from logferry.requests),
		(select count(*) from logferry_private.raw_logs), (select count(*) from logferry_private.quarantine))`); got != "a0 1 0" {
		t.Errorf("stored are %q, want what was written before the claim was lost", got)
	}
	if got := f.coverage(); got != "" {
		t.Errorf("covered %s", got)
	}
	f.finish(f.begin(mine), attested)
}

// Another writer stored the same key after the window was begun: the chunk ends
// as an upsert.
func TestUniqueViolation(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	w := f.begin(f.claim(0, 10))
	execSQL(t, f.Store, `select logferry.ensure_partitions($1::timestamptz, $1::timestamptz + interval '1 s')`, instant)
	execSQL(t, f.Store, `insert into logferry.requests (stream_id, created_at, log_id, run_id, outcome, cost_basis, content_hash, first_loaded_at)
		values ($1::integer, $2::timestamptz, 'b', $3::bigint, 'success', 'unpriced', '\x00112233445566778899aabbccddeeff', '2026-01-01Z')`,
		f.stream.ID, minute(2), f.run)
	f.write(w, entry("a", minute(1), ""), entry("b", minute(2), `"tokens_in":7`), entry("c", minute(3), ""))
	f.finish(w, attested)
	if got := f.one(`select string_agg(log_id || coalesce(input_tokens, 0), ' ' order by log_id) from logferry.requests`); got != "a0 b7 c0" {
		t.Errorf("stored are %s", got)
	}
	if n := count(t, f.Store, `select count(*) from logferry.requests where log_id = 'b' and first_loaded_at = '2026-01-01Z'`); n != 1 {
		t.Error("the row's first load was forgotten")
	}
	if w := f.read(0, 10, entry("b", minute(2), `"tokens_in":7`)); w.Unchanged != 1 {
		t.Errorf("read again: %+v", w.Counts)
	}
}

// The answer to a chunk's commit was lost, so it is sent again: rows, issues and
// sums are as if it had been sent once.
func TestUnknownCommit(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, tokens("changed", 1, 1), tokens("moved", 2, 1))
	w := f.begin(f.claim(0, 10))
	entries := []Entry{entry("changed", minute(1), ""), tokens("moved", 3, 2), tokens("new", 4, 1)}
	c, err := w.diff(t.Context(), entries)
	f.must(err)
	f.must(f.tx(t.Context(), "commit", func(tx pgx.Tx) error { return w.commitChunk(t.Context(), tx, c) }))
	f.write(w, entries...)
	f.finish(w, attested)
	if got := f.rows(); got != "changed@1 value_withdrawn; moved@3 2 time_moved; new@4 1" {
		t.Errorf("stored %s", got)
	}
	if want := (Counts{Inserted: 1, Changed: 2}); w.Counts != want {
		t.Errorf("counts %+v, want %+v", w.Counts, want)
	}
	if got := f.one(`select concat_ws(' ', inserted_rows, changed_rows, unchanged_rows) from logferry.windows where window_id = $1::bigint`, w.claim.ID); got != "1 2 0" {
		t.Errorf("the ledger says %s", got)
	}
}

// The same entries, in any order and any chunks, end as the same rows.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, random := seeded(t)
	var want string
	for i := range 4 {
		f := feedOn(t, s, fmt.Sprint("order ", i))
		var entries []Entry
		for n := range 60 {
			entries = append(entries, entry(fmt.Sprint(n%40), minute(n%40), fmt.Sprintf(`"tokens_in":%d`, n%40)))
		}
		random.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
		w := f.begin(f.claim(0, 60))
		for len(entries) > 0 {
			n := 1 + random.IntN(len(entries))
			f.write(w, entries[:n]...)
			entries = entries[n:]
		}
		f.finish(w, attested)
		got := f.one(`select md5(string_agg(concat_ws(' ', log_id, created_at, input_tokens, encode(content_hash, 'hex')), '; ' order by log_id))
			from logferry.requests where stream_id = $1::integer`, f.stream.ID)
		if want == "" {
			want = got
		}
		if diff := cmp.Diff(Counts{Inserted: 40}, w.Counts); got != want || diff != "" {
			t.Errorf("another table than before, or other counts (-want +got):\n%s", diff)
		}
	}
}
