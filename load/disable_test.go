package load

import (
	"errors"
	"sync"
	"testing"
)

// A stream is disabled while windows finish. The two take their locks in
// opposite order, so Postgres ends one of them now and then; it is tried again,
// and the window is either attested and covered, or failed and neither.
func TestDisableWhileFinishing(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	// Ending a ledger row takes long enough for the other to lock the stream.
	execSQL(t, f.Store, `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); return new; end $$`)
	execSQL(t, f.Store, `create trigger slow after update on logferry.windows for each row when (new.status = 'attested') execute function slow()`)
	var spans []Span
	for round := range 2 {
		w := f.begin(f.claim(round*10, round*10+10))
		var both sync.WaitGroup
		var finished, disabled error
		both.Go(func() { finished = w.Finish(t.Context(), attested) })
		both.Go(func() {
			waitFor(t, f.Store, `select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`)
			_, disabled = f.SetEnabled(t.Context(), f.stream.Name, false)
		})
		both.Wait()
		status := f.one(`select status from logferry.windows where window_id = $1::bigint`, w.claim.ID)
		switch {
		case disabled != nil:
			t.Errorf("disabling: %v", disabled)
		case finished == nil && status == "attested":
			spans = append(spans, w.claim.Span)
		case !errors.Is(finished, ErrLost) || status != "failed":
			t.Errorf("finished with %v, but the window is %s", finished, status)
		}
		_, err := f.SetEnabled(t.Context(), f.stream.Name, true)
		f.must(err)
	}
	if got, want := f.coverage(), inMinutes(joined(spans)...); got != want {
		t.Errorf("covered %s, attested %s", got, want)
	}
	waitFor(t, f.Store, `select deadlocks from pg_stat_database where datname = current_database()`)
}

// joined merges spans that touch; they are in order.
func joined(spans []Span) (out []Span) {
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].To.Equal(s.From) {
			out[n-1].To = s.To
		} else {
			out = append(out, s)
		}
	}
	return out
}
