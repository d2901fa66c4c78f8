package migrations

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtest"
)

func TestBusy(t *testing.T) {
	for name, theirs := range map[string]bool{"our lock": false, "the library's lock": true} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Empty(t)
			holder := connect(t, url)
			id := int64(ourLock)
			if theirs {
				id = libraryLock(t, holder)
			}
			run(t, holder, `select pg_advisory_lock($1)`, id)
			began := time.Now()
			err := Options{Wait: 300 * time.Millisecond}.Up(t.Context(), url)
			if !errors.Is(err, ErrBusy) {
				t.Errorf("got %v, want ErrBusy", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("gave up after %s", took)
			}

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := Up(ctx, url); !errors.Is(err, context.Canceled) {
				t.Errorf("with a cancelled context: %v", err)
			}

			run(t, holder, `select pg_advisory_unlock($1)`, id)
			if err := Up(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
}

func libraryLock(t *testing.T, conn *pgx.Conn) int64 {
	t.Helper()
	text, err := database.GenerateAdvisoryLockId(conn.Config().Database, ledgerSchema, versionTable)
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A statement that cannot have its table lock gives up, and leaves nothing dirty.
func TestTableLocked(t *testing.T) {
	t.Parallel() // it waits for 5 s
	url := pgtest.New(t, Up)
	if err := Down(t.Context(), url, Newest()-1); err != nil {
		t.Fatal(err)
	}
	holder := connect(t, url)
	run(t, holder, `begin; lock table logferry.windows`)
	if err := Up(t.Context(), url); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if got, want := state(t, url), (State{Current: uint(Newest()) - 1, Newest: uint(Newest())}); got != want {
		t.Errorf("state %+v, want %+v", got, want)
	}
	run(t, holder, `rollback`)
	if err := Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	wantNewest(t, url)
}
