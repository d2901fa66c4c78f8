package ferry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Serve runs a pass at once and then at every time of the schedule, until ctx
// ends; it returns when the pass in hand has checkpointed. A pass still running
// when the next is due makes that one be skipped. A failed pass is logged; the
// next one tries again.
func (f *Ferry) Serve(ctx context.Context, o ServeOptions) error {
	location := o.Location
	if location == nil {
		location = time.UTC
	}
	logger := cronLog{f.log}
	// The order matters: a panic must not leave "still running" set for ever,
	// so recovering is the inner wrapper.
	clock := cron.New(cron.WithLocation(location), cron.WithLogger(logger),
		cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	pass := cron.FuncJob(func() { f.servePass(ctx) })
	id := clock.Schedule(o.Schedule, pass)
	clock.Start()
	var first sync.WaitGroup
	first.Go(clock.Entry(id).WrappedJob.Run)
	<-ctx.Done()
	<-clock.Stop().Done()
	first.Wait()
	return nil
}

func (f *Ferry) servePass(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	sum, err := f.pass(ctx, "serve")
	if f.cfg.Passed != nil {
		f.cfg.Passed(sum, err)
	}
}

// A cronLog lets the scheduler speak through slog: skipped passes and panics
// are worth a line, its own ticking is not.
type cronLog struct{ log *slog.Logger }

// Info logs what the scheduler does.
func (l cronLog) Info(msg string, pairs ...any) {
	if msg == "skip" {
		l.log.Warn("the last pass is still running; this one is skipped")
		return
	}
	l.log.Debug("schedule: "+msg, pairs...)
}

// Error logs what went wrong in a pass.
func (l cronLog) Error(err error, msg string, _ ...any) {
	l.log.Error("a pass panicked: "+msg, "err", fmt.Sprint(err))
}
