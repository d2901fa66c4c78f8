package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtemp"
)

// TestConnectionMistakes: everything is set, and the warehouse can't be reached.
func TestConnectionMistakes(t *testing.T) {
	t.Parallel()
	w := full(t)
	const noServer = "database: no answer (%s); is LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL, right and the server up?"
	for _, m := range []mistake{
		{"nobody listens", "status", []string{"DATABASE_URL", "postgres://me:" + canary + "@127.0.0.1:1/warehouse"}, 75,
			"database: connect: no answer (connection refused); is DATABASE_URL right and the server up?"},
		{"nobody listens, migrating", "migrate up", []string{"DATABASE_URL", "postgres://me:" + canary + "@127.0.0.1:1/warehouse"}, 75, fmt.Sprintf(noServer, "connection refused")},
		{"no such host", "migrate up", []string{"DATABASE_URL", "postgres://me:" + canary + "@nowhere.invalid/warehouse"}, 75, fmt.Sprintf(noServer, "no such host")},
		{"a server that says nothing", "migrate version", []string{"DATABASE_URL", "postgres://me:" + canary + "@" + silent(t) + "/warehouse?connect_timeout=1"}, 75, fmt.Sprintf(noServer, "timed out")},
		{"no such database", "sync", []string{"DATABASE_URL", w.database("dbname", "nowhere")}, 78,
			`database: connect: database "nowhere" does not exist (SQLSTATE 3D000); check the database name in DATABASE_URL`},
		{"no such user", "sync", []string{"DATABASE_URL", w.database("user", "nobody_here")}, 77,
			`database: connect: role "nobody_here" does not exist (SQLSTATE 28000); check the user in DATABASE_URL`},
		{"no such database to migrate", "migrate up", []string{"DATABASE_URL", w.database("dbname", "nowhere")}, 78,
			`database: database "nowhere" does not exist (SQLSTATE 3D000); create it, or check its name in LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL`},
		{"no such parameter", "sync", []string{"DATABASE_URL", w.database("options", "-cnonsense=on")}, 78,
			`database: connect: unrecognized configuration parameter "nonsense" (SQLSTATE 42704)`},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w.answers(t, m)
		})
	}
}

// TestD06ReadOnly: a server that takes no writes.
func TestD06ReadOnly(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, m := range []mistake{
		{"read-only", "sync", []string{"DATABASE_URL", w.database("options", "-cdefault_transaction_read_only=on")}, 75,
			"database: enter the run: cannot execute INSERT in a read-only transaction (SQLSTATE 25006); the server is read-only; add target_session_attrs=read-write to DATABASE_URL if it names several hosts"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w.answers(t, m)
		})
	}
}

// TestD08UnfitServer: a server that can't hold the warehouse.
func TestD08UnfitServer(t *testing.T) {
	t.Parallel()
	w, bare := full(t), newWorld(t, nothing)
	for _, m := range []mistake{
		{"an old server", "migrate up", []string{"DATABASE_URL", olderServer(t, bare)}, 78,
			"this Postgres cannot hold the warehouse: it is version 14, and 15 or later is needed"},
		{"another encoding", "migrate up", []string{"DATABASE_URL", bare.latin1()}, 78,
			"this Postgres cannot hold the warehouse: the database's encoding is LATIN1, and UTF8 is needed: create it with encoding 'UTF8' template template0"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w.answers(t, m)
		})
	}
}

// TestWrongPassword runs on a server of its own, for it changes how a role
// logs in.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	server, err := pgtemp.Start(t.Context(), pgtemp.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	w := newWorld(t, nothing)
	w.env["DATABASE_URL"] = server.URL("postgres")
	w.query(`create role guarded login password 'right'`)
	rules := strings.TrimSpace(w.query(`show hba_file`))
	w.query(`copy (select line from (select 0, 'local all guarded scram-sha-256' union all
		select n, line from string_to_table(pg_read_file('` + rules + `'), e'\n') with ordinality as f (line, n)) as l (n, line) order by n) to '` + rules + `'`)
	w.query(`select pg_reload_conf()`)
	wrong := w.database("user", "guarded", "password", canary)
	w.answers(t, mistake{"", "sync", []string{"DATABASE_URL", wrong}, 77,
		`database: connect: password authentication failed for user "guarded" (SQLSTATE 28P01); check user and password in DATABASE_URL`})
	w.answers(t, mistake{"", "migrate up", []string{"DATABASE_URL", wrong}, 77,
		`database: password authentication failed for user "guarded" (SQLSTATE 28P01); check user and password in LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL`})
}

// latin1 is the URL of a database of another encoding, dropped with the test.
func (w *world) latin1() string {
	w.t.Helper()
	name := w.name() + "_latin1"
	w.query(`create database ` + name + ` encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'`)
	w.t.Cleanup(func() { w.query(`drop database ` + name + ` with (force)`) })
	return w.database("dbname", name)
}

// silent is the address of a server that takes connections and never speaks.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// olderServer is the URL of the same database behind a proxy that makes the
// server say that it is version 14.
func olderServer(t *testing.T, w *world) string {
	t.Helper()
	config, err := pgx.ParseConfig(w.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	number := strings.Trim(w.query(`show server_version_num`), "\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", config.Host+"/.s.PGSQL."+fmt.Sprint(config.Port))
			if err != nil {
				client.Close()
				continue
			}
			go func() { _, _ = io.Copy(server, client); server.Close() }()
			go func() { _, _ = io.Copy(renamed{client, number, "14" + number[2:]}, server); client.Close() }()
		}
	}()
	u := url.URL{Scheme: "postgres", User: url.User(config.User), Host: listener.Addr().String(), Path: config.Database}
	return u.String()
}

// renamed writes with one text in place of another of the same length.
type renamed struct {
	to       io.Writer
	old, new string
}

func (r renamed) Write(p []byte) (int, error) {
	return r.to.Write(bytes.ReplaceAll(p, []byte(r.old), []byte(r.new)))
}
