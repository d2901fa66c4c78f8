package migrations

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtest"
)

// childURL, when set, makes the test binary a migrator that the kill test kills.
const childURL = "MIGRATIONS_TEST_CHILD_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := Up(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	pgtest.Main(m)
}

// migrated connects to a database of its own at the newest version.
func migrated(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, pgtest.New(t, Up))
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// run executes a statement, in a cleanup too, when the test's context is over.
func run(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), statement, args...); err != nil {
		t.Fatalf("%v\nin: %s", err, statement)
	}
}

// lines returns a query's rows as text, columns joined by " | ".
func lines(t *testing.T, conn *pgx.Conn, query string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%v\nin: %s", err, query)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			texts = append(texts, fmt.Sprint(v))
		}
		list = append(list, strings.Join(texts, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\nin: %s", err, query)
	}
	return list
}

// catalog describes everything in the three schemas.
func catalog(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	const ours = `('llm', 'logferry', 'logferry_private')`
	run(t, conn, "set search_path = pg_catalog")
	var all []string
	for _, query := range []string{
		`select 'schema', nspname, nspacl::text, obj_description(oid) from pg_namespace where nspname in ` + ours + ` order by 2`,
		`select 'relation', c.oid::regclass::text, relkind::text, relacl::text, reloptions::text, obj_description(c.oid),
		        case when relkind = 'v' then pg_get_viewdef(c.oid) end, pg_get_expr(relpartbound, c.oid)
		 from pg_class c where relnamespace::regnamespace::text in ` + ours + ` order by 2`,
		`select 'column', c.oid::regclass::text, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attcompression::text,
		        attidentity::text, attcollation::regcollation::text, pg_get_expr(adbin, adrelid), col_description(c.oid, attnum)
		 from pg_attribute a join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
		 where relnamespace::regnamespace::text in ` + ours + ` and attnum > 0 order by 2, 3`,
		`select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
		 where connamespace::regnamespace::text in ` + ours + ` order by 2, 3`,
		`select 'index', indexdef from pg_indexes where schemaname in ` + ours + ` order by 2`,
		`select 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid), proacl::text, obj_description(p.oid)
		 from pg_proc p where pronamespace::regnamespace::text in ` + ours + ` order by 2`,
	} {
		all = append(all, lines(t, conn, query)...)
	}
	return all
}
