package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// A slate is an output that may be read while it is written.
type slate struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *slate) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *slate) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until polls for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s: %s", what)
		}
	}
}

// TestSignalsEndCleanly sends a real signal to a real process in the middle of
// a sync: it checkpoints, says so, and the next run goes on.
func TestSignalsEndCleanly(t *testing.T) {
	t.Parallel()
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: ferry.ExitSIGINT, syscall.SIGTERM: ferry.ExitSIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			w := full(t)
			w.emu.SetFaults(emulator.Faults{AnswerTime: 200 * time.Millisecond})
			var out, errs slate
			process := w.process("sync")
			process.Stdout, process.Stderr = &out, &errs
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, "no window is claimed", func() bool { return w.query(`select 1 from logferry.windows where kind = 'sync' limit 1`) != "" })
			if err := process.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := process.Wait(); !errors.As(err, &exit) || exit.ExitCode() != code {
				t.Errorf("%v, want exit code %d\n%s%s", err, code, out.String(), errs.String())
			}
			said := strings.Split(strings.TrimSpace(errs.String()), "\n")
			if last := said[len(said)-1]; !strings.HasPrefix(last, "logferry: stopped by SIG") || !strings.HasPrefix(out.String(), "sync: ") {
				t.Errorf("said\n%s%s", out.String(), errs.String())
			}
			w.checkpointed()
			w.emu.SetFaults(emulator.Faults{})
			w.ok("sync")
			if n := w.query(`select count(*) from logferry.requests`); n != "700\n" {
				t.Errorf("after the next sync %s logs, want 700", n)
			}
		})
	}
}

// checkpointed checks that the last run left no claim and was written down as
// interrupted.
func (w *world) checkpointed() {
	w.t.Helper()
	got := w.query(`select status, (select count(*) from logferry.windows where status = 'claimed') from logferry.runs order by run_id desc limit 1`)
	if got != "interrupted\t0\n" {
		w.t.Errorf("the run's status and live claims are %q", got)
	}
}

// An underway is a command that runs, with a clock fifty times as fast as the
// source answers: what it waits for is told after a fifth of a second.
type underway struct {
	t         *testing.T
	stop      context.CancelCauseFunc
	code      chan int
	out, errs slate
}

func (w *world) begin(line string, changed ...string) *underway {
	w.t.Helper()
	ctx, stop := context.WithCancelCause(w.t.Context())
	u := &underway{t: w.t, stop: stop, code: make(chan int, 1)}
	p := newProgram(w.with(changed), &u.out, &u.errs, wired())
	began := time.Now()
	p.now = func() time.Time { return began.Add(50 * time.Since(began)) }
	go func() { u.code <- p.run(ctx, strings.Fields(line)) }()
	return u
}

// told waits until the command says something on standard error.
func (u *underway) told(what string) {
	u.t.Helper()
	until(u.t, "not told: "+what, func() bool { return strings.Contains(u.errs.String(), what) })
}

