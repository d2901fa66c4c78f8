package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
