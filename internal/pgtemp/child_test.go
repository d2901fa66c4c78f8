//go:build unix

package pgtemp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes the test program behave as a program that starts a server.
const childVariable = "PGTEMP_TEST_CHILD"

// report is what the child says about its server, or why it has none.
type report struct {
	URL, Folder, StopCommand, Error string
}

func TestMain(m *testing.M) {
	mode := os.Getenv(childVariable)
	if mode == "" {
		os.Exit(m.Run())
	}
	beChild(mode == "keep")
}

// beChild starts a server, reports it, and stops it when its input ends, as it does when the test is gone.
func beChild(keep bool) {
	s, err := Start(context.Background(), Options{Keep: keep})
	r := report{}
	if err != nil {
		r.Error = err.Error()
	} else {
		r = report{URL: s.URL("postgres"), Folder: s.folder.path, StopCommand: s.StopCommand()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin)
	if err == nil && s.Stop() != nil {
		os.Exit(1)
	}
}

type child struct {
	report
	cmd   *exec.Cmd
	input io.Closer
}

// startChild runs the test program as a child in the given mode, as the user with this id; -1 is this user.
func startChild(t *testing.T, mode string, uid int) child {
	t.Helper()
	cmd := exec.Command(copyOfTestProgram(t))
	cmd.Env = append(os.Environ(), childVariable+"="+mode)
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	if uid >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	c := child{cmd: cmd, input: input}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		t.Fatal("the child said nothing: ", err)
	}
	if err := json.Unmarshal(line, &c.report); err != nil {
		t.Fatal(err)
	}
	return c
}

// copyOfTestProgram is where any user can run it; the go command builds in a closed folder.
func copyOfTestProgram(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "pgtemp-bin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "child")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKilledProgramTakesTheServerDown: kill -9 gives the program no chance to tidy up. The server ends all the same,
// and the next Start removes the folder.
func TestKilledProgramTakesTheServerDown(t *testing.T) {
	tempFolder(t)
	c := startChild(t, "serve", -1)
	if c.Error != "" {
		t.Fatal(c.Error)
	}
	if _, err := ask(c.URL, "select 'up'"); err != nil {
		t.Fatal("before the kill: ", err)
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.cmd.Wait()
	waitUntil(t, "all processes of the server are gone", func() bool { return unlocked(t, c.Folder) })
	if _, err := ask(c.URL, "select 'up'"); err == nil {
		t.Error("the server still answers")
	}

	s, err := Start(t.Context(), Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	if _, err := os.Stat(c.Folder); !os.IsNotExist(err) {
		t.Errorf("the dead server's folder is still there: %v", err)
	}
}

// TestKeptServer: it answers after its program has ended, survives the start of another, and goes by its command.
func TestKeptServer(t *testing.T) {
	base := tempFolder(t)
	c := startChild(t, "keep", -1)
	if c.Error != "" {
		t.Fatal(c.Error)
	}
	t.Cleanup(func() { exec.Command("/bin/sh", "-c", c.StopCommand).Run() })
	c.input.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Fatal("the child: ", err)
	}
	s, err := Start(t.Context(), Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := ask(c.URL, "select 'up'"); err != nil {
		t.Fatal("the kept server doesn't answer: ", err)
	}
	if unlocked(t, c.Folder) {
		t.Error("the kept server doesn't hold its lock: a sweep would remove its data")
	}
	if out, err := exec.Command("/bin/sh", "-c", c.StopCommand).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", c.StopCommand, err, out)
	}
	wantNothingIn(t, base)
}

// TestOrdinaryUsers: nobody has a name and no home; 54321 has not even a name, as in some containers.
func TestOrdinaryUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root, so every other test of this package is about an ordinary user; no other can be tried")
		return
	}
	for _, uid := range []int{65534, 54321} {
		t.Run(fmt.Sprint(uid), func(t *testing.T) {
			base := tempFolder(t)
			c := startChild(t, "serve", uid)
			if uid == 54321 && strings.Contains(c.Error, "user id 54321 has no name") {
				t.Log("user namespaces are not allowed here, and the error says so: ", c.Error)
				return
			}
			if c.Error != "" {
				t.Fatal(c.Error)
			}
			if _, err := ask(c.URL, "select 'up'"); err != nil {
				t.Error(err)
			}
			c.input.Close()
			if err := c.cmd.Wait(); err != nil {
				t.Error("the child: ", err)
			}
			wantNothingIn(t, base)
		})
	}
}

// unlocked says whether no living process holds the folder's lock. A zombie holds none, so nobody has to reap first.
func unlocked(t *testing.T, folder string) bool {
	t.Helper()
	lock, err := os.Open(filepath.Join(folder, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	return tryLock(lock) == nil
}

func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited 20 s in vain until ", what)
		}
	}
}
