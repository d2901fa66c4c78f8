package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v7"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Store is the warehouse, as the flow sees it. It is safe for concurrent
// use. It keeps no session state, so it works through a pooler in transaction
// mode.
type Store struct {
	pool *pgxpool.Pool
	dims dimensions
	lock time.Duration // how long a lock is waited for at a time
	work time.Duration // how long what may be tried again is
}

// poolSize leaves room for a few windows writing side by side, the lease
// renewals and the budget draws; more would only queue inside Postgres.
const poolSize = 6

// Options say how a process connects.
type Options struct {
	Version  string        // logferry's own, which the server shows beside the connections
	Silence  time.Duration // how long a server that was asked may say nothing; 0: 5 min
	Patience time.Duration // how long a server that is down or busy is waited for, a lock a third of it at a time; 0: 30 s
}

// Open connects to the warehouse at url and checks that it answers. The
// caller checks the schema's version. Errors never show the url.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, &Error{Class: Config, Op: "read the database URL", Err: errors.New("not a libpq URL or DSN")}
	}
	cfg.MaxConns = max(poolSize, min(cfg.MaxConns, 2*poolSize))
	// A pooler in transaction mode keeps no prepared statements.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	cfg.ConnConfig.DialFunc = dialer(o.Silence)
	// These two are the only startup parameters that every pooler accepts.
	cfg.ConnConfig.RuntimeParams["application_name"] = "logferry/" + o.Version
	cfg.ConnConfig.RuntimeParams["TimeZone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, classify("connect", err)
	}
	s := &Store{pool: pool, lock: lockFor, work: workFor}
	if o.Patience != 0 {
		s.lock, s.work = o.Patience/3, o.Patience
	}
	if err := s.retryFor(ctx, openFor, func() error { return pool.Ping(ctx) }); err != nil {
		pool.Close()
		return nil, classify("connect", err)
	}
	return s, nil
}

// closeFor is how long a server may take to part. One that doesn't answer must
// not keep a process that has said its last.
const closeFor = 2 * time.Second

// Close ends all connections.
func (s *Store) Close() {
	closed := make(chan struct{})
	go func() {
		s.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeFor):
	}
}

// Now is the database clock, the only clock that plans are made by.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	err := s.retry(ctx, func() error {
		return s.pool.QueryRow(ctx, `select clock_timestamp()`).Scan(&now)
	})
	return now.UTC(), classify("read the database clock", err)
}

// A Server is what Postgres says of itself.
type Server struct {
	Major    int    // 15
	Version  string // 15.4, with the packager's words after it
	Encoding string // of the database: UTF8
}

// Server asks Postgres what it is.
func (s *Store) Server(ctx context.Context) (Server, error) {
	var v Server
	var number int
	err := s.retry(ctx, func() error {
		return s.pool.QueryRow(ctx, `
			select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')`).
			Scan(&number, &v.Version, &v.Encoding)
	})
	v.Major = number / 10_000
	return v, classify("ask for the server's version", err)
}

// begin opens every transaction: locks are waited for briefly (the transaction
// is tried again), and a statement that hangs is cut. A session whose client is
// gone without a word lets its locks go while that client still tries again.
func (s *Store) begin() pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: fmt.Sprintf(`begin; set local lock_timeout = %d; set local statement_timeout = '120s';
		set local idle_in_transaction_session_timeout = '20s'`, s.lock.Milliseconds())}
}

// tx runs fn in one transaction and tries again what Postgres says may be
// tried again. fn must therefore be safe to run more than once.
func (s *Store) tx(ctx context.Context, op string, fn func(pgx.Tx) error) error {
	err := s.retry(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, s.begin(), fn)
	})
	return classify(op, err)
}

// How long a database that is down or busy is waited for: at the start, where
// the URL may be wrong and somebody sits waiting, and in the middle of a run,
// where a restart of the server should not cost the run. A lock is given up
// after lockFor, so as not to hold others' while waiting, and tried again.
const (
	openFor = 3 * time.Second
	workFor = 30 * time.Second
	lockFor = 10 * time.Second
)

// retry calls fn until it succeeds, fails for good, or still fails after the
// time that work may take since it first did.
func (s *Store) retry(ctx context.Context, fn func() error) error {
	return s.retryFor(ctx, s.work, fn)
}

func (s *Store) retryFor(ctx context.Context, limit time.Duration, fn func() error) error {
	delays := backoff.NewExponentialBackOff()
	delays.InitialInterval = 20 * time.Millisecond
	delays.MaxInterval = 2 * time.Second
	var deadline time.Time
	for {
		err := s.blame(ctx, fn())
		if deadline.IsZero() {
			deadline = time.Now().Add(limit)
		}
		if err == nil || !passing(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delays.NextBackOff()):
		}
	}
}

// micros is t as Postgres keeps it.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// SchemaVersion is the migration level of the database and whether a migration
// was left half done; 0 when no migration was ever run.
func (s *Store) SchemaVersion(ctx context.Context) (version int, dirty bool, err error) {
	err = s.retry(ctx, func() error {
		var table *string
		err := s.pool.QueryRow(ctx, `select to_regclass('logferry.schema_migrations')::text`).Scan(&table)
		if err != nil || table == nil {
			return err
		}
		return s.pool.QueryRow(ctx, `select version, dirty from logferry.schema_migrations`).Scan(&version, &dirty)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return version, dirty, classify("read the schema's version", err)
}

// interval renders d for an explicit cast to interval.
func interval(d time.Duration) string {
	return strconv.FormatInt(d.Microseconds(), 10) + " microseconds"
}

// span names a half-open stretch of time in messages.
func span(from, to time.Time) string {
	return fmt.Sprintf("[%s, %s)", from.UTC().Format(time.RFC3339Nano), to.UTC().Format(time.RFC3339Nano))
}
