package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // the image has no zone files
)

func main() {
	// With SIGPIPE delivered here, writing to a closed pipe is an error that
	// the output writer swallows, and a sync outlives the reader of its logs.
	// (Ignoring the signal instead would be inherited by the demo's server.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	boundMemory()
	ctx, stop := untilSignal(context.Background())
	code := run(ctx, os.Args[1:], processEnviron(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// memoryLimit is what the process may take before it collects garbage at once.
// All it holds is bounded well below (see extract.MaxInFlight), but garbage is
// otherwise let grow as large as that again: with this its peak stays under
// 96 MiB, which a container can count on. GOMEMLIMIT overrides it.
const memoryLimit = 56 << 20

func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// run is the whole program: arguments and variables in, output and an exit
// code out. When ctx ends by a signal the code is that signal's.
func run(ctx context.Context, args []string, env environ, stdout, stderr io.Writer) int {
	return newProgram(env, stdout, stderr, wired()).run(ctx, args)
}

// untilSignal returns a context that the first SIGINT or SIGTERM cancels, with
// a [stopped] as its cause. A second signal finds no handler and kills.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(stopped{s.(syscall.Signal)})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}

// stopped is the cause of a context that a signal cancelled.
type stopped struct{ by syscall.Signal }

func (s stopped) Error() string {
	if s.by == syscall.SIGINT {
		return "stopped by SIGINT"
	}
	return "stopped by SIGTERM"
}

// Unwrap lets code that was handed the cause see an ordinary cancellation.
func (s stopped) Unwrap() error { return context.Canceled }

// ExitCode is what a shell would report: 130 or 143.
func (s stopped) ExitCode() int { return 128 + int(s.by) }
