package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"logferry/internal/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(pgtest.Runner{M: m}, map[string]func(){"logferry": main, "logferry-panics": panicking})
}

// TestScenes runs the program as a new user would, in an empty folder with no
// variables set. A scene is a file of commands.
func TestScenes(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/scenes",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and wants an exit code: exits 64 logferry bogus.
func exits(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var failed *exec.ExitError
		if !errors.As(err, &failed) {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
