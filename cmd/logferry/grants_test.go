package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"logferry/migrations"
)

// TestD09SchemaAndGrants: the warehouse is there, and is not what it should be.
func TestD09SchemaAndGrants(t *testing.T) {
	t.Parallel()
	w := full(t)
	const role = "without_grants"
	w.query(`create role ` + role + ` login`)
	t.Cleanup(func() { w.query(`drop role ` + role) })
	bare, old, dirty, holed := newWorld(t, nothing), newWorld(t, oneBehind), full(t), full(t)
	dirty.query(`update logferry.schema_migrations set dirty = true`)
	holed.query(`drop table logferry_private.raw_logs`)
	for _, m := range []mistake{
		{"no grant at all", "sync", []string{"DATABASE_URL", w.database("user", role)}, 77,
			"database: read the schema's version: permission denied for schema logferry (SQLSTATE 42501); the role in DATABASE_URL lacks a grant"},
		{"no grant to migrate", "migrate up", []string{"DATABASE_URL", bare.database("user", role)}, 77,
			"the database role lacks a right: creating schema logferry: permission denied for database " + bare.name() +
				"; the migrating role must own schemas logferry, logferry_private and llm, or may create them: grant create on database \"" + bare.name() + "\" to \"" + role + "\""},
		{"not migrated", "sync", []string{"DATABASE_URL", bare.env["DATABASE_URL"]}, 78, "the database has no logferry schema yet" + up},
		{"not migrated, status", "status", []string{"DATABASE_URL", bare.env["DATABASE_URL"]}, 78, "the database has no logferry schema yet" + up},
		{"an older schema", "sync", []string{"DATABASE_URL", old.env["DATABASE_URL"]}, 78,
			fmt.Sprintf("the database schema is at version %d, this program needs %d%s", migrations.Newest()-1, migrations.Newest(), up)},
		{"half migrated", "sync", []string{"DATABASE_URL", dirty.env["DATABASE_URL"]}, 78, "a migration was left half done: run 'logferry migrate up', which repairs it"},
		{"a table is gone", "sync", []string{"DATABASE_URL", holed.env["DATABASE_URL"]}, 78,
			`database: read what is stored: relation "logferry_private.raw_logs" does not exist (SQLSTATE 42P01); run 'logferry migrate up'`},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w.answers(t, m)
		})
	}
}

// TestD09NewerSchema: what a later version has migrated is accepted.
func TestD09NewerSchema(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.query(`update logferry.schema_migrations set version = version + 1`)
	w.ok("sync")
}

// TestD09LackingGrants: a role that lacks one right of those that a sync needs.
// Nothing of what it could not finish is there, and it goes on once it may.
func TestD09LackingGrants(t *testing.T) {
	t.Parallel()
	w := full(t)
	const role = "lacks_a_grant"
	w.query(`create role ` + role + ` login; grant usage, create on schema logferry, logferry_private, llm to ` + role + `;
		grant select, insert, update, delete on all tables in schema logferry, logferry_private, llm to ` + role + `;
		grant usage on all sequences in schema logferry, logferry_private to ` + role + `;
		grant execute on all functions in schema logferry, logferry_private to ` + role)
	owner := &world{t: t, env: environ{"DATABASE_URL": w.env["DATABASE_URL"]}}
	t.Cleanup(func() { owner.query(`drop owned by ` + role + ` cascade; drop role ` + role) })
	w.env["DATABASE_URL"] = w.database("user", role)
	for _, right := range []string{
		"insert on table logferry.requests", "update on table logferry.windows", "select on table logferry.stream_state",
		"insert on table logferry_private.raw_logs", "usage on schema logferry_private",
	} {
		owner.query(`revoke ` + right + ` from ` + role)
		r := w.run(t.Context(), "sync")
		if r.code != 77 || !strings.Contains(r.errs, "permission denied for") || !strings.Contains(r.errs, "(SQLSTATE 42501); the role in DATABASE_URL lacks a grant") {
			t.Errorf("without %s: exit code %d\n%s", right, r.code, r.errs)
		}
		owner.query(`grant ` + right + ` to ` + role)
	}
	w.ok("sync")
}

// TestD09Reader: a role that may only read can look, and cannot sync.
func TestD09Reader(t *testing.T) {
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
