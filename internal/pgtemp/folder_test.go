//go:build unix

package pgtemp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSweep removes what is provably dead and ours, and nothing else.
func TestSweep(t *testing.T) {
	base := tempFolder(t)
	as, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	dead, err := newFolder(as, false)
	if err != nil {
		t.Fatal(err)
	}
	dead.lock.Close()
	alive, err := newFolder(as, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"logferry-pg-without-lock", "somebody-else", "target"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"somebody-else", "target"} {
		if err := os.WriteFile(filepath.Join(base, dir, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("target", filepath.Join(base, "logferry-pg-link")); err != nil {
		t.Fatal(err)
	}

	sweep(as, false)

	want := []string{filepath.Base(alive.path), "logferry-pg-link", "logferry-pg-without-lock", "somebody-else", "target"}
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("left by the sweep (-want +got):\n", diff)
	}
}

func TestSweepLeavesOtherUsersFolders(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: no folder can be given to another user, and no other user's could be removed")
		return
	}
	tempFolder(t)
	f, err := newFolder(&account{name: "somebody", uid: 54321, gid: 54321}, false)
	if err != nil {
		t.Fatal(err)
	}
	f.lock.Close()
	sweep(nil, false)
	if _, err := os.Stat(f.path); err != nil {
		t.Error(err)
	}
}

func TestBaseFolder(t *testing.T) {
	good := tempFolder(t)
	long := filepath.Join(good, strings.Repeat("x", 80))
	closed := filepath.Join(good, "closed")
	inClosed := filepath.Join(closed, "open")
	for dir, mode := range map[string]os.FileMode{long: 0o755, inClosed: 0o755, closed: 0o700} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	other := &account{name: "somebody", uid: 54321, gid: 54321}
	roomy := "/tmp"
	if roomInMemory() {
		roomy = memory
	}
	for _, c := range []struct {
		name, tmpdir string
		as           *account
		inMemory     bool
		want         string
	}{
		{"the usual", good, nil, false, good},
		{"the usual for another account", good, other, false, good},
		{"too long for a socket", long, nil, false, "/tmp"},
		{"closed to the account", closed, other, false, "/tmp"},
		{"inside one that is closed to the account", inClosed, other, false, "/tmp"},
		{"closed, but it is ours", closed, nil, false, closed},
		{"in memory", "", nil, true, roomy},
		{"in memory, but the environment says where", good, nil, true, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", c.tmpdir)
			if got, err := baseFolder(c.as, c.inMemory); got != c.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}
