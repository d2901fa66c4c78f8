package pgtest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

var migrations atomic.Int64

func migrate(ctx context.Context, url string) error {
	migrations.Add(1)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "create table ferry (name text); insert into ferry values ('template')")
	return err
}

// TestCopies runs many tests side by side: the schema is migrated once, and no test sees another's rows.
func TestCopies(t *testing.T) {
	t.Run("side by side", func(t *testing.T) {
		for range 8 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				conn := connect(t, New(t, migrate))
				if n := count(t, conn, "select count(*) from ferry"); n != 1 {
					t.Errorf("a fresh database has %d rows, want the template's one", n)
				}
				if _, err := conn.Exec(t.Context(), "insert into ferry values ('mine')"); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
	if n := migrations.Load(); n != 1 {
		t.Errorf("the template was migrated %d times, want once", n)
	}
}

func TestTemplatesAreToldApartByName(t *testing.T) {
	table := func(name string) func(context.Context, string) error {
		return func(ctx context.Context, url string) error {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			_, err = conn.Exec(ctx, "create table "+name+" ()")
			return err
		}
	}
	for _, name := range []string{"pier", "quay"} {
		conn := connect(t, Template{Name: name, Migrate: table(name)}.New(t))
		if n := count(t, conn, "select count(*) from pg_tables where tablename in ('pier', 'quay')"); n != 1 {
			t.Errorf("template %s has %d of the two tables, want its own", name, n)
		}
		if n := count(t, conn, "select count(*) from "+name); n != 0 {
			t.Errorf("table %s has %d rows", name, n)
		}
	}
}

func TestEmptyIsUTF8AndEmpty(t *testing.T) {
	conn := connect(t, Empty(t))
	if n := count(t, conn, "select count(*) from pg_tables where schemaname = 'public'"); n != 0 {
		t.Errorf("an empty database has %d tables", n)
	}
	if n := count(t, conn, "select count(*) from pg_database where datname = current_database() and encoding = 6"); n != 1 {
		t.Error("the database is not encoded in UTF8")
	}
}

// TestDroppedAtTheEnd leaves a session open, as a test with a pool does: the database goes all the same.
func TestDroppedAtTheEnd(t *testing.T) {
	var name string
	t.Run("inner", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), Empty(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRow(t.Context(), "select current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	conn := connect(t, theServer(t).home())
	if n := count(t, conn, "select count(*) from pg_database where datname = '"+name+"'"); n != 0 {
		t.Errorf("database %s outlives its test", name)
	}
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

func count(t *testing.T, conn *pgx.Conn, query string) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
