package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtemp"
)

// server is what databases are made on: a private one, or one that the environment names.
type server struct {
	private *pgtemp.Server // nil: the named one
	named   *url.URL       // nil: the private one
	prefix  string         // of all our databases, so that processes which share a server don't clash
	made    atomic.Int64

	mu        sync.Mutex
	templates map[string]*madeTemplate
}

// madeTemplate is the outcome of migrating once, good or bad.
type madeTemplate struct {
	once     sync.Once
	database string
	err      error
}

var (
	starting sync.Mutex
	running  *server
	notHad   error // why no server could be started; asked once, told to every test
)

// theServer starts the server at the first call.
func theServer(t testing.TB) *server {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	if running == nil && notHad == nil {
		running, notHad = start()
	}
	if notHad != nil {
		t.Fatalf("this test needs PostgreSQL: %v", notHad)
	}
	return running
}

func start() (*server, error) {
	s := &server{
		prefix:    "logferry_test_" + strings.ToLower(rand.Text()[:8]),
		templates: map[string]*madeTemplate{},
	}
	if named := os.Getenv(URLVariable); named != "" {
		u, err := url.Parse(named)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			// Not wrapped: the error would show the password.
			return nil, errors.New(URLVariable + " is not of the form postgres://user:password@host:port/database")
		}
		s.named = u
		return s, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var err error
	// Parallel tests with a pool each want more than the usual 100 connections.
	s.private, err = pgtemp.Start(ctx, pgtemp.Options{
		Settings: map[string]string{"max_connections": "300"},
		InMemory: true,
		Notice:   os.Stderr,
	})
	if err != nil {
		return s, err
	}
	// Autovacuum would go round all databases every minute, of which there are hundreds that live for seconds.
	return s, errors.Join(
		s.exec(ctx, "alter system set autovacuum_naptime = '"+Naptime+"'"), // a test may reset it
		s.exec(ctx, "select pg_reload_conf()"))
}

// stop removes what was made: the private server, or our templates on the named one.
func stop() error {
	starting.Lock()
	defer starting.Unlock()
	if running == nil {
		return nil
	}
	s := running
	running = nil
	if s.private != nil {
		return s.private.Stop()
	}
	var errs []error
	for _, tpl := range s.templates {
		errs = append(errs, s.drop(tpl.database))
	}
	return errors.Join(errs...)
}

func (s *server) url(database string) string {
	if s.private != nil {
		return s.private.URL(database) + "&password=" + Password
	}
	u := *s.named
	u.Path = "/" + database
	return u.String()
}

// home is the database from which others are made and dropped.
func (s *server) home() string {
	if s.private != nil {
		return s.private.URL("postgres")
	}
	return s.named.String()
}

func (s *server) nextName() string {
	return fmt.Sprintf("%s_%d", s.prefix, s.made.Add(1))
}

// template returns the database to copy for tpl, migrating it the first time; callers of the same name wait.
func (s *server) template(tpl Template) (string, error) {
	s.mu.Lock()
	made := s.templates[tpl.Name]
	if made == nil {
		made = &madeTemplate{database: s.nextName()}
		s.templates[tpl.Name] = made
	}
	s.mu.Unlock()
	made.once.Do(func() { made.err = s.migrate(made.database, tpl) })
	return made.database, made.err
}

func (s *server) migrate(database string, tpl Template) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.exec(ctx, "create database "+database+" template template0"); err != nil {
		return err
	}
	if err := tpl.Migrate(ctx, s.url(database)); err != nil {
		return fmt.Errorf("migrating it: %w", err)
	}
	// Nobody connects from here on, by mistake or otherwise: a connection would keep it from being copied.
	return s.exec(ctx, "alter database "+database+" with allow_connections false")
}

// database makes a copy of the source and drops it when the test ends.
func (s *server) database(t testing.TB, source string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	name := s.nextName()
	if err := s.exec(ctx, "create database "+name+" template "+source); err != nil {
		t.Fatalf("making a test database: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the database of this test was %s", name)
		}
		if err := s.drop(name); err != nil {
			t.Errorf("dropping the database of this test: %v", err)
		}
	})
	return s.url(name)
}

// drop has a context of its own because a test's is cancelled before its cleanup runs.
func (s *server) drop(database string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return s.exec(ctx, "drop database if exists "+database+" with (force)")
}

// exec runs one statement on a connection of its own, as making databases wants it.
func (s *server) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.home())
	if err != nil {
		return fmt.Errorf("connecting to the test server: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
