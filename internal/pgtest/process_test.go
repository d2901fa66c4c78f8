package pgtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"logferry/internal/pgtemp"
)

// scenarioVariable makes TestScenario, in a test process started by another test, do one of these things.
const scenarioVariable = "PGTEST_SCENARIO"

var scenarios = map[string]func(t *testing.T){
	"use": func(t *testing.T) {
		connect(t, New(t, migrate))
		connect(t, Empty(t))
		t.Log("databases made:", theServer(t).prefix)
	},
	"fail": func(t *testing.T) {
		Empty(t)
		t.Fail()
	},
	"bad template": func(t *testing.T) {
		broken := func(context.Context, string) error { return errors.New("the file is not SQL") }
		t.Run("first", func(t *testing.T) { New(t, broken) })
		t.Run("second", func(t *testing.T) { New(t, broken) })
	},
}

func TestScenario(t *testing.T) {
	if run, ok := scenarios[os.Getenv(scenarioVariable)]; ok {
		run(t)
	}
}

// process runs one scenario in a test process of its own and returns what it prints and whether it passed.
func process(t *testing.T, scenario string, env ...string) (output string, passed bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestScenario$", "-test.v")
	cmd.Env = append(append(os.Environ(), scenarioVariable+"="+scenario), env...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// TestNoPostgresIsAFailure: a suite that skips what it can't try would be green on a machine that tries nothing.
func TestNoPostgresIsAFailure(t *testing.T) {
	for _, env := range []string{
		pgtemp.BinVariable + "=" + filepath.Join(t.TempDir(), "nothing"),
		URLVariable + "=postgres:///postgres?host=" + filepath.Join(t.TempDir(), "nothing"),
		URLVariable + "=host=localhost password=hunter2",
	} {
		out, passed := process(t, "use", URLVariable+"=", env)
		if passed || strings.Contains(out, "SKIP") || !strings.Contains(out, "FAIL") {
			t.Errorf("%s: no server, yet the test didn't fail:\n%s", env, out)
		}
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s: the output shows the password", env)
		}
	}
}

// TestNamedServer: another server is used when the environment names one, and nothing is left on it.
func TestNamedServer(t *testing.T) {
	ours := theServer(t).home()
	// Programs that aren't there prove that no private server was started.
	out, passed := process(t, "use", URLVariable+"="+ours, pgtemp.BinVariable+"=/nowhere")
	prefix := regexp.MustCompile(`databases made: (\w+)`).FindStringSubmatch(out)
	if !passed || prefix == nil {
		t.Fatalf("failed on a named server:\n%s", out)
	}
	if n := count(t, connect(t, ours), "select count(*) from pg_database where starts_with(datname, '"+prefix[1]+"')"); n != 0 {
		t.Errorf("%d databases were left on the named server", n)
	}
}

func TestFailedTestNamesItsDatabase(t *testing.T) {
	out, passed := process(t, "fail", URLVariable+"="+theServer(t).home())
	if passed || !strings.Contains(out, "the database of this test was logferry_test_") {
		t.Errorf("the failed test doesn't name its database:\n%s", out)
	}
}

// TestBadTemplateFailsEveryTest: the second test gets the reason too, and not a half-made database.
func TestBadTemplateFailsEveryTest(t *testing.T) {
	out, passed := process(t, "bad template", URLVariable+"="+theServer(t).home())
	if passed || strings.Count(out, "the file is not SQL") != 2 {
		t.Errorf("both tests should fail with the reason:\n%s", out)
	}
}

// TestMainLeavesNothing: the server's folder is gone when the process has ended.
func TestMainLeavesNothing(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, passed := process(t, "use", "TMPDIR="+base, URLVariable+"="); !passed {
		t.Error(out)
	}
	left, err := os.ReadDir(base)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
