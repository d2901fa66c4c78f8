package main

import (
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"logferry/ferry"
)

// Where output can't be written that is told, and the work is done all the
// same.
func TestC01OutputIsFull(t *testing.T) {
	t.Parallel()
	w := full(t)
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for _, line := range []string{"sync", "status", "help"} {
		cmd := w.process(line)
		cmd.Stdout = device
		if r := ends(t, ferry.ExitUnexpected, cmd); !strings.Contains(r.errs, "writing the output: ") || !strings.Contains(r.errs, "no space left on device") {
			t.Errorf("%s: said %s", line, r.errs)
		}
	}
	w.arrived()
}

// stranger runs a process as a user that /etc/passwd doesn't know, as clusters
// do; without the right to, as the test's own.
func stranger(cmd *exec.Cmd) *exec.Cmd {
	id := uint32(os.Getuid())
	if id == 0 {
		id = 54321
	}
	cmd.Path = "/proc/self/exe" // go test's folder is closed to others
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id, NoSetGroups: os.Getuid() != 0}}
	return cmd
}

// A user without a name needs none, unless the database's URL leaves it out.
func TestC03NoPasswdEntry(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.openSocket()
	ends(t, ferry.ExitOK, stranger(w.process("check")))
	nameless := stranger(w.process("status", "DATABASE_URL", w.database("user", "")))
	if r := ends(t, ferry.ExitNoPerm, nameless); !strings.Contains(r.errs, "DATABASE_URL") {
		t.Errorf("said %s", r.errs)
	}
}

// openSocket lets every user reach the server's socket, if it listens on one.
func (w *world) openSocket() {
	w.t.Helper()
	u, err := url.Parse(w.env["DATABASE_URL"])
	if err != nil {
		w.t.Fatal(err)
	}
	folder := u.Query().Get("host")
	if !strings.HasPrefix(folder, "/") {
		return
	}
	info, err := os.Stat(folder)
	if err == nil {
		err = os.Chmod(folder, info.Mode()|0o011)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Where nothing can be written, not by root either, all but the demo works, and
// that says why it doesn't. (/proc takes no files.)
func TestC04NothingIsWritable(t *testing.T) {
	t.Parallel()
	w := full(t)
	there := func(line string) *exec.Cmd {
		cmd := w.process(line, "TMPDIR", "/proc", "HOME", "/proc")
		cmd.Dir = "/proc"
		return cmd
	}
	for _, line := range []string{"sync", "status"} {
		ends(t, ferry.ExitOK, there(line))
	}
	w.arrived()
	if r := ends(t, ferry.ExitUnexpected, there("demo")); !strings.Contains(r.errs, "starting a private PostgreSQL: mkdir /proc/") {
		t.Errorf("demo said %s", r.errs)
	}
}
