// Package migrations holds the warehouse's schema as numbered SQL files and
// applies them with golang-migrate.
//
// The library alone is not enough: its lock waits without end, it says "dirty"
// without saying what was applied, and it knows no context. So [Up] wraps it:
//
//   - It holds an advisory lock of its own while it works, polled for (a
//     session that sleeps inside pg_advisory_lock holds a snapshot, which
//     CREATE INDEX CONCURRENTLY waits for), and gives up with [ErrBusy]. Then it
//     waits for the library's lock too: the backend of a migrator that was
//     killed keeps it until its last statement has ended.
//   - Each file goes to the server as one message, which is one transaction. The
//     wrapper adds a statement to it that records the file's number and SHA-256
//     in logferry.applied, so the mark commits exactly when the file does. A
//     schema that a killed migrator left dirty is really at the highest mark:
//     the library is told so, and goes on from there.
//   - A file that was applied and then edited no longer fits its mark: [ErrEdited].
//   - Between two files the context is looked at. A file is never broken off.
//
// A file that begins with the line "-- no-transaction" (for CREATE INDEX
// CONCURRENTLY) gets no mark; it holds a single statement and may be run again.
//
// Files only add, and one that has been released is never edited. Down files are
// for development.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

//go:embed sql/*.sql
var embedded embed.FS

var (
	// ErrBusy says that somebody else was migrating, or held a lock on what was
	// to be changed, for longer than the wait. Nothing is broken: try again.
	ErrBusy = errors.New("the schema is locked by another process")
	// ErrEdited says that a file was changed after it had been applied.
	ErrEdited = errors.New("an applied migration file was edited")
	// ErrServer says that the server cannot hold the warehouse: it is older than
	// Postgres 15, or the database's encoding is not UTF8.
	ErrServer = errors.New("this Postgres cannot hold the warehouse")
	// ErrURL says that the database URL cannot be read. It never quotes it.
	ErrURL = errors.New("the database URL cannot be read")
	// ErrGrant says that the role lacks a right that migrating needs.
	ErrGrant = errors.New("the database role lacks a right")
)

// Options change how migrations are applied. The zero value is fit for use.
type Options struct {
	// Wait is how long to wait for another migrator; 0: one minute.
	Wait time.Duration
	// Done is called after each file with its name and how long it took; nil:
	// not called.
	Done func(file string, took time.Duration)
}

// Up brings the database at url (any libpq URL or keyword string, a direct
// connection and not a transaction pooler) to the newest version. A database
// that is newer already is left as it is.
func Up(ctx context.Context, url string) error { return Options{}.Up(ctx, url) }

// Down takes the database back to version to; 0 leaves empty schemas. It drops
// tables with what they hold.
func Down(ctx context.Context, url string, to int) error { return Options{}.Down(ctx, url, to) }

// Up is [Up] with options.
func (o Options) Up(ctx context.Context, url string) error {
	return o.run(ctx, url, files(), (*migrator).up)
}

// Down is [Down] with options.
func (o Options) Down(ctx context.Context, url string, to int) error {
	return o.run(ctx, url, files(), func(m *migrator, ctx context.Context) error { return m.down(ctx, to) })
}

// Newest returns the version that the embedded files lead to: what Up leaves
// behind, and the least that this program's other commands need.
func Newest() int {
	list, err := readFiles(files())
	if err != nil {
		panic(err) // the files are part of the program; the tests read them
	}
	return int(list[len(list)-1].version)
}

func files() fs.FS {
	sub, err := fs.Sub(embedded, "sql")
	if err != nil {
		panic(err) // only for a malformed path
	}
	return sub
}

// run does one thing to the schema while nobody else may.
func (o Options) run(ctx context.Context, url string, fsys fs.FS, do func(*migrator, context.Context) error) error {
	list, err := readFiles(fsys)
	if err != nil {
		return err
	}
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	s, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer s.close()
	if err := tune(ctx, s.conn); err != nil {
		return err
	}
	if err := s.lock(ctx, o.Wait); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	m, err := newMigrator(s, fsys, list, o.Done)
	if err != nil {
		return err
	}
	defer m.close()
	if err := do(m, ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}
