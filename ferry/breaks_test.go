package ferry_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// A breaker meets every kind of message of a run once: each statement, each
// answer to it. After each it lets a transaction pass whole, so that a run gets
// on.
type breaker struct {
	met   map[string]bool
	count atomic.Int64
	ready bool
	do    func(*message) fault
}

func breakOnce(do func(*message) fault) *breaker {
	return &breaker{met: map[string]bool{}, ready: true, do: do}
}

func (b *breaker) rule(m *message) fault {
	commit := m.statement == "commit" && !m.fromServer
	key := fmt.Sprint(m.fromServer, m.kind, m.statement)
	if b.met[key] || !b.ready {
		b.ready = b.ready || commit
		return pass
	}
	f := b.do(m)
	b.met[key], b.ready = true, false
	b.count.Add(1)
	return f
}

// An errand is a command on a scene that leaves it much to do.
type errand struct {
	name       string
	statements int64 // different ones that it makes, at least
	ready      func(*scene)
	run        func(context.Context, *ferry.Ferry) (ferry.Summary, error)
}

// errands are the commands that write. What a repair finds came late.
var errands = []errand{
	{"sync", 30, func(*scene) {}, func(ctx context.Context, f *ferry.Ferry) (ferry.Summary, error) { return f.Sync(ctx) }},
	{"backfill", 30, func(*scene) {}, func(ctx context.Context, f *ferry.Ferry) (ferry.Summary, error) {
		return f.Backfill(ctx, ferry.BackfillOptions{From: time.Now().Add(-31 * day)})
	}},
	{"verify --repair", 16, (*scene).late, func(ctx context.Context, f *ferry.Ferry) (ferry.Summary, error) {
		report, err := f.Verify(ctx, ferry.VerifyOptions{From: time.Now().Add(-31 * day), Repair: true})
		return report.Summary, err
	}},
}

// late covers everything, and lets logs come for each stream where it did.
func (s *scene) late() {
	s.t.Helper()
	s.sync(ferry.ExitOK)
	from, to := time.Now().Add(-19*day), time.Now().Add(-2*day)
	const lateSeed = 4711 // the logs must not have the ids of earlier ones
	for _, f := range s.feeds {
		if f.dataset == "" {
			f.Insert(cloudflareLogs(lateSeed, 12, from, to)...)
		} else {
			f.Insert(keywordsLogs(lateSeed, 12, from, to, f.dataset, "created_at")...)
		}
	}
}

// through runs the errand, its database behind the rule, and checks that it ends
// well and in time, and what it leaves.
func (s *scene) through(e errand, r rule) {
	s.t.Helper()
	e.ready(s)
	s.busy(func(int, emulator.Request) {})
	before := s.standings(nil)
	s.cfg.DatabaseURL = s.behindProxy(r).url
	began := time.Now()
	f := s.ferry()
	sum, err := e.run(context.Background(), f)
	f.Close()
	took := time.Since(began)
	s.t.Logf("a %s through it took %s", e.name, took.Round(time.Millisecond))
	if took > time.Minute {
		s.t.Errorf("it took %s", took)
	}
	s.cfg.DatabaseURL = s.url
	s.afterOutage(before, sum, err)
}

// atLeast tells that the breaker has met enough.
func (b *breaker) atLeast(t *testing.T, least int64) {
	t.Helper()
	t.Logf("tried %d breaks", b.count.Load())
	if b.count.Load() < least {
		t.Errorf("only %d breaks, want %d", b.count.Load(), least)
	}
}

