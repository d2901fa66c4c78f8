package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	pgxdriver "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A migrator is the library at work under our lock.
type migrator struct {
	session *session
	files   []file
	done    func(string, time.Duration)
	lib     *migrate.Migrate
}

func newMigrator(s *session, fsys fs.FS, list []file, done func(string, time.Duration)) (*migrator, error) {
	src, err := newMarking(fsys, list)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*s.config, stdlib.OptionAfterConnect(tune))
	driver, err := pgxdriver.WithInstance(db, &pgxdriver.Config{
		SchemaName:            ledgerSchema,
		MigrationsTable:       pgx.Identifier{ledgerSchema, versionTable}.Sanitize(),
		MigrationsTableQuoted: true,
	})
	if err != nil {
		return nil, errors.Join(s.explain("creating table logferry.schema_migrations", plain(err)), db.Close())
	}
	lib, err := migrate.NewWithInstance("iofs", src, "pgx5", driver)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the migrations: %w", err), driver.Close())
	}
	return &migrator{session: s, files: list, done: done, lib: lib}, nil
}

func (m *migrator) close() {
	_, _ = m.lib.Close() // nothing is in flight, and the server cleans up after us
}

// up applies every file above the current version.
func (m *migrator) up(ctx context.Context) error {
	if err := m.checkEdited(ctx); err != nil {
		return err
	}
	current, err := m.settled(ctx)
	if err != nil {
		return err
	}
	for _, f := range m.files {
		if f.version <= current {
			continue
		}
		if err := m.step(ctx, f, 1); err != nil {
			return err
		}
	}
	return nil
}

// down takes files back, newest first, until version to.
func (m *migrator) down(ctx context.Context, to int) error {
	current, err := m.settled(ctx)
	if err != nil {
		return err
	}
	newest := m.files[len(m.files)-1].version
	if current > newest {
		return fmt.Errorf("the schema is at version %d and this logferry knows up to %d: use the newer logferry", current, newest)
	}
	if to < 0 || uint(to) > newest {
		return fmt.Errorf("there is no version %d", to)
	}
	for _, f := range slices.Backward(m.files) {

		if f.version > current || f.version <= uint(to) {
			continue
		}
		if err := m.step(ctx, f, -1); err != nil {
			return err
		}
	}
	return nil
}

// step runs one file, forwards (1) or back (-1). After a failure the schema is
// not left dirty: the file was one transaction, and it was rolled back.
func (m *migrator) step(ctx context.Context, f file, direction int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before %s: %w", f.name, context.Cause(ctx))
	}
	began := time.Now()
	if err := m.lib.Steps(direction); err != nil {
		_, mendErr := m.settled(context.WithoutCancel(ctx))
		return errors.Join(m.session.explain(describe(f, err), plain(err)), mendErr)
	}
	if m.done != nil {
		m.done(f.name, time.Since(began))
	}
	return nil
}

// settled returns the schema's version. If a migrator was killed, it first
// tells the library what the marks say: a file and its mark commit together, so
// the highest mark is the version. (A file without a transaction has no mark
// and is simply run again.)
func (m *migrator) settled(ctx context.Context) (uint, error) {
	version, dirty, err := m.session.version(ctx)
	if err != nil {
		return 0, err
	}
	if !dirty {
		return uint(version), nil
	}
	var mark sql.NullInt64
	if err := m.session.conn.QueryRow(ctx, `select max(version) from logferry.applied`).Scan(&mark); err != nil {
		return 0, m.session.explain("reading table logferry.applied", err)
	}
	if !mark.Valid {
		mark.Int64 = int64(database.NilVersion)
	}
	if err := m.lib.Force(int(mark.Int64)); err != nil {
		return 0, fmt.Errorf("mending the schema's version after a migration that was killed: %w", plain(err))
	}
	return uint(max(mark.Int64, 0)), nil
}

// checkEdited compares what was applied with what is embedded. Files that only
// a newer logferry knows are not looked at.
func (m *migrator) checkEdited(ctx context.Context) error {
	rows, err := m.session.conn.Query(ctx, `select version, sha256 from logferry.applied`)
	if err != nil {
		return m.session.explain("reading table logferry.applied", err)
	}
	applied := make(map[uint]string)
	var version int64
	var sum string
	_, err = pgx.ForEachRow(rows, []any{&version, &sum}, func() error {
		applied[uint(version)] = sum
		return nil
	})
	if err != nil {
		return m.session.explain("reading table logferry.applied", err)
	}
	for _, f := range m.files {
		if sum, ok := applied[f.version]; ok && sum != f.sha256 {
			return fmt.Errorf("%w: %s; restore it, and put the change into a new file", ErrEdited, f.name)
		}
	}
	return nil
}

// plain takes the cause out of the library's errors, which print the whole
// statement.
func plain(err error) error {
	if value := (database.Error{}); errors.As(err, &value) {
		return value.OrigErr
	}
	if pointer := (*database.Error)(nil); errors.As(err, &pointer) {
		return pointer.OrigErr
	}
	return err
}

func describe(f file, err error) string {
	if value := (database.Error{}); errors.As(err, &value) && value.Line > 0 {
		return fmt.Sprintf("file %s, line %d", f.name, value.Line)
	}
	return "file " + f.name
}