// ends tells the command to end, as a signal does: it must soon, with the
// signal's code, and with one line of summary, if such commands have one.
func (u *underway) ends(by syscall.Signal, summary string) {
	u.t.Helper()
	u.stop(stopped{by}) // had it ended by itself, its code would tell
	select {
	case code := <-u.code:
		if want := (stopped{by}).ExitCode(); code != want {
			u.t.Errorf("exit code %d, want %d\n%s%s", code, want, u.out.String(), u.errs.String())
		}
	case <-time.After(10 * time.Second):
		u.t.Fatalf("told to end, and still there\n%s%s", u.out.String(), u.errs.String())
	}
	lines := strings.Split(strings.TrimSuffix(u.out.String(), "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, summary) || summary == "" && last != "" {
		u.t.Errorf("want one line %q, got\n%s", summary, u.out.String())
	}
	for _, secret := range secrets() {
		if strings.Contains(u.out.String()+u.errs.String(), secret) {
			u.t.Errorf("%q is shown:\n%s%s", secret, u.out.String(), u.errs.String())
		}
	}
	if !strings.Contains(u.errs.String(), "logferry: stopped by SIG") {
		u.t.Errorf("does not say that it was stopped:\n%s", u.errs.String())
	}
}

// lease is another run's claim on everything; without it nothing is covered.
func (w *world) lease() {
	w.t.Helper()
	w.query(`
		update logferry.stream_state set coverage = '{}';
		insert into logferry.windows (stream_id, run_id, kind, window_start, window_end, status, lease_until)
		select stream_id, (select min(run_id) from logferry.runs), 'backfill', now() - interval '20 y', now() + interval '1 h', 'claimed', now() + interval '1 h'
		  from logferry.streams`)
}

// TestC07StoppedWhileItWaits: whatever a command waits for, it ends soon when it
// is told to, and leaves the others' claims alone.
func TestC07StoppedWhileItWaits(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	w.query(`delete from logferry.requests where created_at < now() - interval '1 hour'`)
	var reads atomic.Bool // counts ask for first pages only
	w.emu.SetFaults(emulator.Faults{OnRequest: func(_ int, r emulator.Request) {
		if r.Page > 1 && reads.CompareAndSwap(false, true) {
			w.emu.SetFaults(emulator.Faults{AnswerTime: time.Minute})
		}
	}})
	verify := w.begin("verify --repair")
	until(t, "verify reads nothing again", reads.Load)
	if w.query(`select 1 from logferry.windows where kind = 'verify' and status = 'claimed' limit 1`) == "" {
		t.Error("verify reads without a claim")
	}
	verify.ends(syscall.SIGTERM, "verify: ")
	w.checkpointed()

	w.emu.SetFaults(emulator.Faults{})
	poor := w.begin("backfill --from 30d", "LOGFERRY_CLOUDFLARE_BUDGET", "3/1d", "LOGFERRY_KEYWORDSAI_BUDGET", "3/1d") // the sync had more
	poor.told("msg=working streams=0 logs_read=0 new=0 requests=0 ")
	poor.ends(syscall.SIGINT, "backfill: ")
	w.checkpointed()

	w.lease()
	held := w.query(`select count(*) from logferry.windows where status = 'claimed'`)
	backfill := w.begin("backfill --from 30d")
	backfill.told("that another run holds\"")
	backfill.ends(syscall.SIGTERM, "backfill: ")
	sync := w.begin("sync")
	sync.told("that another run holds, for one lease")
	sync.ends(syscall.SIGINT, "sync: ")
	if now := w.query(`select count(*) from logferry.windows where status = 'claimed'`); now != held {
		t.Errorf("claims before %s, after %s", held, now)
	}
	if ended := w.query(`select distinct status from logferry.runs where command <> 'sync' or exit_code <> 0`); ended != "interrupted\n" {
		t.Errorf("the runs that were stopped are %q", ended)
	}
}

// TestC07StoppedMigrating: in the queue for the migrations' own lock nothing was
// done; a file that waits for a table is not left halfway, and is the last.
func TestC07StoppedMigrating(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("migrate down --to 10 --yes")
	conn, err := pgx.Connect(t.Context(), w.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	do := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	do(`select pg_advisory_lock(x'6c6f676665727279'::bigint)`) // "logferry"
	queued := w.begin("migrate up")
	until(t, "migrate up asks for no lock", func() bool {
		return w.query(`select 1 from pg_stat_activity where datname = current_database() and query like '%pg_try_advisory_lock(%' and pid <> pg_backend_pid()`) != ""
	})
	queued.ends(syscall.SIGTERM, "")
	w.shows("migrate version", `schema version 10 of .*\n`)
	do(`select pg_advisory_unlock_all(); begin; lock table logferry.runs`)

	working := w.begin("migrate up")
	until(t, "migrate up waits for no table", func() bool {
		return w.query(`select 1 from pg_locks where not granted and relation = 'logferry.runs'::regclass`) != ""
	})
	working.stop(stopped{syscall.SIGINT})
	do(`rollback`)
	working.ends(syscall.SIGINT, "applied 0011_windows.up.sql in ")
	w.shows("migrate version", `schema version 11 of \d+: run logferry migrate up\n`)
	w.shows("migrate up", `(?s)applied 0012.*: up to date\n`)
}

// TestC07StoppedConnecting: a database that takes the connection and says
// nothing does not hold up the end.
func TestC07StoppedConnecting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nothing)
	for _, line := range []string{"sync", "status", "migrate up", "migrate version", "check"} {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		connecting := w.begin(line, "DATABASE_URL", "postgres://u@"+silent.Addr().String()+"/d?sslmode=disable")
		taken, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		summary := ""
		if line == "check" {
			summary = "LOGFERRY_LOG_LEVEL " // the last setting: what was not tried to its end is no problem
		}
		connecting.ends(syscall.SIGTERM, summary)
	}
}

