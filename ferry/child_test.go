package ferry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"logferry/ferry"
)

// childVariable, when set, makes the test program a process of its own that
// runs one command against its parent's emulator and warehouse. It holds the
// order as JSON.
const childVariable = "FERRY_TEST_CHILD"

// An order is what a child runs: a pass, or the backfill of a span.
type order struct {
	Command    string // sync or backfill
	From, To   time.Time
	Database   string
	Cloudflare *ferry.Cloudflare
	KeywordsAI *ferry.KeywordsAI
	Schema     int
	Start      time.Duration
	Lease      time.Duration
	Raw        bool
}

// A report is what a child says at its end.
type report struct {
	Summary ferry.Summary
	Code    int
	Error   string
}

// settings are those of every world; an order adds its own.
func (o order) settings() ferry.Config {
	return ferry.Config{
		Version: "test", Schema: o.Schema, DatabaseURL: o.Database, Cloudflare: o.Cloudflare, KeywordsAI: o.KeywordsAI,
		Start: o.Start, Settle: 10 * time.Minute, Lookback: day, Tail: true, Raw: o.Raw, Concurrency: 8, Lease: o.Lease,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// beChild runs the order, reports, and ends the process. SIGTERM ends the run as
// it does in the program; the end of its input, which its parent holds open, ends
// it at once.
func beChild(text string) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, "the order can't be read:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var r report
	var err error
	if r.Summary, err = o.run(ctx); err != nil {
		r.Code, r.Error = ferry.ExitCode(err), err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(2)
	}
	os.Exit(0)
}

func (o order) run(ctx context.Context) (ferry.Summary, error) {
	f, err := ferry.Open(ctx, o.settings())
	if err != nil {
		return ferry.Summary{}, err
	}
	defer f.Close()
	if o.Command == "backfill" {
		return f.Backfill(ctx, ferry.BackfillOptions{From: o.From, To: o.To})
	}
	return f.Sync(ctx)
}

// A child is a process of logferry beside the test.
type child struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  bytes.Buffer
	errs bytes.Buffer  // its log is in it
	err  error         // how it ended; to be read after done
	done chan struct{} // closed at its end
}

// start runs the order in a process of its own, on this world.
func (w *world) start(o order) *child {
	w.t.Helper()
	o.Database, o.Cloudflare, o.KeywordsAI = w.cfg.DatabaseURL, w.cfg.Cloudflare, w.cfg.KeywordsAI
	o.Schema, o.Start, o.Lease, o.Raw = w.cfg.Schema, w.cfg.Start, w.cfg.Lease, w.cfg.Raw
	text, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &child{t: w.t, cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.errs
	lifeline, err := c.cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	w.t.Cleanup(func() {
		lifeline.Close()
		c.kill()
	})
	return c
}

func (c *child) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// kill is kill -9. It tells whether the child would have said more.
func (c *child) kill() (early bool) {
	_ = c.cmd.Process.Kill() // it may have ended by itself
	<-c.done
	return c.out.Len() == 0
}

// report waits for the child's own end.
func (c *child) report() report {
	c.t.Helper()
	var r report
	if <-c.done; c.err != nil {
		c.t.Fatalf("a child ended badly: %v\n%s", c.err, c.errs.String())
	}
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		c.t.Fatal("a child reported nothing")
	}
	if strings.Contains(r.Error+c.errs.String(), testToken) {
		c.t.Error("a child printed its token")
	}
	return r
}

var seedFlag = flag.Uint64("seed", 0, "seed of random tests, as a failed one printed it; 0: a new one")

// seeded returns the seed of a random test, printed, and its generator.
func seeded(t testing.TB) (uint64, *rand.Rand) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	return seed, rand.New(rand.NewPCG(seed, 0))
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
