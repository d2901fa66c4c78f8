//go:build diskfull

// This test mounts a small disk of its own, which takes the rights to, so it is
// built only when it is asked for: make diskfull.

package ferry_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/internal/pgtest"
)

// smallDisk is a tablespace on 64 MiB of its own, and the folder it is in.
func smallDisk(t *testing.T) (folder string) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), pgtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	var data string
	if err := admin.QueryRow(t.Context(), `show data_directory`).Scan(&data); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	folder, err = os.MkdirTemp("/tmp", "small-disk-")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", folder, "tmpfs", 0, "size=64m,mode=755"); err != nil {
		t.Fatalf("this test has to mount a small disk: %v; run it by make diskfull, as root", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), `drop tablespace small`); err != nil {
			t.Error(err)
		}
		admin.Close(context.Background())
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
		os.Remove(folder)
	})
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(folder, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := admin.Exec(t.Context(), `create tablespace small location '`+folder+`'`); err != nil {
		t.Fatal(err)
	}
	return folder
}

// A ballast takes the disk's room.
type ballast struct {
	t    *testing.T
	file string
	size int64
}

// fillUp fills the disk.
func fillUp(t *testing.T, folder string) *ballast {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		t.Fatal(err)
	}
	b := &ballast{t, filepath.Join(folder, "ballast"), int64(disk.Bavail) * disk.Bsize}
	if err := os.WriteFile(b.file, make([]byte, b.size), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// drop makes some bytes of room.
func (b *ballast) drop(bytes int64) {
	b.t.Helper()
	b.size -= bytes
	if err := os.Truncate(b.file, b.size); err != nil {
		b.t.Fatal(err)
	}
}

// The disk gets full while rows go in, again and again: what did not fit is not
// there, what did is covered truly, and the next sync goes on where there is room.
func TestD04DiskFull(t *testing.T) {
	seed, _ := seeded(t)
	folder := smallDisk(t)
	s := gaps(t, seed, emulator.Options{})
	name := query[string](s.world, `select current_database()`)
	if err := s.conn.Close(t.Context()); err != nil { // nobody may be in a database that moves
		t.Fatal(err)
	}
	admin, err := pgx.Connect(t.Context(), strings.Replace(s.url, name, "postgres", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), `alter database `+name+` set tablespace small`); err != nil {
		t.Fatal(err)
	}
	b := fillUp(t, folder)
	standings := s.standings(nil)
	full, inserted := 0, int64(0)
	for code := ferry.ExitTemporary; code != ferry.ExitOK; standings = s.standings(standings) {
		f, err := ferry.Open(t.Context(), s.cfg)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := f.Sync(t.Context())
		f.Close()
		if code = ferry.ExitCode(err); code == ferry.ExitOK {
			break
		}
		s.exits(ferry.ExitTemporary, err)
		if !strings.Contains(err.Error(), "(SQLSTATE 53100); the database server's disk is full") {
			t.Error(err)
		}
		full, inserted = full+1, inserted+sum.Inserted
		b.drop(512 << 10)
	}
	t.Logf("full %d times, with %d rows in", full, inserted)
	if full < 3 || inserted == 0 {
		t.Error("the disk was not full often enough, or only before any row was in")
	}
	s.equalAll()
}