// A connection may break at any byte of any message, and be found out at once
// or not at all: the run goes on, it ends, and no transaction is half done.
func TestD10BrokenConnections(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for i, c := range []struct {
		name  string
		kind  breakage
		pause time.Duration
		odds  int // one in so many messages is broken
		least int64
		of    errand
	}{
		{"cut", cut, 0, 1, 130, errands[0]},
		{"reset", reset, 0, 3, 30, errands[1]},
		{"stalled for a while", stall, 20 * time.Millisecond, 1, 16, errands[2]},
		{"half open", halfOpen, 0, 8, 8, errands[0]},
		{"half open at both ends", halfOpen, 250 * time.Millisecond, 12, 4, errands[1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			s := gaps(t, seed, emulator.Options{})
			s.cfg.Lease, s.cfg.Silence = time.Second, 200*time.Millisecond
			b := breakOnce(func(m *message) fault {
				return fault{kind: c.kind, after: random.IntN(len(m.raw) + 1), pause: c.pause}
			})
			s.through(c.of, func(m *message) fault {
				if random.IntN(c.odds) > 0 {
					return pass
				}
				return b.rule(m)
			})
			b.atLeast(t, c.least)
		})
	}
}

// A run that is told to end ends, though nothing passes on any more and new
// connections are taken and left unanswered.
func TestD10ToldToEndInSilence(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	before := s.standings(nil)
	var gone atomic.Bool
	s.cfg.DatabaseURL = s.behindProxy(func(*message) fault {
		if gone.Load() {
			return fault{kind: halfOpen}
		}
		return pass
	}).url
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.busy(func(asked int, _ emulator.Request) {
		if asked == 15 {
			gone.Store(true)
			cancel()
		}
	})
	f := s.ferry()
	began := time.Now()
	_, err := f.Sync(ctx)
	f.Close()
	took := time.Since(began)
	t.Logf("ended after %s", took.Round(time.Millisecond))
	if code := ferry.ExitCode(err); code != ferry.ExitTemporary || took > 16*time.Second {
		t.Errorf("exit code %d after %s: %v", code, took, err)
	}
	s.calm()
	s.cfg.DatabaseURL = s.url
	before = s.standings(before)
	s.cfg.Lease = time.Second
	s.exec(`update logferry.windows set lease_until = clock_timestamp() where status = 'claimed'`) // rather than wait
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}

// The server ends a session before a statement, before each of a run's in turn.
func TestD02TerminatedBeforeEveryStatement(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for _, e := range errands {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := gaps(t, seed, emulator.Options{})
			admin := s.connect()
			b := breakOnce(func(m *message) fault {
				terminate(t, admin, m.on.pid)
				return pass
			})
			s.through(e, func(m *message) fault {
				if m.fromServer || m.kind != 'P' && m.kind != 'Q' && m.kind != 'd' {
					return pass
				}
				return b.rule(m)
			})
			b.atLeast(t, e.statements)
		})
	}
}

// terminate ends a session, and returns when the server has.
func terminate(t *testing.T, admin *pgx.Conn, pid uint32) {
	there := true
	for ; there; <-time.After(time.Millisecond) {
		if err := admin.QueryRow(context.Background(), `
			select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity where pid = $1::integer`, int(pid)).Scan(&there); err != nil {
			t.Error(err)
			return
		}
	}
}

// The server ends a session while rows go in, ten times.
func TestD02TerminatedMidInsert(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	before := s.standings(nil)
	s.exec(`create sequence inserted`)
	s.exec(`create function pull_the_plug() returns trigger language plpgsql as $$
		declare
			n bigint := nextval('inserted'); -- what is rolled back counts too
		begin
			if n <= 400 and n % 40 = 0 then
				perform pg_terminate_backend(pg_backend_pid());
			end if;
			return new;
		end $$`)
	for _, table := range []string{"logferry.requests", "logferry_private.raw_logs"} {
		s.exec(`create trigger plug before insert on ` + table + ` for each row execute function pull_the_plug()`)
	}
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	n := query[int](s.world, `select last_value from inserted`)
	if n < 400 {
		t.Errorf("only %d rows were inserted", n)
	}
	t.Logf("tried %d ended sessions", min(n, 400)/40)
	s.afterOutage(before, sum, err)
}
