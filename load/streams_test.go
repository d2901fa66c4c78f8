package load

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/transform"
)

func gateway(name string, startsAt time.Time) StreamRow {
	return StreamRow{Source: transform.SourceCloudflare, Account: "acc", Container: name, Name: "cloudflare/acc/" + name, StartsAt: startsAt}
}

func TestRegister(t *testing.T) {
	s, ctx := open(t), t.Context()
	set := StreamRow{Source: transform.SourceKeywordsAI, Container: "d1", Name: "keywordsai/d1", StartsAt: instant.Add(-time.Hour)}
	got, err := s.Register(ctx, []StreamRow{gateway("zeta", instant), set})
	must(t, err)
	want := []Stream{
		{ID: 1, Source: transform.SourceCloudflare, Account: "acc", Container: "zeta", Name: "cloudflare/acc/zeta", Enabled: true, StartsAt: instant},
		{ID: 2, Source: transform.SourceKeywordsAI, Container: "d1", Name: "keywordsai/d1", Enabled: true, StartsAt: instant.Add(-time.Hour)},
	}
	for i := range want {
		want[i].UserIDKeys = []string{"user_id", "user", "userId", "customer_identifier"}
		want[i].ConversationIDKeys = []string{"conversation_id", "session_id", "sessionId", "thread_id", "thread_identifier"}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("registered (-want +got):\n%s", diff)
	}

	// Known again, in another order, with another start: nothing is written.
	rows := `select count(*) from (select xmin::text from logferry.streams union all select xmin::text from logferry.stream_state) x
		where xmin = any($1::text[])`
	var written []string
	must(t, s.pool.QueryRow(ctx, `select array_agg(x) from (select xmin::text as x from logferry.streams union all select xmin::text from logferry.stream_state) v`).Scan(&written))
	again := []StreamRow{set, gateway("zeta", instant.AddDate(-1, 0, 0))}
	got, err = s.Register(ctx, again)
	must(t, err)
	if diff := cmp.Diff([]Stream{want[1], want[0]}, got); diff != "" {
		t.Errorf("registered again (-want +got):\n%s", diff)
	}
	if n := count(t, s, rows, written); n != 4 {
		t.Error("rows were written although all streams are known")
	}
}

func TestGoneStreamIsBackWhenListed(t *testing.T) {
	s, ctx := open(t), t.Context()
	st := register1(t, s, "zeta")
	must(t, s.SetGone(ctx, st.ID, true))
	all, err := s.Streams(ctx)
	must(t, err)
	if len(all) != 1 || !all[0].Gone {
		t.Fatalf("streams %+v, want one that is gone", all)
	}
	if back := register1(t, s, "zeta"); back.Gone || back.ID != st.ID {
		t.Errorf("listed again: %+v", back)
	}
}

// A forgotten stream keeps its number; its start is set anew.
func TestForgottenStreamComesBack(t *testing.T) {
	s, ctx := open(t), t.Context()
	register1(t, s, "alpha")
	st := register1(t, s, "zeta")
	execSQL(t, s, `delete from logferry.stream_state where stream_id = $1::integer`, st.ID)
	if all, err := s.Streams(ctx); err != nil || len(all) != 1 {
		t.Errorf("streams %+v, %v; want only alpha", all, err)
	}
	back, err := s.Register(ctx, []StreamRow{gateway("zeta", instant.Add(time.Minute))})
	must(t, err)
	if back[0].ID != st.ID || !back[0].StartsAt.Equal(instant.Add(time.Minute)) {
		t.Errorf("back as %+v", back[0])
	}
}

// Two processes meet overlapping lists at once: every stream has one number.
func TestRegisterAtOnce(t *testing.T) {
	one := open(t)
	two := connect(t, one)
	var workers sync.WaitGroup
	for i := range 6 {
		workers.Go(func() {
			var listed []StreamRow
			for n := range 8 {
				listed = append(listed, gateway(fmt.Sprintf("g%d", i+n), instant.Add(time.Duration(i)*time.Hour)))
			}
			got, err := []*Store{one, two}[i%2].Register(t.Context(), listed)
			if err != nil {
				t.Error(err)
				return
			}
			for n, st := range got {
				if st.Container != listed[n].Container || st.ID == 0 {
					t.Errorf("asked for %s, got %+v", listed[n].Container, st)
				}
			}
		})
	}
	workers.Wait()
	all, err := one.Streams(t.Context())
	must(t, err)
	var ids []int32
	for _, st := range all {
		ids = append(ids, st.ID)
	}
	slices.Sort(ids)
	if want := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}; !slices.Equal(ids, want) {
		t.Errorf("numbers %v, want %v", ids, want)
	}
}

