package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	ledgerSchema = "logferry"
	versionTable = "schema_migrations"

	ourLock  = 0x6c6f676665727279 // "logferry"
	lockPoll = 100 * time.Millisecond
)

// A session is the connection that holds our lock and reads and writes the
// marks. The library works on another one.
type session struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn
}

// parse reads a URL. The cause of a failure may quote the password, so only a
// file that could not be read (a certificate) is named.
func parse(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		if file, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, fmt.Errorf("%w: %w", ErrURL, file)
		}
		return nil, fmt.Errorf("%w: it should look like postgres://user:password@host:5432/name", ErrURL)
	}
	config.RuntimeParams["application_name"] = "logferry migrate"
	config.RuntimeParams["client_encoding"] = "UTF8"
	// No prepared statements, in case a pooler is in between after all.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return config, nil
}

// open connects and makes sure that the server will do. It changes nothing of
// the session: Version may come through a pooler.
func open(ctx context.Context, url string) (*session, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the warehouse: %w", err)
	}
	s := &session{config: config, conn: conn}
	if err := s.check(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	// The caller's context may be over; closing must still tell the server.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // the lock goes with the connection either way
}

// tune sets what migrating needs, whatever the role's own settings are. Sent as
// statements: poolers refuse most start-up parameters.
func tune(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `set lock_timeout = '5s'; set statement_timeout = 0; set idle_session_timeout = 0;
		set timezone = 'UTC'; set search_path = pg_catalog, pg_temp; set client_min_messages = warning`)
	if err != nil {
		return fmt.Errorf("preparing the session: %w", err)
	}
	// Lets the server notice that a migrator was killed. Not every server
	// platform can, and migrating works without.
	_, err = conn.Exec(ctx, `set client_connection_check_interval = '500ms'`)
	if err != nil && conn.IsClosed() {
		return fmt.Errorf("preparing the session: %w", err)
	}
	return nil
}

func (s *session) check(ctx context.Context) error {
	var version int
	var encoding string
	err := s.conn.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_encoding')`).
		Scan(&version, &encoding)
	if err != nil {
		return fmt.Errorf("asking the server's version: %w", err)
	}
	return fit(version, encoding)
}

// fit judges a server by its server_version_num and server_encoding.
func fit(version int, encoding string) error {
	switch {
	case version < 15_00_00:
		return fmt.Errorf("%w: it is version %d, and 15 or later is needed", ErrServer, version/10_000)
	case encoding != "UTF8":
		return fmt.Errorf("%w: the database's encoding is %s, and UTF8 is needed: create it with encoding 'UTF8' template template0",
			ErrServer, encoding)
	}
	return nil
}

// lock takes our lock, which ends with the session, and waits until nobody
// holds the library's.
func (s *session) lock(ctx context.Context, wait time.Duration) error {
	var name string
	if err := s.conn.QueryRow(ctx, `select current_database()`).Scan(&name); err != nil {
		return fmt.Errorf("asking the database's name: %w", err)
	}
	theirs, err := database.GenerateAdvisoryLockId(name, ledgerSchema, versionTable)
	if err != nil {
		return fmt.Errorf("naming the library's lock: %w", err)
	}
	deadline, cancel := context.WithTimeoutCause(ctx, wait,
		fmt.Errorf("%w: waited %s for another migration to end; try again later", ErrBusy, wait))
	defer cancel()
	if err := s.poll(deadline, fmt.Sprint(ourLock)); err != nil {
		return err
	}
	if err := s.poll(deadline, theirs); err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, `select pg_advisory_unlock(`+theirs+`)`); err != nil {
		return fmt.Errorf("releasing the library's lock: %w", err)
	}
	return nil
}

func (s *session) poll(ctx context.Context, id string) error {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		var got bool
		err := s.conn.QueryRow(ctx, `select pg_try_advisory_lock(`+id+`)`).Scan(&got)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("taking the migration lock: %w", err)
		case got:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// prepare makes what must be there before the first file: the schema and the
// table of the marks.
func (s *session) prepare(ctx context.Context) error {
	var there bool
	if err := s.conn.QueryRow(ctx, `select to_regnamespace('logferry') is not null`).Scan(&there); err != nil {
		return fmt.Errorf("looking for schema logferry: %w", err)
	}
	if !there {
		if _, err := s.conn.Exec(ctx, `create schema logferry`); err != nil {
			return s.explain("creating schema logferry", err)
		}
	}
	_, err := s.conn.Exec(ctx, `create table if not exists logferry.applied (
		version bigint primary key, sha256 text not null, applied_at timestamptz not null default now())`)
	if err != nil {
		return s.explain("creating table logferry.applied", err)
	}
	return nil
}

// explain words an error of the server for people: no statement, no row, and
// what to do where that is known.
func (s *session) explain(doing string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch pg.Code {
	case "42501":
		return fmt.Errorf("%w: %s: %s; the migrating role must own schemas logferry, logferry_private and llm, or may create them: grant create on database %s to %s",
			ErrGrant, doing, pg.Message,
			pgx.Identifier{s.config.Database}.Sanitize(), pgx.Identifier{s.config.User}.Sanitize())
	case "55P03":
		return fmt.Errorf("%w: %s: waited 5 s for a lock that somebody else holds; try again later", ErrBusy, doing)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
