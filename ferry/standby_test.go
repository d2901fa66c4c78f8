//go:build standby

// These tests take a server and its standby each, so they are run only when they
// are asked for: make standby.

package ferry_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/internal/pgtemp"
	"logferry/migrations"
)

// A pair is a server and the standby that follows it.
type pair struct {
	t                *testing.T
	primary, standby *pgtemp.Server
}

// paired is a scene whose warehouse has a standby, and is named with it.
func paired(t *testing.T, seed uint64) (*scene, *pair) {
	t.Helper()
	primary, err := pgtemp.Start(t.Context(), pgtemp.Options{InMemory: true, Settings: map[string]string{"synchronous_commit": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = primary.Stop() })
	p := &pair{t: t, primary: primary}
	if err := migrations.Up(t.Context(), p.url(primary)); err != nil {
		t.Fatal(err)
	}
	if p.standby, err = primary.Standby(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.standby.Stop() })
	s := newWorldAt(t, emulator.Options{}, p.url(primary)).gaps(seed)
	s.cfg.DatabaseURL = p.both()
	return s, p
}

func (p *pair) url(s *pgtemp.Server) string { return s.URL("postgres") }

// both is a URL that names the two and wants the one that takes writes.
func (p *pair) both() string {
	p.t.Helper()
	u, err := url.Parse(p.url(p.primary))
	if err != nil {
		p.t.Fatal(err)
	}
	other, err := url.Parse(p.url(p.standby))
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	for _, name := range []string{"host", "port"} {
		q.Set(name, q.Get(name)+","+other.Query().Get(name))
	}
	q.Set("target_session_attrs", "read-write")
	u.RawQuery = q.Encode()
	return u.String()
}

// caughtUp waits until the standby has all that the primary has.
func (p *pair) caughtUp() {
	p.t.Helper()
	primary, standby := &world{t: p.t, url: p.url(p.primary)}, &world{t: p.t, url: p.url(p.standby)}
	end := query[string](primary, `select pg_current_wal_insert_lsn()::text`)
	eventually(p.t, "the standby has caught up", func() bool {
		return query[bool](standby, `select pg_last_wal_replay_lsn() >= $1::text::pg_lsn`, end)
	})
}

// lose cuts the primary off, as the loss of its machine does.
func (p *pair) lose() {
	if err := p.primary.Halt(syscall.SIGQUIT); err != nil {
		p.t.Error(err)
	}
}

// promote makes the standby take writes, and returns when, by its clock.
func (p *pair) promote() (at time.Time) {
	conn, err := pgx.Connect(context.Background(), p.url(p.standby))
	if err != nil {
		p.t.Error(err)
		return at
	}
	defer conn.Close(context.Background())
	var done bool
	if err := conn.QueryRow(context.Background(), `select clock_timestamp(), pg_promote()`).Scan(&at, &done); err != nil || !done {
		p.t.Errorf("promoted: %t, %v", done, err)
	}
	return at
}

// A primary is lost in the middle of a sync, maybe with what its standby had not
// got yet. The sync goes on where the promoted one is, and ends well.
func TestD06Promoted(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s, p := paired(t, seed)
	var failover sync.WaitGroup
	var at time.Time
	s.busy(func(asked int, _ emulator.Request) {
		if asked == 25 {
			failover.Go(func() {
				p.lose()
				<-time.After(300 * time.Millisecond)
				at = p.promote()
			})
		}
	})
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	failover.Wait()
	s.url = p.url(p.standby)
	replicated := query[int](s.world, `select count(*) from logferry.requests where loaded_at < $1`, at)
	loaded := query[int](s.world, `select count(*) from logferry.requests where loaded_at >= $1`, at)
	t.Logf("%d rows came from the primary, %d were loaded after it was lost", replicated, loaded)
	if replicated == 0 || loaded == 0 {
		t.Error("the primary was not lost in the middle of the sync")
	}
	s.afterOutage(nil, sum, err)
}

// A run that finds nobody who takes writes ends with 75, whether it knows of the
// standby alone or of the lost primary too; the one after the promotion goes on.
func TestD06NotYetPromoted(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s, p := paired(t, seed)
	both := s.cfg.DatabaseURL
	s.sync(ferry.ExitOK)
	before := s.standings(nil)

	s.cfg.DatabaseURL = p.url(p.standby)
	f := s.ferry()
	_, err := f.Sync(t.Context())
	f.Close()
	s.exits(ferry.ExitTemporary, err)
	if want := "in a read-only transaction (SQLSTATE 25006); the server is read-only"; !strings.Contains(err.Error(), want) {
		t.Errorf("the standby alone: %v\nwant %s", err, want)
	}

	p.caughtUp()
	s.feeds[0].Insert(cloudflareLogs(seed+1, 50, time.Now().Add(-time.Hour), time.Now())...)
	p.lose()
	s.cfg.DatabaseURL = both
	_, err = ferry.Open(t.Context(), s.cfg)
	s.exits(ferry.ExitTemporary, err)
	p.promote()
	s.url = p.url(p.standby)
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}
