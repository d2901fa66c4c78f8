package load

import (
	"errors"
	"testing"
	"time"
)

// What covers, and what the ledger keeps of each outcome.
func TestFinish(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		outcome  Outcome
		coverage string
		ledger   string // status, by, end, total, walks, requests, bytes, distinct, detail, retry
	}{
		"attested": {Outcome{Status: "attested", AttestedBy: "total", Total: 7, Walks: 2, Requests: 3, Bytes: 4, Distinct: 6}, "[0,10)", "attested,total,10,7,2,3,4,6,f"},
		"attested in part": {Outcome{Status: "attested", AttestedBy: "two_walks", To: minute(4), Total: -1, Walks: 2}, "[0,4)",
			"attested,two_walks,4,2,0,0,0,f"},
		"accepted": {Outcome{Status: "accepted", Detail: "by hand"}, "[0,10)", "accepted,10,0,0,0,0,0,by hand,f"},
		"mismatch": {Outcome{Status: "mismatch", Total: 7, Distinct: 6, Detail: "one short"}, "", "mismatch,10,7,0,0,0,6,one short,t"},
		"failed":   {Outcome{Status: "failed"}, "", "failed,10,0,0,0,0,0,f"},
		"expired":  {Outcome{Status: "expired"}, "", "expired,10,0,0,0,0,0,f"},
		"loaded":   {Outcome{Status: "loaded", Walks: 40000}, "", "loaded,10,0,32767,0,0,0,f"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			w := f.begin(f.claim(0, 10))
			f.write(w, tokens("a", 1, 1))
			f.finish(w, test.outcome)
			if got := f.coverage(); got != test.coverage {
				t.Errorf("covered %q, want %q", got, test.coverage)
			}
			got := f.one(`select concat_ws(',', status, attested_by, extract(epoch from window_end - $2::timestamptz)::integer / 60, source_total, walks, requests,
					bytes, distinct_rows, detail, retry_at > finished_at is true)
				from logferry.windows where window_id = $1::bigint and lease_until is null and finished_at is not null and inserted_rows = 1`, w.claim.ID, instant)
			if got != test.ledger {
				t.Errorf("ledger %s, want %s", got, test.ledger)
			}
			if err := f.Renew(t.Context(), []int64{w.claim.ID}, time.Minute); err != nil {
				t.Error(err)
			}
			if n := count(t, s, `select count(*) from logferry.windows where window_id = $1::bigint and lease_until is null`, w.claim.ID); n != 1 {
				t.Error("a finished window was renewed")
			}
		})
	}
}

