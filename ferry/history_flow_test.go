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
	crash   string // nothing, cancel, cut, lose or kill
	after   int    // requests until then
	seed    uint64
}

var (
	commands = []string{"sync", "sync", "sync", "backfill", "backfill", "force", "verify", "repair"}
	children = 5 // of the commands, what a process of its own can run
	crashes  = []string{"nothing", "nothing", "nothing", "cancel", "cut", "lose", "kill"}
)

// flows draws what runs now: one command, or two at once, of which the first may
// crash; and now and then the claims of a process that died are in their way.
func (h *history) flows() {
	h.t.Helper()
	r := h.random
	if r.IntN(4) == 0 {
		h.abandon()
	}
	drawn := make([]flow, 1+r.IntN(2))
	for i := range drawn {
		drawn[i] = flow{command: commands[r.IntN(len(commands))], crash: "nothing", seed: r.Uint64()}
	}
	first := &drawn[0]
	if first.crash, first.after = crashes[r.IntN(len(crashes))], 1+r.IntN(25); first.crash == "kill" {
		first.command = commands[r.IntN(children)]
	}
	excuses := h.excuses(drawn)
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	h.busyUntil(ctx, cancel, *first)
	var all sync.WaitGroup
	var whole atomic.Bool
	for i, f := range drawn {
		h.tell("%+v, %d at once; may end with %v", f, len(drawn), excuses[i])
		all.Go(func() {
			ctx := ctx
			if i > 0 {
				ctx = h.t.Context()
			}
			if h.judge(ctx, f, excuses[i]) {
				whole.Store(true)
			}
		})
	}
	all.Wait()
	for _, one := range h.tales {
		one.stir.stop()
		one.unsure = one.lying || one.unsure && !whole.Load()
	}
}

// excuses are, for each of the flows that run now, the exit codes besides 0 that
// something explains: what is wrong with the sources, a crash, or company.
func (h *history) excuses(drawn []flow) [][]int {
	var sources []int
	for _, one := range h.tales {
		sources = append(sources, one.excuses()...)
	}
	all := make([][]int, len(drawn))
	for i, f := range drawn {
		all[i] = slices.Clone(sources)
		if f.crash != "nothing" || drawn[0].crash == "cut" {
			all[i] = append(all[i], ferry.ExitTemporary)
		}
		if f.command == "verify" || f.command == "repair" && len(drawn) > 1 {
			all[i] = append(all[i], ferry.ExitData) // it tells what differs, or what another holds
		}
	}
	return all
}

// excuses are the exit codes that the source explains.
func (one *tale) excuses() (codes []int) {
	f := one.faults
	moving := one.stir.left > 0 && one.stir.kind < 3 || time.Now().Before(one.waiting)
	again := f.UnstableTies || f.RepeatRows > 0 // logs shown twice attest nothing without a total
	if one.unsure || moving || f.TotalMoves || f.TotalMissing || f.Withhold != nil || one.bare && again {
		codes = append(codes, ferry.ExitData)
	}
	if one.unsure || f.Withhold != nil {
		codes = append(codes, ferry.ExitConfig) // a filter is refused, or does not show the log that it must
	}
	if _, broken := one.judged(one.feed, one.field); f.Fail != nil || len(broken) > 0 && (moving || one.stir.left > 0 || f.UnstableTies || f.Withhold != nil) {
		codes = append(codes, ferry.ExitUnavailable) // a broken list is believed when it comes twice alike
	}
	return codes
}

// judge runs a flow whose exit code must be 0, or one that has an excuse. It
// tells whether it ended well and has read everything: where nothing is new,
// others need not notice that a filter shows nothing any more.
func (h *history) judge(ctx context.Context, f flow, excuses []int) (whole bool) {
	var end report
	if f.crash == "kill" {
		if end = h.killed(f); end.Error == "" && end.Summary.RunID == 0 {
			return false
		}
	} else {
		sum, err := h.flow(ctx, f)
		if end = (report{Summary: sum, Code: ferry.ExitCode(err)}); err != nil {
			end.Error = err.Error()
		}
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return false
		}
	}
	h.requests.Add(end.Summary.Requests)
	if end.Code != ferry.ExitOK && !slices.Contains(excuses, end.Code) {
		h.t.Errorf("%+v ended with %d: %s; it may with %v", f, end.Code, end.Error, excuses)
	}
	return end.Code == ferry.ExitOK && f.command == "force"
}

// killed runs a command in a process of its own, which is killed at its request
// number after. If that came in time it has said nothing.
func (h *history) killed(f flow) report {
	h.t.Helper()
	c := h.start(order{Command: f.command, From: h.now.Add(-40 * day)})
	select {
	case <-h.reached:
		if c.kill() {
			return report{}
		}
	case <-c.done:
	}
	return c.report()
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
	reached := make(chan struct{})
	h.reached = reached
	for _, one := range h.tales {
		faults := one.faults
		faults.AnswerTime = 2 * time.Millisecond
		faults.OnRequest = func(_ int, r emulator.Request) {
			one.stir.step(r)
			switch n := int(asked.Add(1)); {
			case f.crash == "cancel" && n == f.after:
				cancel()
			case f.crash == "kill" && n == f.after:
				close(reached)
			case f.crash == "cut" && n >= f.after && n < f.after+10 && n%3 == 0:
				h.cut(ctx)
			}
		}
		one.show(faults)
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
