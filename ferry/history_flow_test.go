package ferry_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/load"
)

// A flow is one run of a command, and how it ends.
type flow struct {
	command string
	crash   string // nothing, cancel, cut or lose
	after   int    // requests until then
	seed    uint64
}

var (
	commands = []string{"sync", "sync", "sync", "backfill", "backfill", "force", "verify", "repair"}
	crashes  = []string{"nothing", "nothing", "cancel", "cut", "lose"}
)

// flows draws what runs now: one command, or two at once, of which the first may
// crash; and now and then the claims of a process that died are in their way.
func (h *history) flows() {
	h.t.Helper()
	r := h.random
	if r.IntN(4) == 0 {
		h.abandon()
	}
	count := 1 + r.IntN(2)
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	var all sync.WaitGroup
	for i := range count {
		f := flow{command: commands[r.IntN(len(commands))], crash: "nothing", seed: r.Uint64()}
		if i == 0 {
			f.crash, f.after = crashes[r.IntN(len(crashes))], 1+r.IntN(25)
		}
		h.tell("%+v, %d at once", f, count)
		if i == 0 {
			h.busyUntil(ctx, cancel, f)
			all.Go(func() { h.judge(ctx, f) })
			continue
		}
		all.Go(func() { h.judge(h.t.Context(), f) })
	}
	all.Wait()
	for _, one := range h.tales {
		one.stir.stop()
	}
}

// judge runs a flow whose exit code must be one that a source or a crash explains.
func (h *history) judge(ctx context.Context, f flow) {
	sum, err := h.flow(ctx, f)
	h.requests.Add(sum.Requests)
	allowed := []int{ferry.ExitOK, ferry.ExitData, ferry.ExitUnavailable, ferry.ExitTemporary}
	if slices.ContainsFunc(h.tales, func(one *tale) bool { return one.lying || one.respelt || one.faults.Withhold != nil }) {
		allowed = append(allowed, ferry.ExitConfig) // a filter is refused, or does not show the log that it must
	}
	cancelled := ctx.Err() != nil && errors.Is(err, context.Canceled)
	if code := ferry.ExitCode(err); !cancelled && !slices.Contains(allowed, code) {
		h.t.Errorf("%+v ended with %d: %v", f, code, err)
	}
}

// flow runs a command in this process.
func (h *history) flow(ctx context.Context, f flow) (ferry.Summary, error) {
	cfg := h.cfg
	if f.crash == "lose" {
		random := rand.New(rand.NewPCG(f.seed, 0))
		cfg.DatabaseURL = h.behindProxy(losing(func() bool { return random.IntN(8) == 0 })).url
	}
	one, err := ferry.Open(ctx, cfg)
	if err != nil {
		return ferry.Summary{}, err
	}
	defer one.Close()
	from := h.now.Add(-40 * day)
	switch f.command {
	case "sync":
		return one.Sync(ctx)
	case "backfill", "force":
		return one.Backfill(ctx, ferry.BackfillOptions{From: from, Force: f.command == "force"})
	default:
		report, err := one.Verify(ctx, ferry.VerifyOptions{From: from, Repair: f.command == "repair"})
		return report.Summary, err
	}
}

// busyUntil sets the sources' faults, and what happens at the flow's request
// number after.
func (h *history) busyUntil(ctx context.Context, cancel func(), f flow) {
	var asked atomic.Int64
	for _, one := range h.tales {
		faults := one.faults
		faults.AnswerTime = 2 * time.Millisecond
		faults.OnRequest = func(_ int, r emulator.Request) {
			one.stir.step(r)
			switch n := int(asked.Add(1)); {
			case f.crash == "cancel" && n == f.after:
				cancel()
			case f.crash == "cut" && n >= f.after && n < f.after+10 && n%3 == 0:
				h.cut(ctx)
			}
		}
		one.SetFaults(faults)
	}
}

// cut breaks all connections of the flows.
func (h *history) cut(ctx context.Context) {
	conn, err := pgx.Connect(ctx, h.url)
	if err != nil {
		return // the test has ended
	}
	defer conn.Close(ctx)
	_, _ = conn.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name like 'logferry/%'`)
}

// abandon leaves claims of a run that is no more, where there are gaps or where
// there are none.
func (h *history) abandon() {
	h.t.Helper()
	ctx := h.t.Context()
	store, err := load.Open(ctx, h.url, load.Options{Version: "test"})
	if err != nil {
		h.t.Fatal(err)
	}
	defer store.Close()
	streams, err := store.Streams(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range streams {
		id, err := store.StartRun(ctx, load.Run{Command: "sync", Version: "test"})
		if err != nil {
			h.t.Fatal(err)
		}
		from := h.now.Add(-time.Duration(1+h.random.IntN(12)) * day).Truncate(time.Second)
		want := load.Want{
			Stream: s.ID, Run: id, Kind: load.KindSync, Span: load.Span{From: from, To: from.Add(day / 2)},
			Force: h.random.IntN(2) == 0, Tick: time.Second, Lease: h.cfg.Lease,
		}
		if _, err := store.Claim(ctx, want); err != nil {
			h.t.Fatal(err)
		}
		h.tell("%s: a dead run holds %s", s.Name, want.Span)
	}
}
