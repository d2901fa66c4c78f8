package ferry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// afterOutage checks what a run left that went through an outage shorter than
// its patience: it ended well, and the next one ends equal.
func (s *scene) afterOutage(before map[string]standing, sum ferry.Summary, err error) {
	s.t.Helper()
	if code := ferry.ExitCode(err); code != ferry.ExitOK {
		s.t.Errorf("exit code %d: %v", code, err)
	}
	if sum.Unfinished == 0 && s.openTime() > 0 {
		s.t.Errorf("%s is not covered, but the summary says that all is done", s.openTime())
	}
	s.t.Logf("%s unfinished", sum.Unfinished)
	before = s.standings(before)
	s.released()
	s.calm()
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}

// A sync whose connections are cut again and again, as by a failing-over
// database, ends well or says that it may be tried again.
func TestD02TerminatedAtAnyTime(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Lease = time.Second
	before := s.standings(nil)
	due, over := make(chan struct{}, 100), make(chan struct{})
	s.busy(func(asked int, _ emulator.Request) {
		if asked%6 == 0 {
			due <- struct{}{}
		}
	})
	var cutter sync.WaitGroup
	cut := 0
	conn := s.connect()
	cutter.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-due:
			}
			<-time.After(time.Duration(random.IntN(15)) * time.Millisecond)
			var n int
			if err := conn.QueryRow(context.Background(), `
				select count(pg_terminate_backend(pid)) from pg_stat_activity
				 where datname = current_database() and application_name like 'logferry/%'`).Scan(&n); err != nil {
				t.Error(err)
			}
			cut += n
		}
	})
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	close(over)
	cutter.Wait()
	t.Logf("tried %d cut connections", cut)
	if cut < 3 {
		t.Errorf("only %d connections were cut", cut)
	}
	s.afterOutage(before, sum, err)
}

// losing passes on every commit, and breaks the connection instead of passing
// on the answer where lose says so.
func losing(lose func() bool) rule {
	return func(m *message) fault {
		if m.kind == 'Q' && m.statement == "commit" && !m.fromServer {
			m.on.losing = lose()
		}
		if m.fromServer && m.on.losing {
			return fault{kind: cut}
		}
		return pass
	}
}

// A commit whose answer is lost may have happened or not: whatever it was, it
// is neither lost nor done twice, and nobody waits for it for ever.
func TestD13LostCommits(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for round, set := range scenes[1:] {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			s := set(t, seed, emulator.Options{})
			s.busy(func(int, emulator.Request) {})
			s.cfg.Lease = 400 * time.Millisecond
			before := s.standings(nil)
			var lost atomic.Int64
			commits, next := 0, 1+random.IntN(10)
			s.cfg.DatabaseURL = s.behindProxy(losing(func() bool {
				if commits++; commits != next {
					return false
				}
				next += 1 + random.IntN(10)
				lost.Add(1)
				return true
			})).url
			f := s.ferry()
			sum, err := f.Sync(context.Background())
			f.Close()
			s.cfg.DatabaseURL = s.url
			t.Logf("tried %d lost answers to commits", lost.Load())
			if lost.Load() < 3 {
				t.Errorf("the answers to only %d commits were lost", lost.Load())
			}
			s.afterOutage(before, sum, err)
		})
	}
}

// A run that is told to end while the answer to a commit is under way does not
// know what it holds, and gives it up all the same.
func TestD13CancelledCommits(t *testing.T) {
	t.Parallel()
	seed, random := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Lease = time.Minute
	before := s.standings(nil)
	tried := 0
	for last := int64(4); last < 24; last += 1 + random.Int64N(4) {
		tried++
		ctx, cancel := context.WithCancel(context.Background())
		var commits atomic.Int64
		s.cfg.DatabaseURL = s.behindProxy(losing(func() bool {
			if commits.Add(1) != last {
				return false
			}
			cancel()
			return true
		})).url
		f := s.ferry()
		_, err := f.Sync(ctx)
		f.Close()
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at commit %d, but: %v", last, err)
		}
		s.released()
		before = s.standings(before)
	}
	t.Logf("tried %d ends in a commit", tried)
	s.cfg.DatabaseURL = s.url
	s.sync(ferry.ExitOK)
	s.standings(before)
	s.equalAll()
}

// An analyst's long transaction, and a short change of a table, are beside a
// sync, not in its way.
func TestD05SyncBesideOthers(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	before := s.standings(nil)
	analyst, owner := s.connect(), s.connect()
	if _, err := analyst.Exec(t.Context(), `begin isolation level repeatable read`); err != nil {
		t.Fatal(err)
	}
	if _, err := analyst.Exec(t.Context(), `select count(*) from llm.requests`); err != nil {
		t.Fatal(err)
	}
	changed := make(chan error, 1)
	s.busy(func(asked int, _ emulator.Request) {
		if asked == 15 {
			go func() {
				_, err := owner.Exec(context.Background(), `begin; lock table logferry.windows; select pg_sleep(0.3); alter table logferry.windows add column extra text; commit`)
				changed <- err
			}()
		}
	})
	f := s.ferry()
	sum, err := f.Sync(context.Background())
	f.Close()
	s.exits(ferry.ExitOK, err)
	if err := <-changed; err != nil {
		t.Error(err)
	}
	s.afterOutage(before, sum, err)
}

// A lock that stays ends a sync before long, which says whose it is; once it is
// let go the next sync goes on.
func TestD05LockThatStays(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	s := gaps(t, seed, emulator.Options{})
	s.cfg.Patience = 300 * time.Millisecond
	before := s.standings(nil)
	owner := s.connect()
	if _, err := owner.Exec(t.Context(), `set application_name = 'nightly report'; begin`); err != nil {
		t.Fatal(err)
	}
	s.busy(func(asked int, _ emulator.Request) {
		if asked != 15 {
			return
		}
		if _, err := owner.Exec(context.Background(), `lock table logferry.windows in access exclusive mode`); err != nil {
			t.Error(err)
		}
	})
	f := s.ferry()
	began := time.Now()
	_, err := f.Sync(context.Background())
	f.Close()
	took := time.Since(began)
	t.Logf("ended after %s: %v", took.Round(time.Millisecond), err)
	s.exits(ferry.ExitTemporary, err)
	want := fmt.Sprintf(`(SQLSTATE 55P03); process %d (application "nightly report") holds AccessExclusiveLock on logferry.windows`, owner.PgConn().PID())
	if !strings.Contains(err.Error(), want) || took > 20*time.Second {
		t.Errorf("after %s: %v\nwant %s", took, err, want)
	}
	if _, err := owner.Exec(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
	before = s.standings(before)
	s.calm()
	s.sync(ferry.ExitOK) // what the first one could not give up it takes over
	s.standings(before)
	s.equalAll()
}
