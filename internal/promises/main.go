// Command promises runs the tests that RELIABILITY.md names and prints, for each
// row of its tables, how many tests hold it and how many cases these tried: the
// subtests, and of a test without any the test itself.
//
//	go run ./internal/promises
//
// Rows whose tests need a build tag, as those behind pgbouncer do, are told with
// what is left out; the page says how to run them. It ends with 1 when a test
// failed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

const page = "RELIABILITY.md"

// A row is one of a table: what it is called, and its tests.
type row struct {
	name  string
	tests []string
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	rows := rowsOf(string(text))
	seen, err := runTests(rows)
	if len(seen) == 0 {
		return errors.Join(errors.New("no test ran"), err)
	}
	failed := false
	for _, r := range rows {
		line, ok := r.tell(seen)
		fmt.Fprintln(out, line)
		failed = failed || !ok
	}
	if failed {
		return errors.New("a test failed: run it alone by go test -run")
	}
	return err
}

var (
	testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	rowName  = regexp.MustCompile(`^\| *(\d\. \*\*[^*]*\*\*|[PDC]\d+) *[^|]*\|`)
)

// rowsOf finds the rows of the page's tables that name tests.
func rowsOf(text string) (rows []row) {
	for line := range strings.Lines(text) {
		name := rowName.FindStringSubmatch(line)
		if name == nil {
			continue
		}
		r := row{name: strings.TrimRight(strings.ReplaceAll(name[1], "*", ""), ".")}
		for _, test := range testName.FindAllStringSubmatch(line, -1) {
			r.tests = append(r.tests, test[1])
		}
		rows = append(rows, r)
	}
	return rows
}

// A result is how a test or subtest ended.
type result struct{ Action, Test string }

// runTests runs all tests of the rows at once, and returns how each ended, by its
// name; subtests have their parents' before a slash.
func runTests(rows []row) (map[string]string, error) {
	var names []string
	for _, r := range rows {
		names = append(names, r.tests...)
	}
	slices.Sort(names)
	cmd := exec.Command("go", "test", "-json", "-count", "1", "-run", "^("+strings.Join(slices.Compact(names), "|")+")$", "./...")
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	seen := map[string]string{}
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r result
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Test != "" && (r.Action == "pass" || r.Action == "fail") {
			seen[r.Test] = r.Action
		}
	}
	return seen, errors.Join(lines.Err(), cmd.Wait())
}

// tell says how the row's tests ended.
func (r row) tell(seen map[string]string) (line string, ok bool) {
	tests, cases, verdict := 0, 0, "passed"
	var absent []string
	for _, test := range r.tests {
		if _, ran := seen[test]; !ran {
			absent = append(absent, test)
			continue
		}
		tests++
		for name, action := range seen {
			if name != test && !strings.HasPrefix(name, test+"/") {
				continue
			}
			if action == "fail" {
				verdict = "FAILED"
			}
			if isLeaf(name, seen) {
				cases++
			}
		}
	}
	line = fmt.Sprintf("%-60s %3d tests, %4d cases: %s", r.name, tests, cases, verdict)
	if len(absent) > 0 {
		line += "; not run here: " + strings.Join(absent, ", ")
	}
	return line, verdict == "passed"
}

// isLeaf tells a test without subtests.
func isLeaf(name string, seen map[string]string) bool {
	for other := range seen {
		if strings.HasPrefix(other, name+"/") {
			return false
		}
	}
	return true
}
