//go:build bouncer

// These tests need the program pgbouncer, so they are built only when they are
// asked for: make bouncer.

package ferry_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
)

// bouncer starts pgbouncer before the world's database, with a pool of three
// sessions, and returns the database's URL there. Settings are lines of its
// configuration.
func (w *world) bouncer(settings ...string) string {
	w.t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			w.t.Fatal("this test needs the program pgbouncer: apt-get install pgbouncer, or what your system calls it")
		}
	}
	u, err := url.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	server := u.Query()
	dir, as := w.folderFor(server.Get("host"))
	config := fmt.Sprintf("[databases]\n%s = host=%s port=%s user=%s\n", strings.Trim(u.Path, "/"), server.Get("host"), server.Get("port"), server.Get("user")) +
		"[pgbouncer]\nlisten_addr =\nauth_type = any\ndefault_pool_size = 3\nunix_socket_dir = " + dir + "\n" + strings.Join(settings, "\n") + "\n"
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		w.t.Fatal(err)
	}
	// The shell starts it again when it ends, as whoever runs one does: 1.18 ends itself
	// at times when a client goes during its cancel request (FATAL, bad client state).
	// And it ends it when our end of the pipe is closed, however that happens.
	cmd := exec.Command("sh", "-c", `while :; do "$0" "$1"; sleep 0.1; done & read _; kill -9 0`, program, file)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as, Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		lifeline.Close()
		_ = cmd.Wait() // it is killed
		if w.t.Failed() {
			w.t.Logf("pgbouncer said:\n%s", said.String())
		}
	})
	u.RawQuery = url.Values{"host": {dir}, "port": {"6432"}, "user": {"somebody"}}.Encode()
	eventually(w.t, "pgbouncer listens", func() bool {
		_, err := os.Stat(filepath.Join(dir, ".s.PGSQL.6432"))
		return err == nil
	})
	return u.String()
}

// folderFor is a folder of the account that owns the server's, and that
// account, for a program that must not be root; nil: it is ours.
func (w *world) folderFor(server string) (string, *syscall.Credential) {
	w.t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bouncer-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll(dir) })
	info, err := os.Stat(server)
	if err != nil {
		w.t.Fatal(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Getuid() {
		return dir, nil
	}
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		w.t.Fatal(err)
	}
	return dir, &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
}

const byTransaction = "pool_mode = transaction"

// Sessions that change hands after every transaction, and end now and then, are
// as good as one's own.
func TestD07TransactionMode(t *testing.T) {
	t.Parallel()
	seed, _ := seeded(t)
	for i, set := range scenes[1:] {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := set(t, seed, emulator.Options{})
			s.cfg.DatabaseURL = s.bouncer(byTransaction)
			before := s.standings(nil)
			admin := s.connect()
			var ended atomic.Int64
			s.busy(func(asked int, _ emulator.Request) {
				if asked%7 == 0 {
					ended.Add(endSessions(t, admin))
				}
			})
			f := s.ferry()
			sum, err := f.Sync(context.Background())
			f.Close()
			t.Logf("%d sessions were ended", ended.Load())
			s.afterOutage(before, sum, err)
			if sum := s.sync(ferry.ExitOK); sum.Inserted+sum.Changed > 0 {
				t.Errorf("there was nothing to do, but: %+v", sum)
			}
		})
	}
}

// endSessions ends those of logferry.
func endSessions(t *testing.T, admin *pgx.Conn) (n int64) {
	if err := admin.QueryRow(context.Background(), `
		select count(pg_terminate_backend(pid)) from pg_stat_activity
		 where datname = current_database() and application_name like 'logferry/%'`).Scan(&n); err != nil {
		t.Error(err)
	}
	return n
}

// What is killed, put to sleep or told to end behind the pooler leaves its session
// there, which the pooler ends or gives to others.
func TestD07KilledSync(t *testing.T) {
	t.Parallel()
	strikeMany(t, func(s *scene) { s.cfg.DatabaseURL = s.bouncer(byTransaction) })
}

// What a pooler says of its own is not what Postgres means by the same code.
func TestD07Refusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings string
		change   func(*testing.T, *world, *url.URL)
		code     int
		says     string
	}{
		"statement mode": {"pool_mode = statement", nil, ferry.ExitConfig, "statement pooling mode (SQLSTATE 08P01); a pooler says so: it must have an entry for the database, be in session or transaction mode"},
		"a startup parameter": {byTransaction, func(_ *testing.T, _ *world, u *url.URL) {
			u.RawQuery += "&statement_timeout=5s"
		}, ferry.ExitConfig, "unsupported startup parameter: statement_timeout"},
		"no such database": {byTransaction, func(_ *testing.T, _ *world, u *url.URL) {
			u.Path = "/nowhere"
		}, ferry.ExitConfig, "it must have an entry for the database"},
		"no free session": {byTransaction + "\ndefault_pool_size = 1\nquery_wait_timeout = 1", func(t *testing.T, _ *world, u *url.URL) {
			holder, err := pgx.Connect(t.Context(), u.String()+"&default_query_exec_mode=exec")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { holder.Close(context.Background()) })
			if _, err := holder.Exec(t.Context(), "begin"); err != nil {
				t.Fatal(err)
			}
		}, ferry.ExitTemporary, "query_wait_timeout"},
		"no server": {byTransaction + "\nserver_login_retry = 1\n[databases]\ndown = host=/nowhere user=x", func(_ *testing.T, _ *world, u *url.URL) {
			u.Path = "/down" // whoever asks for it waits
			u.RawQuery += "&connect_timeout=1"
		}, ferry.ExitTemporary, "no answer (timed out)"},
		"too many clients": {byTransaction + "\nmax_client_conn = 0", nil, ferry.ExitTemporary, "no more connections allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.gateway("prod")
			u, err := url.Parse(w.bouncer(strings.Split(c.settings, "\n")...))
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(t, w, u)
			}
			w.cfg.DatabaseURL = u.String()
			f, err := ferry.Open(t.Context(), w.cfg)
			if err == nil {
				_, err = f.Sync(t.Context())
				f.Close()
			}
			w.exits(c.code, err)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant %q", err, c.says)
			}
		})
	}
}
