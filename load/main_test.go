package load

import (
	"testing"

	"logferry/internal/pgtest"
	"logferry/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open gives a store on a migrated database of the test's own.
func open(t *testing.T) *Store {
	t.Helper()
	return connectTo(t, pgtest.New(t, migrations.Up))
}

// connect opens the database of other once more, as a second process would.
func connect(t *testing.T, other *Store) *Store {
	t.Helper()
	return connectTo(t, other.pool.Config().ConnString())
}

func connectTo(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// execSQL runs a statement beside the store's own.
func execSQL(t *testing.T, s *Store, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// count runs a query that gives one number.
func count(t *testing.T, s *Store, sql string, args ...any) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
