// Package demo shows the whole job with nothing set up: it starts a private
// Postgres and both providers' APIs on this machine, fills them with traffic,
// syncs, compares every row with the call it came from, and syncs again.
//
// The comparison does not trust the code that it judges: what each column must
// hold is worked out from the [emulator.Call] that the served document was made
// of, not by reading the document (compare.go).
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"logferry/ferry"
	"logferry/migrations"
)

// Options say what [Run] does.
type Options struct {
	// Trace is the path of a CSV to replay as the traffic, of the form that
	// [emulator.ReadTrace] takes; empty: made-up traffic.
	Trace string
	// Keep leaves the private server up and says how to connect and how to
	// stop it. It has no meaning with DatabaseURL.
	Keep bool
	// DatabaseURL is the database to migrate and fill; secret. What the demo
	// loads there stays. Empty: a private server, removed at the end.
	DatabaseURL string
	// Out is where every line goes.
	Out io.Writer
}

// settle is that of the default settings: what is younger is tail.
const settle = 10 * time.Minute

// madeUpCalls are enough for many pages of each stream and for a busy week.
const madeUpCalls = 12_000

// Run runs the demo. It removes what it started also when it fails or ctx
// ends. A row that differs from what was served is an error, and so is a second
// sync that writes.
func Run(ctx context.Context, o Options) error {
	now := time.Now()
	t := madeUp(madeUpCalls, now)
	if o.Trace != "" {
		var err error
		if t, err = replayed(o.Trace, now); err != nil {
			return err
		}
	}
	return run(ctx, o, t)
}

func run(ctx context.Context, o Options, t traffic) error {
	p := &printer{to: o.Out, began: time.Now()}
	p.line("logferry demo: the logs of two gateways and a dataset, carried into Postgres\n")
	db, err := openDatabase(ctx, o, p)
	if err != nil {
		return orStopped(ctx, err)
	}
	err = orStopped(ctx, present(ctx, db, t, p))
	return errors.Join(err, db.leave(p))
}

// orStopped is err, or the end of ctx, which breaks things in many ways.
func orStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// present serves the traffic, carries it into the database and reports.
func present(ctx context.Context, db *database, t traffic, p *printer) error {
	w, err := newWorld(t.calls, db.suffix)
	if err != nil {
		return err
	}
	defer w.stop()
	p.step("both providers' APIs serve %s calls on this machine", grouped(len(t.calls)))
	for _, line := range t.about {
		p.more(line)
	}
	if err := migrations.Up(ctx, db.url); err != nil {
		return err
	}
	p.step("the schema is migrated to version %d", migrations.Newest())
	db.streams = w.streams()
	s := &show{world: w, url: db.url, print: p}
	if err := s.carry(ctx, t.calls[0].At); err != nil {
		return err
	}
	if err := s.report(ctx); err != nil {
		return err
	}
	s.next()
	return nil
}

// A show is the part between migrating and reporting, and what it found.
type show struct {
	world *world
	url   string
	print *printer

	first, second ferry.Summary
	cloudflare    int // requests of the first sync on Cloudflare's token
	keywordsAI    int // and on the Keywords AI key
	compared      tally
}

// carry syncs, compares, and syncs again.
func (s *show) carry(ctx context.Context, oldest time.Time) error {
	f, err := ferry.Open(ctx, s.config(oldest))
	if err != nil {
		return err
	}
	defer f.Close()
	if s.first, err = f.Sync(ctx); err != nil {
		return fmt.Errorf("the first sync: %w", err)
	}
	s.cloudflare, s.keywordsAI = s.world.requests(token), s.world.requests(key)
	s.print.step("first sync: %s logs read, %s rows inserted, %s requests, %.1f s",
		grouped(s.first.Rows), grouped(s.first.Inserted), grouped(s.first.Requests), s.first.Elapsed.Seconds())
	if s.compared, err = compare(ctx, s.url, s.world.feeds); err != nil {
		return err
	}
	s.print.step("compared: all %s rows equal what was served, in %d fields each;",
		grouped(s.compared.rows), s.compared.fields)
	s.print.more("no prompt text is stored")
	return s.again(ctx, f)
}

// again syncs once more; no row may be written by it.
func (s *show) again(ctx context.Context, f *ferry.Ferry) error {
	before, err := rowVersions(ctx, s.url, s.world.streams())
	if err != nil {
		return err
	}
	if s.second, err = f.Sync(ctx); err != nil {
		return fmt.Errorf("the second sync: %w", err)
	}
	after, err := rowVersions(ctx, s.url, s.world.streams())
	if err != nil {
		return err
	}
	if s.second.Inserted != 0 || s.second.Changed != 0 || before != after {
		return fmt.Errorf("the second sync wrote although nothing had changed: %d rows inserted, %d changed",
			s.second.Inserted, s.second.Changed)
	}
	s.print.step("second sync: 0 rows inserted, 0 changed, %s requests, %.1f s",
		grouped(s.second.Requests), s.second.Elapsed.Seconds())
	return nil
}

// config is the default settings, with budgets that are never waited for.
func (s *show) config(oldest time.Time) ferry.Config {
	raised := ferry.Budget{Requests: 1_000_000, Per: time.Minute}
	return ferry.Config{
		Version: "demo", Schema: migrations.Newest(), DatabaseURL: s.url,
		Cloudflare: &ferry.Cloudflare{Token: token, AccountID: s.world.account, BaseURL: s.world.base + "/client/v4", Budget: raised},
		KeywordsAI: &ferry.KeywordsAI{Key: key, KeyName: "KEYWORDSAI_API_KEY", BaseURL: s.world.base, Budget: raised},
		Start:      max(30*day, time.Since(oldest)+day), Settle: settle, Lookback: day, Tail: true, Raw: true,
		Concurrency: 8,
	}
}