// TestServeFollowsTheSchedule: a pass at once, then one whenever the schedule
// says so, until SIGTERM.
func TestServeFollowsTheSchedule(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.env["LOGFERRY_SCHEDULE"] = "@every 1s"
	ctx, stop := context.WithCancelCause(t.Context())
	var out, errs slate
	code := make(chan int)
	go func() { code <- run(ctx, []string{"serve"}, w.env, &out, &errs) }()
	until(t, "serve made no three passes", func() bool { return strings.Count(out.String(), "serve: 2 streams, ") >= 3 })
	stop(stopped{syscall.SIGTERM})
	if got := <-code; got != ferry.ExitSIGTERM {
		t.Errorf("exit code %d", got)
	}
	for _, said := range []string{"msg=serving next_passes=", "logferry: stopped by SIGTERM; run it again to go on\n"} {
		if !strings.Contains(errs.String(), said) {
			t.Errorf("no %q in\n%s", said, errs.String())
		}
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); !strings.Contains(first, " 700 new, ") {
		t.Errorf("the first pass: %s", first)
	}
	if live := w.query(`select count(*) from logferry.windows where status = 'claimed'`); live != "0\n" {
		t.Errorf("%s claims are left", live)
	}
}

// TestServeOutlivesAFailedPass: what goes wrong is told pass by pass.
func TestServeOutlivesAFailedPass(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.env["LOGFERRY_SCHEDULE"] = "@every 1s"
	w.env["KEYWORDSAI_API_KEY"] = canary
	ctx, stop := context.WithCancelCause(t.Context())
	var out, errs slate
	code := make(chan int)
	go func() { code <- run(ctx, []string{"serve"}, w.env, &out, &errs) }()
	const why = `level=ERROR msg="Keywords AI refused the credential to list datasets (HTTP 401): check KEYWORDSAI_API_KEY" exit_code=77`
	until(t, "serve told of no two failures", func() bool { return strings.Count(errs.String(), why) >= 2 })
	stop(stopped{syscall.SIGINT})
	if got := <-code; got != ferry.ExitSIGINT {
		t.Errorf("exit code %d", got)
	}
	if !strings.HasPrefix(out.String(), "serve: 1 stream, ") {
		t.Errorf("the other source was not read:\n%s", out.String())
	}
}

// TestProgressOffTheTerminal: a line every ten seconds. The program's clock
// runs fifty times as fast as the source answers.
func TestProgressOffTheTerminal(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.emu.SetFaults(emulator.Faults{AnswerTime: 150 * time.Millisecond})
	var out, errs bytes.Buffer
	p := newProgram(w.env, &out, &errs, wired())
	began := time.Now()
	p.now = func() time.Time { return began.Add(50 * time.Since(began)) }
	if code := p.run(t.Context(), []string{"sync"}); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errs.String())
	}
	most := int(50 * time.Since(began) / progressEvery)
	lines := strings.Count(errs.String(), "level=INFO msg=working streams=2 logs_read=")
	if lines == 0 || lines > most {
		t.Errorf("%d lines of progress in %s\n%s", lines, time.Since(began), errs.String())
	}
}
