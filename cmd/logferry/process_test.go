package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"logferry/ferry"
)

// process is the program as a process of its own, with these variables and no
// others: the test's executable under another name.
func process(t *testing.T, env environ, line string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"logferry"}, strings.Fields(line)...)
	cmd.Env = []string{} // nil would be the test's own
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// process is the program with the world's variables, some of them changed.
func (w *world) process(line string, changed ...string) *exec.Cmd {
	w.t.Helper()
	return process(w.t, w.with(changed), line)
}

// finish runs a process to its end. What it writes to outputs that the caller
// has not set comes back; none of it may be a panic or a secret.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &errs
	}
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	said := out.String() + errs.String()
	for _, never := range append(secrets(), "panic:", "goroutine ") {
		if strings.Contains(said, never) {
			t.Errorf("%s: %q is shown:\n%s", cmd.Args, never, said)
		}
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ends runs a process that must end with this code.
func ends(t *testing.T, code int, cmd *exec.Cmd) result {
	t.Helper()
	r := finish(t, cmd)
	if r.code != code {
		t.Errorf("%s: exit code %d (%s), want %d\n%s%s", cmd.Args, r.code, cmd.ProcessState, code, r.out, r.errs)
	}
	return r
}

// deaf is the end of a pipe that nobody reads.
func deaf(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	t.Cleanup(func() { writer.Close() })
	return writer
}

// arrived checks that all the world's logs are in the warehouse.
func (w *world) arrived() {
	w.t.Helper()
	if n := w.query(`select count(*) from logferry.requests`); n != "700\n" {
		w.t.Errorf("%s logs arrived, want 700", strings.TrimSpace(n))
	}
}

// A reader that goes, as head does, is nothing wrong: what it did not want to
// read is lost, and nothing else, of either output.
func TestC01ReaderIsGone(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, line := range []string{"sync", "status", "help"} {
		cmd := w.process(line, "LOGFERRY_LOG_LEVEL", "debug")
		cmd.Stdout, cmd.Stderr = deaf(t), deaf(t)
		ends(t, ferry.ExitOK, cmd)
	}
	w.arrived()
	cmd := w.process("backfill")
	cmd.Stdout, cmd.Stderr = deaf(t), deaf(t)
	ends(t, ferry.ExitUsage, cmd)
}

// Without outputs at all a connection must not come to stand in their place.
func TestC01OutputsAreClosed(t *testing.T) {
	t.Parallel()
	w := full(t)
	self, err := exec.LookPath("logferry") // testscript puts it there
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"sync", "status", "help"} {
		cmd := w.process(line)
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `exec "$0" "$1" >&- 2>&- <&-`, self, line}
		ends(t, ferry.ExitOK, cmd)
	}
	w.arrived()
}

// Not one variable, not even PATH: what is missing is told at once.
func TestC02EmptyEnvironment(t *testing.T) {
	t.Parallel()
	const noURL, noSource = "logferry: DATABASE_URL: is not set", "logferry: no source is set"
	for line, want := range map[string]struct {
		code int
		says []string
	}{
		"":                    {ferry.ExitUsage, []string{"logferry: no command given"}},
		"help":                {ferry.ExitOK, nil},
		"version":             {ferry.ExitOK, nil},
		"sync":                {ferry.ExitConfig, []string{noURL, noSource}},
		"serve":               {ferry.ExitConfig, []string{noURL, noSource}},
		"backfill --from 30d": {ferry.ExitConfig, []string{noURL, noSource}},
		"status":              {ferry.ExitConfig, []string{noURL}},
		"migrate up":          {ferry.ExitConfig, []string{noURL}},
	} {
		r := ends(t, want.code, process(t, environ{}, line))
		lines := strings.Split(r.errs, "\n")
		for i, say := range want.says {
			if i >= len(lines) || !strings.HasPrefix(lines[i], say) {
				t.Errorf("%q: want %q, got\n%s", line, say, r.errs)
			}
		}
	}
}

// Every variable set wrong is told in one go, a line for each, by its name; no
// secret is shown, and nothing is asked of anybody.
func TestC06EveryVariableAtOnce(t *testing.T) {
	t.Parallel()
	ways := []func(v variable) string{
		func(v variable) string { return goodAndBad[v.name][1] },
		func(v variable) string { return `"` + goodAndBad[v.name][0] + `"` },
		func(v variable) string {
			if v.secret {
				return goodAndBad[v.name][0] + "\n" + canary
			}
			return goodAndBad[v.name][0] + "\nx"
		},
	}
	t.Logf("tried %d wrong values", len(ways)*len(variables()))
	for _, wrong := range ways {
		env := environ{}
		for _, v := range variables() {
			env[v.name] = wrong(v)
		}
		r := ends(t, ferry.ExitConfig, process(t, env, "sync"))
		for _, v := range variables() {
			if n := strings.Count("\n"+r.errs, "\nlogferry: "+v.name+": "); n != 1 {
				t.Errorf("%d lines about %s", n, v.name)
			}
		}
		if lines, most := strings.Count(r.errs, "\n"), len(variables())+2; lines > most { // two keys and two addresses may differ
			t.Errorf("%d lines, at most %d are needed:\n%s", lines, most, r.errs)
		}
	}
}

// Nothing of a home is needed, nor is one that isn't there in the way.
func TestC02NoHome(t *testing.T) {
	t.Parallel()
	w := full(t)
	ends(t, ferry.ExitOK, w.process("check")) // HOME is not set
	ends(t, ferry.ExitOK, w.process("check", "HOME", "/nowhere", "USER", ""))
	ends(t, ferry.ExitOK, w.process("status", "HOME", "/dev/null"))
}

// Times are UTC wherever the process thinks it is.
func TestC05OddTimeZones(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, zone := range []string{"Odd/Nowhere", "Asia/Kathmandu", "\xff"} {
		r := ends(t, ferry.ExitOK, w.process("backfill --from 2026-01-01 --to 2026-01-02 --dry-run", "TZ", zone, "PGTZ", "Asia/Kathmandu", "ZONEINFO", "/nowhere"))
		if !strings.Contains(r.out, "2026-01-01 00:00:00Z to 2026-01-02 00:00:00Z") {
			t.Errorf("TZ=%q: a date is no midnight in UTC:\n%s", zone, r.out)
		}
	}
	r := ends(t, ferry.ExitConfig, w.process("serve", "TZ", "Odd/Nowhere", "LOGFERRY_TIMEZONE", "Odd/Nowhere"))
	if want := `logferry: LOGFERRY_TIMEZONE: "Odd/Nowhere" is not a time zone`; !strings.HasPrefix(r.errs, want) {
		t.Errorf("want %s, got\n%s", want, r.errs)
	}
}

// The image has no zone files: the program brings its own.
func TestC05ZonesAreInTheProgram(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	zone := strings.Join([]string{"Antarctica", "DumontDUrville"}, "/") // in one piece it would be found here
	if !bytes.Contains(program, []byte(zone)) {
		t.Errorf("%s is not in the program", zone)
	}
}
