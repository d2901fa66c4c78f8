package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A State is where a database's schema stands.
type State struct {
	Current uint // version of the schema; 0: nothing applied
	Newest  uint // version that the embedded files lead to
	// Dirty is true while a migration runs, and after one was killed: Up mends
	// that.
	Dirty bool
}

// Version reads the state of the database at url, and changes nothing. A
// database that was never migrated has version 0.
func Version(ctx context.Context, url string) (State, error) {
	s, err := open(ctx, url)
	if err != nil {
		return State{}, err
	}
	defer s.close()
	version, dirty, err := s.version(ctx)
	if err != nil {
		return State{}, err
	}
	return State{Current: uint(max(version, 0)), Newest: uint(Newest()), Dirty: dirty}, nil
}

// version reads what the library has written down: 0 when that is nothing, and
// -1 while the first file is being taken back.
func (s *session) version(ctx context.Context) (version int64, dirty bool, err error) {
	var there bool
	err = s.conn.QueryRow(ctx, `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relname = $2)`, ledgerSchema, versionTable).Scan(&there)
	if err != nil {
		return 0, false, fmt.Errorf("looking for the schema's version: %w", err)
	}
	if !there {
		return 0, false, nil
	}
	err = s.conn.QueryRow(ctx, `select version, dirty from logferry.schema_migrations`).Scan(&version, &dirty)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, false, fmt.Errorf("reading the schema's version: %w", err)
	}
	return version, dirty, nil
}
