package load

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// canary stands for everything that must never be in an error's text: content
// of rows, passwords.
const canary = "canary-5d1e"

// silent is the address of a server that takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// What can go wrong with a connection: each is one line that says what to do.
func TestConnectionErrors(t *testing.T) {
	t.Parallel()
	at := func(change func(*url.URL)) string {
		u, err := url.Parse(open(t).pool.Config().ConnString())
		must(t, err)
		change(u)
		return u.String()
	}
	for name, test := range map[string]struct {
		url   string
		class Class
		says  string
	}{
		"refused":              {"postgres://u:" + canary + "@127.0.0.1:1/db", Temporary, "no answer (connection refused); is DATABASE_URL right"},
		"refused by two hosts": {"postgres://u:" + canary + "@127.0.0.1:1,127.0.0.2:1/db", Temporary, "no answer (connection refused); is DATABASE_URL right"},
		"no such host":         {"host=" + strings.Repeat("x", 70) + ".invalid user=u password=" + canary, Temporary, "no such host"},
		"no answer in time":    {"postgres://u:" + canary + "@" + silent(t) + "/db?connect_timeout=1", Temporary, "no answer (timed out)"},
		"no such database":     {at(func(u *url.URL) { u.Path = "/nowhere" }), Config, "check the database name"},
		"no such user":         {at(func(u *url.URL) { u.RawQuery += "&user=nobody&password=" + canary }), Refused, "check"},
		"not the right socket": {"host=/nowhere user=u dbname=d password=" + canary, Temporary, "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pgx.Connect(t.Context(), test.url)
			err = classify("connect", err)
			classified, ok := errors.AsType[*Error](err)
			if !ok || classified.Class != test.class || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want class %d and %q", err, test.class, test.says)
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line without the password: %q", err)
			}
		})
	}
}

// A database that can't be reached at the start is not waited for as long as
// one that goes away in the middle of a run.
func TestOpenHasLittlePatience(t *testing.T) {
	t.Parallel()
	began := time.Now()
	_, err := Open(t.Context(), "postgres://u:"+canary+"@127.0.0.1:1/db", Options{})
	took := time.Since(began)
	if err == nil || took < openFor || took > workFor/2 {
		t.Errorf("%v after %s, want an error after little more than %s", err, took, openFor)
	}
	if want := "database: connect: no answer (connection refused); is DATABASE_URL right and the server up?"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	_, err = Open(t.Context(), "postgres://u:"+canary+"@h:port/db", Options{})
	classified, ok := errors.AsType[*Error](err)
	if !ok || classified.Class != Config || strings.Contains(err.Error(), canary) {
		t.Errorf("a malformed URL: %v", err)
	}
}

// A run's own end keeps its meaning, and shows nothing of the connection.
func TestEndedRuns(t *testing.T) {
	t.Parallel()
	s := open(t)
	held, err := s.pool.Begin(t.Context())
	must(t, err)
	defer held.Rollback(context.WithoutCancel(t.Context()))
	_, err = held.Exec(t.Context(), `lock table logferry.runs`)
	must(t, err)
	for want, ended := range map[error]func(context.Context) (context.Context, context.CancelFunc){
		context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(50*time.Millisecond, cancel)
			return ctx, cancel
		},
		context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		},
	} {
		ctx, cancel := ended(t.Context())
		_, err := s.StartRun(ctx, Run{Command: "sync"})
		cancel()
		if !errors.Is(err, want) || err.Error() != "enter the run: "+want.Error() {
			t.Errorf("%v, want %v", err, want)
		}
		if classified, ok := errors.AsType[*Error](err); ok {
			t.Errorf("%v has class %d: the database did nothing wrong", err, classified.Class)
		}
	}
	unreachable, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Open(unreachable, "postgres://u@"+silent(t)+"/db", Options{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: the run's own end can't be told", err)
	}
}

