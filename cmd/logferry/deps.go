package main

import (
	"context"
	"io"
	"time"

	"logferry/ferry"
)

// deps are the deeds behind the commands. They are functions so that a test of
// flags, settings and output can put its own in; [wired] gives the real ones.
type deps struct {
	open     func(context.Context, ferry.Config) (*flow, error)
	check    func(context.Context, ferry.Config) []ferry.Finding
	exitCode func(error) int

	migrateUp    func(ctx context.Context, url string, done func(file string, took time.Duration)) error
	migrateDown  func(ctx context.Context, url string, to int) error
	schemaAt     func(ctx context.Context, url string) (schemaState, error)
	newestSchema func() int

	demo func(context.Context, demoOptions) error
}

// A flow is an open connection to the warehouse and what can be done with it.
type flow struct {
	close      func()
	sync       func(context.Context) (ferry.Summary, error)
	backfill   func(context.Context, ferry.BackfillOptions) (ferry.Summary, error)
	verify     func(context.Context, ferry.VerifyOptions) (ferry.VerifyReport, error)
	status     func(context.Context) ([]ferry.StreamStatus, error)
	setEnabled func(ctx context.Context, stream string, on bool) error
	forget     func(ctx context.Context, stream string) error
	serve      func(context.Context, ferry.ServeOptions) error

	cases   func(ctx context.Context, stream string, resolved bool) ([]ferry.QuarantineCase, error)
	showOne func(ctx context.Context, id int64) (ferry.QuarantineCase, []byte, error)
	replay  func(ctx context.Context, ids []int64) (ferry.Replayed, error)
	discard func(ctx context.Context, ids []int64) (discarded int64, closed []int64, err error)
}

// schemaState is where a database's schema stands.
type schemaState struct {
	current, newest uint // versions; 0: nothing applied
	dirty           bool // a migration runs, or was killed
}

// demoOptions say what the demo does.
type demoOptions struct {
	trace       string // file; empty: synthetic traffic
	keep        bool
	databaseURL string // secret; empty: a private server
	out         io.Writer
}