// Coverage, ledger entry and marks commit together or not at all.
func TestFinishIsAllOrNothing(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, tokens("a", 1, 1))
	execSQL(t, f.Store, `create function no() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
	execSQL(t, f.Store, `create trigger no before update of coverage on logferry.stream_state execute function no()`)
	w := f.begin(f.claim(0, 20))
	if err := w.Finish(t.Context(), attested); err == nil {
		t.Fatal("finished without coverage")
	}
	if got := f.one(`select status || (select count(missing_upstream_at) from logferry.requests) from logferry.windows where window_id = $1::bigint`, w.claim.ID); got != "claimed0" {
		t.Errorf("%s, want the window still claimed and no row marked", got)
	}
	execSQL(t, f.Store, `drop trigger no on logferry.stream_state`)
	f.finish(w, attested)
	if got := f.one(`select status || (select count(missing_upstream_at) from logferry.requests) from logferry.windows where window_id = $1::bigint`, w.claim.ID); got != "attested1" || f.coverage() != "[0,20)" {
		t.Errorf("%s, covered %s", got, f.coverage())
	}
}

// The answer to a commit was lost: the same transaction is tried again, and
// finds its own work.
func TestFinishAgain(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	w := f.begin(f.claim(0, 20))
	f.finish(w, attested)
	f.finish(w, attested)
	if err := w.Finish(t.Context(), Outcome{Status: "mismatch"}); !errors.Is(err, ErrLost) {
		t.Errorf("finished otherwise: %v, want ErrLost", err)
	}
	split := f.begin(f.claim(20, 40))
	left, right, err := split.Split(t.Context(), minute(30), Outcome{})
	f.must(err)
	again, right2, err := split.Split(t.Context(), minute(30), Outcome{})
	if err != nil || again.ID != left.ID || right2.ID != right.ID {
		t.Errorf("split again: %+v and %+v, %v; want %d and %d", again, right2, err, left.ID, right.ID)
	}
}

// Only an attested reading whose head agrees marks what it did not meet, within
// what is proven and not below the source's oldest log; any attested reading
// clears what it met.
func TestMissingUpstream(t *testing.T) {
	t.Parallel()
	s := open(t)
	all := []Entry{tokens("a", 1, 1), tokens("b", 5, 1), tokens("c", 9, 1)}
	for name, test := range map[string]struct {
		outcome Outcome
		marked  string // of those three when only b is met
	}{
		"attested":            {Outcome{Status: "attested", Missing: true}, "a c"},
		"the head disagrees":  {Outcome{Status: "attested"}, ""},
		"mismatch":            {Outcome{Status: "mismatch", Missing: true}, ""},
		"accepted":            {Outcome{Status: "accepted", Missing: true}, ""},
		"below the oldest":    {Outcome{Status: "attested", Missing: true, Floor: minute(2)}, "c"},
		"the oldest itself":   {Outcome{Status: "attested", Missing: true, Floor: minute(1)}, "a c"},
		"beyond what settled": {Outcome{Status: "attested", Missing: true, To: minute(9)}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			f.read(0, 10, all...)
			w := f.begin(f.claim(0, 10))
			f.write(w, all[1])
			if n := w.Unseen(); n != 2 {
				t.Errorf("%d unseen, want 2", n)
			}
			f.finish(w, test.outcome)
			marked := func() string {
				return f.one(`select coalesce(string_agg(log_id, ' ' order by log_id) filter (where missing_upstream_at is not null), '')
					from logferry.requests where stream_id = $1::integer`, f.stream.ID)
			}
			if got := marked(); got != test.marked || w.Missing != int64(len(test.marked)+1)/2 {
				t.Errorf("marked %q, counted %d; want %q", got, w.Missing, test.marked)
			}
			since := f.one(`select coalesce(min(missing_upstream_at)::text, '') from logferry.requests where stream_id = $1::integer`, f.stream.ID)
			w = f.read(0, 10, all[1]) // still missing: marked once, when first missed
			if w.Missing != 2-int64(len(test.marked)+1)/2 {
				t.Errorf("missing again: %d", w.Missing)
			}
			if since != "" && since != f.one(`select min(missing_upstream_at)::text from logferry.requests where stream_id = $1::integer`, f.stream.ID) {
				t.Error("a row was marked again")
			}
			w = f.begin(f.claim(0, 10))
			f.write(w, all...)
			f.finish(w, Outcome{Status: "mismatch"})
			if got := marked(); got != "a c" {
				t.Errorf("a mismatch left %q marked, want what was", got)
			}
			if w := f.read(0, 10, all...); marked() != "" || w.Unchanged != 3 {
				t.Errorf("listed again, %q are marked, counts %+v", marked(), w.Counts)
			}
		})
	}
}

// A mismatch waits 15 minutes, twice as long after every earlier run that met
// one there, a day at most; what a run meets in the halves of a window is one.
func TestRetryAt(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	mismatch := func(from, to int) int {
		w := f.begin(f.claim(from, to))
		f.finish(w, Outcome{Status: "mismatch"})
		return count(t, f.Store, `select round(extract(epoch from retry_at - finished_at) / 60)::integer from logferry.windows where window_id = $1::bigint`, w.claim.ID)
	}
	for i, want := range []int{15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440} {
		first, second := 10, 20
		if i%2 == 1 {
			first = 20 // the whole at once
		}
		if a, b := mismatch(0, first), mismatch(first-5, second); a != want || b != want {
			t.Errorf("retry after %d and %d minutes, want %d", a, b, want)
		}
		f.run = f.newRun()
	}
	if got := mismatch(20, 30); got != 15 {
		t.Errorf("elsewhere, retry after %d minutes, want 15", got)
	}
}

// A split ends the parent and claims both halves in one transaction: nobody
// gets between.
func TestSplit(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.cover(0, 5)
	w := f.begin(f.claim(0, 20))
	f.write(w, tokens("a", 1, 1))
	if _, _, err := w.Split(t.Context(), minute(20), Outcome{}); err == nil {
		t.Error("split off nothing")
	}
	left, right, err := w.Split(t.Context(), minute(8), Outcome{Total: 3, Walks: 1, Detail: "a total that moves"})
	f.must(err)
	if got := inMinutes(left.Span, right.Span); got != "[0,8) [8,20)" || inMinutes(left.Known...) != "[0,5)" || left.Run != f.run {
		t.Errorf("halves %s, known %s", got, inMinutes(left.Known...))
	}
	if got := f.one(`select concat_ws(',', status, source_total, walks, inserted_rows, detail) from logferry.windows where window_id = $1::bigint`, w.claim.ID); got != "split,3,1,1,a total that moves" {
		t.Errorf("the parent's row says %s", got)
	}
	if turn := f.turn(f.want(0, 20)); turn.Claim != nil || !turn.Ours {
		t.Errorf("claimed %+v between the halves", turn)
	}
	f.finish(f.begin(left), attested)
	if got := f.coverage(); got != "[0,8)" {
		t.Errorf("covered %s", got)
	}
}
