package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtemp"
	"logferry/migrations"
)

// TestDatabaseMistakes: everything is set, and the warehouse is not what it
// should be.
func TestDatabaseMistakes(t *testing.T) {
	t.Parallel()
	w := full(t)
	const role = "without_grants"
	w.query(`create role ` + role + ` login`)
	t.Cleanup(func() { w.query(`drop role ` + role) })
	bare, old := newWorld(t, nothing), newWorld(t, oneBehind)
	const (
		database = "DATABASE_URL"
		noServer = "database: no answer (%s); is LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL, right and the server up?"
	)
	for _, m := range []mistake{
		{"nobody listens", "status", []string{database, "postgres://me:" + canary + "@127.0.0.1:1/warehouse"}, 75,
			"database: connect: no answer (connection refused); is DATABASE_URL right and the server up?"},
		{"nobody listens, migrating", "migrate up", []string{database, "postgres://me:" + canary + "@127.0.0.1:1/warehouse"}, 75, fmt.Sprintf(noServer, "connection refused")},
		{"no such host", "migrate up", []string{database, "postgres://me:" + canary + "@nowhere.invalid/warehouse"}, 75, fmt.Sprintf(noServer, "no such host")},
		{"a server that says nothing", "migrate version", []string{database, "postgres://me:" + canary + "@" + silent(t) + "/warehouse?connect_timeout=1"}, 75, fmt.Sprintf(noServer, "timed out")},
		{"no such database", "sync", []string{database, w.database("dbname", "nowhere")}, 78,
			`database: connect: database "nowhere" does not exist (SQLSTATE 3D000); check the database name in DATABASE_URL`},
		{"no such user", "sync", []string{database, w.database("user", "nobody_here")}, 77,
			`database: connect: role "nobody_here" does not exist (SQLSTATE 28000); check the user in DATABASE_URL`},
		{"no grant at all", "sync", []string{database, w.database("user", role)}, 77,
			"database: read the schema's version: permission denied for schema logferry (SQLSTATE 42501); the role in DATABASE_URL lacks a grant"},
		{"no grant to migrate", "migrate up", []string{database, bare.database("user", role)}, 77,
			"the database role lacks a right: creating schema logferry: permission denied for database " + bare.name() +
				"; the migrating role must own schemas logferry, logferry_private and llm, or may create them: grant create on database \"" + bare.name() + "\" to \"" + role + "\""},
		{"no such database to migrate", "migrate up", []string{database, w.database("dbname", "nowhere")}, 78,
			`database: database "nowhere" does not exist (SQLSTATE 3D000); create it, or check its name in LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL`},
		{"no such parameter", "sync", []string{database, w.database("options", "-cnonsense=on")}, 78,
			`database: connect: unrecognized configuration parameter "nonsense" (SQLSTATE 42704)`},
		{"not migrated", "sync", []string{database, bare.env[database]}, 78, "the database has no logferry schema yet" + up},
		{"not migrated, status", "status", []string{database, bare.env[database]}, 78, "the database has no logferry schema yet" + up},
		{"an older schema", "sync", []string{database, old.env[database]}, 78,
			fmt.Sprintf("the database schema is at version %d, this program needs %d%s", migrations.Newest()-1, migrations.Newest(), up)},
		{"an old server", "migrate up", []string{database, olderServer(t, bare)}, 78,
			"this Postgres cannot hold the warehouse: it is version 14, and 15 or later is needed"},
		{"another encoding", "migrate up", []string{database, bare.latin1()}, 78,
			"this Postgres cannot hold the warehouse: the database's encoding is LATIN1, and UTF8 is needed: create it with encoding 'UTF8' template template0"},
		{"read-only", "sync", []string{database, w.database("options", "-cdefault_transaction_read_only=on")}, 75,
			"database: enter the run: cannot execute INSERT in a read-only transaction (SQLSTATE 25006); the server is read-only; add target_session_attrs=read-write to DATABASE_URL if it names several hosts"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w.answers(t, m)
		})
	}
}

// TestReader: a role that may only read can look, and cannot sync.
func TestReader(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.ok("sync")
	const role = "only_reader"
	w.query(`create role ` + role + ` login; grant usage on schema logferry, logferry_private, llm to ` + role + `;
		grant select on all tables in schema logferry, logferry_private, llm to ` + role)
	t.Cleanup(func() { w.query(`drop owned by ` + role + `; drop role ` + role) })
	reader := w.database("user", role)
	if out := w.ok("status", "DATABASE_URL", reader); !strings.Contains(out, "keywordsai/ds_1") {
		t.Errorf("status as a reader:\n%s", out)
	}
	w.answers(t, mistake{"", "sync", []string{"DATABASE_URL", reader}, 77,
		"database: enter the run: permission denied for table runs (SQLSTATE 42501); the role in DATABASE_URL lacks a grant"})
}

// TestWrongPassword runs on a server of its own, for it changes how a role
// logs in.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	server, err := pgtemp.Start(t.Context(), pgtemp.Options{})
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

// oneBehind is a schema that lacks the newest migration.
func oneBehind(ctx context.Context, url string) error {
	if err := migrations.Up(ctx, url); err != nil {
		return err
	}
	return migrations.Down(ctx, url, migrations.Newest()-1)
}

// name is that of the warehouse's database.
func (w *world) name() string {
	return strings.TrimSpace(w.query(`select current_database()`))
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
