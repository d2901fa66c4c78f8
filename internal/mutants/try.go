package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An outcome is what became of a mutant.
type outcome string

const (
	caught   outcome = "caught"
	survived outcome = "SURVIVED"
	broken   outcome = "BROKEN" // it doesn't build: that shows nothing
	stale    outcome = "STALE"  // its text is not in the source
)

// testLimit bounds the tests of one mutant, buildLimit the making of them.
const (
	testLimit  = 60 * time.Second
	buildLimit = 3 * time.Minute
)

// try runs the tests on the mutant.
func try(ctx context.Context, dir string, m mutant) (how outcome, detail string) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return stale, ": " + err.Error()
	}
	return test(ctx, dir, m.pkg(), m.tests, overlay)
}

// overlay writes the changed file, and the list that puts it in the place of
// the real one.
func (m mutant) overlay(dir string) (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%q is in the file %d times", m.old, n)
	}
	real, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	changed, list := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{real: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	return list, os.WriteFile(list, text, 0o600)
}

// test builds the tests of a package and runs some of them.
func test(ctx context.Context, dir, pkg, names, overlay string) (outcome, string) {
	binary := filepath.Join(dir, "a.test")
	if out, err := execute(ctx, buildLimit, ".", "go", "test", "-vet=off", "-overlay", overlay, "-c", "-o", binary, "./"+pkg); err != nil {
		return broken, "\n" + out
	}
	args := []string{"-test.run", "^(" + names + ")$", "-test.timeout", testLimit.String(), "-test.failfast"}
	if usesRapid(pkg) {
		args = append(args, "-rapid.nofailfile")
	}
	out, err := execute(ctx, testLimit+10*time.Second, pkg, binary, args...)
	if err == nil {
		return survived, ""
	}
	return caught, ": " + redTest(out)
}

// usesRapid tells whether a package has properties: where they fail, rapid would
// leave a file in the tree.
func usesRapid(pkg string) bool {
	files, _ := filepath.Glob(filepath.Join(pkg, "*_test.go")) // the pattern is good
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), `"pgregory.net/rapid"`)
	})
}

func execute(ctx context.Context, limit time.Duration, dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// redTest names the test that failed.
func redTest(out string) string {
	if found := failedTest.FindStringSubmatch(out); found != nil {
		return found[1]
	}
	if strings.Contains(out, "panic: test timed out") {
		return "the tests ran out of time"
	}
	if strings.Contains(out, "panic: ") {
		return "the tests panicked"
	}
	return "the tests ended by themselves"
}