func TestDisableFailsLiveClaims(t *testing.T) {
	s, ctx := open(t), t.Context()
	st, other := register1(t, s, "zeta"), register1(t, s, "alpha")
	run, err := s.StartRun(ctx, Run{Command: "sync"})
	must(t, err)
	claim, done, foreign := plantWindow(t, s, st.ID, run, 0, "claimed"), plantWindow(t, s, st.ID, run, 1, "attested"), plantWindow(t, s, other.ID, run, 0, "claimed")
	found, err := s.SetEnabled(ctx, st.Name, false)
	if err != nil || !found {
		t.Fatalf("found %t, %v", found, err)
	}
	for id, want := range map[int64]string{claim: "failed", done: "attested", foreign: "claimed"} {
		if n := count(t, s, `select count(*) from logferry.windows where window_id = $1::bigint and status = $2::text`, id, want); n != 1 {
			t.Errorf("window %d is not %s", id, want)
		}
	}
	if n := count(t, s, `select count(*) from logferry.windows where window_id = $1::bigint
		and detail = 'stream disabled' and lease_until is null and finished_at is not null`, claim); n != 1 {
		t.Error("the failed claim does not say why")
	}
	if again := register1(t, s, "zeta"); again.Enabled {
		t.Error("listing a disabled stream enabled it")
	}
	if found, err := s.SetEnabled(ctx, st.Name, true); err != nil || !found || !register1(t, s, "zeta").Enabled {
		t.Errorf("enabling: found %t, %v", found, err)
	}
	if found, err := s.SetEnabled(ctx, "cloudflare/acc/none", false); err != nil || found {
		t.Errorf("a stream that is not there: found %t, %v", found, err)
	}
}

func TestSavedState(t *testing.T) {
	s, ctx := open(t), t.Context()
	st, outside := register1(t, s, "zeta"), int64(12)
	must(t, s.SaveDialect(ctx, st.ID, []byte(`{"filter": "filters", "tick": 1000000}`)))
	must(t, s.SaveHead(ctx, st.ID, []byte(`{"total": 3}`)))
	must(t, s.SaveOldest(ctx, st.ID, &instant))
	must(t, s.SaveOutside(ctx, st.ID, &outside))
	got := register1(t, s, "zeta")
	var dialect struct{ Filter string }
	if err := json.Unmarshal(got.Dialect, &dialect); err != nil || dialect.Filter != "filters" {
		t.Errorf("dialect %s, %v", got.Dialect, err)
	}
	if string(got.Head) != `{"total": 3}` || got.SourceOldest == nil || !got.SourceOldest.Equal(instant) {
		t.Errorf("head %s, oldest %v", got.Head, got.SourceOldest)
	}
	if n := count(t, s, `select outside_rows from logferry.stream_state`); n != 12 {
		t.Errorf("outside %d, want 12", n)
	}
	must(t, s.SaveDialect(ctx, st.ID, nil))
	must(t, s.SaveOldest(ctx, st.ID, nil))
	must(t, s.SaveOutside(ctx, st.ID, nil))
	if got := register1(t, s, "zeta"); got.Dialect != nil || got.SourceOldest != nil {
		t.Errorf("taken back, but dialect %s, oldest %v", got.Dialect, got.SourceOldest)
	}
	if err := s.SaveHead(ctx, 99, nil); err == nil {
		t.Error("saved the head of a stream that is not registered")
	}
}

// register1 registers one gateway.
func register1(t *testing.T, s *Store, name string) Stream {
	t.Helper()
	got, err := s.Register(t.Context(), []StreamRow{gateway(name, instant)})
	must(t, err)
	return got[0]
}

// plantWindow enters the ledger row of an hour after instant.
func plantWindow(t *testing.T, s *Store, stream int32, run int64, hour int, status string) (id int64) {
	t.Helper()
	must(t, s.pool.QueryRow(t.Context(), `
		insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, lease_until, finished_at, inserted_rows)
		values ($1::integer, $2::bigint, 'sync', $3::timestamptz, $3::timestamptz + interval '1 hour', $4::text,
			case when $4::text = 'claimed' then clock_timestamp() + interval '15 s' end,
			case when $4::text <> 'claimed' then clock_timestamp() end, 5)
		returning window_id`, stream, run, instant.Add(time.Duration(hour)*time.Hour), status).Scan(&id))
	return id
}
