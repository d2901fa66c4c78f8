package demo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtemp"
)

// dbname is the database of the private server.
const dbname = "logferry"

// A database is where the demo loads into.
type database struct {
	url    string
	suffix string         // sets this run's streams apart from others there
	server *pgtemp.Server // nil: somebody else's
	keep   bool

	streams []string // that the demo loads; nil: none yet
}

// openDatabase starts a private server, or takes the database it was given.
func openDatabase(ctx context.Context, o Options, p *printer) (*database, error) {
	if o.DatabaseURL != "" {
		p.step("loading into the database of DATABASE_URL")
		return &database{url: o.DatabaseURL, suffix: time.Now().UTC().Format("-060102150405")}, nil
	}
	server, err := pgtemp.Start(ctx, pgtemp.Options{Keep: o.Keep, InMemory: !o.Keep, Notice: o.Out})
	if err != nil {
		return nil, err
	}
	db := &database{url: server.URL(dbname), server: server, keep: o.Keep}
	version, err := prepare(ctx, server.URL("postgres"))
	if err != nil {
		return nil, errors.Join(err, db.leave(p))
	}
	p.step("a private PostgreSQL %s is up, on a Unix socket only", version)
	return db, nil
}

// prepare makes the database and returns the server's version.
func prepare(ctx context.Context, url string) (version string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, "select split_part(current_setting('server_version'), ' ', 1)").Scan(&version); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, "create database "+dbname)
	return version, err
}

// leave removes the private server, or says what stays and how to reach it.
func (db *database) leave(p *printer) error {
	p.line("")
	switch {
	case db.server == nil && db.streams == nil:
		return nil
	case db.server == nil:
		p.line("What was loaded stays in the database of DATABASE_URL. Streams of this demo:")
		p.indented(strings.Join(db.streams, "\n"))
		return nil
	case db.keep:
		p.line("The database stays up. To look into it:\n\n  %s\n", db.server.PSQL(dbname))
		p.line("To stop and remove it:\n\n  %s", db.server.StopCommand())
		return nil
	}
	err := db.server.Stop()
	if err == nil {
		p.line("Everything that this demo started is stopped and removed.")
		p.line("To keep the database and look into it: logferry demo --keep")
	}
	return err
}