// What Postgres says of a row is never shown, whatever it says it in.
func TestPostgresErrors(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		sql   string
		class Class
		says  string
	}{
		"a key that is there": {`insert into logferry.streams (stream_id, source, container_ref, stream_name)
			select n, 'keywords_ai', '` + canary + `', 'x' || n from generate_series(1, 2) n`, Unexpected, "SQLSTATE 23505"},
		"a check":               {`insert into logferry.streams (stream_id, source, container_ref, stream_name) values (9, '` + canary + `', '', '')`, Unexpected, "streams_source_check"},
		"a value":               {`select '` + canary + `'::integer`, Unexpected, "Postgres refused a value (SQLSTATE 22P02)"},
		"a document":            {`select '{"a":"` + canary + `}'::jsonb`, Unexpected, "Postgres refused a value (SQLSTATE 22P02)"},
		"a text too long to be": {`select repeat('` + canary + `', 100000000)`, Unexpected, "SQLSTATE 54000"},
		"a lost grant":          {`set local role pg_monitor; select from logferry.runs`, Refused, "lacks a grant"},
		"a table that is not":   {`select from logferry.nothing`, Config, "migrate up"},
		"a schema that is not":  {`create table nothing.nothing ()`, Config, "migrate up"},
		"a column that is not":  {`select nothing from logferry.runs`, Config, "migrate up"},
		"a read-only server":    {`set transaction read only; delete from logferry.runs`, Temporary, "target_session_attrs"},
		"a slow statement":      {`set local statement_timeout = 1; select pg_sleep(5)`, Temporary, "SQLSTATE 57014"},
		"a full disk":           {`do $$ begin raise exception 'could not extend file' using errcode = '53100', detail = '` + canary + `'; end $$`, Temporary, "disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := s.tx(t.Context(), "try", func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), test.sql, pgx.QueryExecModeSimpleProtocol)
				return err
			})
			classified, ok := errors.AsType[*Error](err)
			if !ok || classified.Class != test.class || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want class %d and %q", err, test.class, test.says)
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\n") {
				t.Errorf("shows a row: %v", err)
			}
		})
	}
}

// A pooler's own errors have one code, whatever they mean.
func TestPoolersErrors(t *testing.T) {
	t.Parallel()
	const advice = "; a pooler says so: it must have an entry for the database, be in session or transaction mode, and take the URL's parameters"
	for message, want := range map[string]struct {
		class  Class
		advice string
	}{
		"transaction blocks not allowed in statement pooling mode": {Config, advice},
		"unsupported startup parameter: options":                   {Config, advice},
		"no such database: x":                                      {Config, advice},
		"bouncer config error":                                     {Config, advice},
		"no such user: x":                                          {Refused, ""},
		"query_wait_timeout":                                       {Temporary, ""},
		"server conn crashed?":                                     {Temporary, ""},
	} {
		pg := &pgconn.PgError{Code: "08P01", Message: message}
		classified, ok := errors.AsType[*Error](classify("try", pg))
		if !ok || classified.Class != want.class || classified.Err.Error() != message+" (SQLSTATE 08P01)"+want.advice {
			t.Errorf("%v; want class %d", classified, want.class)
		}
		if passing(pg) != (want.class == Temporary) {
			t.Errorf("%s: tried again: %t", message, passing(pg))
		}
	}
}

// Deadlocks, lock timeouts and lost connections are tried again; what a
// transaction did before is gone, so it may.
func TestPassingErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, code := range []string{"40P01", "40001", "55P03", "57P01", "25P03", "08006", "08P01"} {
		tries := 0
		err := s.tx(t.Context(), "try", func(tx pgx.Tx) error {
			if tries++; tries == 3 {
				return nil
			}
			_, err := tx.Exec(t.Context(), `do $$ begin raise exception 'x' using errcode = '`+code+`'; end $$`)
			return err
		})
		if err != nil || tries != 3 {
			t.Errorf("%s: %v after %d tries", code, err, tries)
		}
	}
	kills := 0
	err := s.tx(t.Context(), "try", func(tx pgx.Tx) error {
		if kills++; kills < 3 {
			_, err := tx.Exec(t.Context(), `select pg_terminate_backend(pg_backend_pid())`)
			return err
		}
		return nil
	})
	if err != nil || kills != 3 {
		t.Errorf("killed connection: %v after %d tries", err, kills)
	}
}
