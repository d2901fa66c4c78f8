package pgtemp

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// tempFolder gives a test a short temporary folder of its own that any user may enter and write.
func tempFolder(t *testing.T) string {
	t.Helper()
	base := "/tmp"
	if roomInMemory() {
		base = memory
	}
	dir, err := os.MkdirTemp(base, "pgtemp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	return dir
}

func TestStartAndStop(t *testing.T) {
	base := tempFolder(t)
	s, err := Start(t.Context(), Options{Settings: map[string]string{"max_connections": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })

	got := map[string]string{}
	for _, name := range []string{"listen_addresses", "fsync", "synchronous_commit", "full_page_writes", "server_encoding",
		"lc_collate", "log_min_error_statement", "max_connections", "is_superuser"} {
		if got[name], err = ask(s.URL("postgres"), "select current_setting($1)", name); err != nil {
			// lc_collate left the settings with PostgreSQL 16; the database tells it everywhere.
			got[name], err = ask(s.URL("postgres"), "select datcollate from pg_database where datname = $1", "postgres")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
		"server_encoding": "UTF8", "lc_collate": "C", "log_min_error_statement": "panic", "max_connections": "7", "is_superuser": "on"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("settings (-want +got):\n", diff)
	}
	info, err := os.Stat(s.folder.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %o, want 700", info.Mode().Perm())
	}

	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error("Stop:", err)
		}
	}
	wantNothingIn(t, base)
	if _, err := ask(s.URL("postgres"), "select $1", "x"); err == nil {
		t.Error("the server answers after Stop")
	}
}

// TestStopEndsOpenSessions: a forgotten connection must not make Stop wait.
func TestStopEndsOpenSessions(t *testing.T) {
	base := tempFolder(t)
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the session outlives the server")
	}
	wantNothingIn(t, base)
}

// TestServerOutlivesTheThreadThatAskedForIt: Linux takes a thread's end for its program's death (see
// startOnOwnThread). A goroutine that ends with its thread locked ends the thread.
func TestServerOutlivesTheThreadThatAskedForIt(t *testing.T) {
	tempFolder(t)
	var s *Server
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		s, err = Start(t.Context(), Options{})
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	select {
	case <-s.ended:
		t.Fatal("the server ended with the thread")
	case <-time.After(300 * time.Millisecond): // the signal is sent in the instant the thread ends
	}
	if _, err := ask(s.URL("postgres"), "select 'up'"); err != nil {
		t.Error(err)
	}
}

// TestAddressWinsOverEnvironment: variables meant for another server change neither where pgx nor where psql connects.
func TestAddressWinsOverEnvironment(t *testing.T) {
	tempFolder(t)
	for name, value := range map[string]string{"PGHOST": "/nowhere", "PGPORT": "1", "PGUSER": "stranger", "PGDATABASE": "elsewhere"} {
		t.Setenv(name, value)
	}
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	if _, err := ask(s.URL("postgres"), `create database "odd name's"`); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	got, err := ask(s.URL("odd name's"), "select current_database()")
	if err != nil || got != "odd name's" {
		t.Errorf("pgx reached %q, %v", got, err)
	}
	if !onPath("psql") && !isFile(filepath.Join(s.bin, "psql")) {
		t.Log("no psql on this machine: its half is not checked")
		return
	}
	out, err := exec.Command("/bin/sh", "-c", s.PSQL("odd name's")+" -Atc 'select current_database()'").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "odd name's" {
		t.Errorf("psql says %q, %v", out, err)
	}
}

func TestFailedStartQuotesTheLogAndLeavesNothing(t *testing.T) {
	base := tempFolder(t)
	_, err := Start(t.Context(), Options{Settings: map[string]string{"max_connections": "many"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "max_connections"`) {
		t.Errorf("the error doesn't say what the server said: %v", err)
	}
	wantNothingIn(t, base)
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	base := tempFolder(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // in the middle of initdb, mostly
	defer cancel()
	s, err := Start(ctx, Options{})
	if err == nil {
		s.Stop()
		t.Fatal("started although there was no time for it")
	}
	wantNothingIn(t, base)
}

func wantNothingIn(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("%s was left behind", entry.Name())
	}
}

// ask runs one query on a connection of its own. It has no test's context, so that it can be asked in a cleanup.
func ask(url, query string, args ...any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var answer string
	err = conn.QueryRow(ctx, query, args...).Scan(&answer)
	return answer, err
}
