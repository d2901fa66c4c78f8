// Command promises runs the tests that RELIABILITY.md names and prints, for each
// row of its tables, how many tests hold it and how many cases these tried: the
// subtests, and of a test without any the test itself. Tests that go through many
// cases without subtests say so in their logs, as "tried 130 breaks"; of a property
// the checks count that rapid made.
//
//	go run ./internal/promises
//
// Tests behind a build tag are run where they can be: those with a standby, and
// those behind pgbouncer where that program is installed. What is left out is
// told. It ends with 1 when a test failed, and when a row of the page counts more
// cases in its last cell than were tried. (Random tests try some more at times.)
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
	"strconv"
	"strings"
)

const page = "RELIABILITY.md"

// A row is one of a table: what it is called, its tests, and how many cases of
// them the page counts, in words where a table doesn't.
type row struct {
	name  string
	tests []string
	cases string
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
		err = errors.Join(errors.New("a row is not as "+page+" says; a test that failed can be run alone by go test -run"), err)
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
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		r := row{name: strings.TrimRight(strings.ReplaceAll(name[1], "*", ""), "."), cases: strings.TrimSpace(cells[len(cells)-1])}
		for _, test := range testName.FindAllStringSubmatch(line, -1) {
			r.tests = append(r.tests, test[1])
		}
		rows = append(rows, r)
	}
	return rows
}

// A result is how a test or subtest ended, and how many cases it says it tried.
type result struct {
	action string
	tried  int
}

// tried is what a test says of cases that are no subtests.
var tried = regexp.MustCompile(`(?:: tried|\[rapid\] OK, passed) (\d+) `)

// runTests runs all tests of the rows at once, and returns how each ended, by its
// name; subtests have their parents' before a slash.
func runTests(rows []row) (map[string]result, error) {
	var names []string
	for _, r := range rows {
		names = append(names, r.tests...)
	}
	slices.Sort(names)
	cmd := exec.Command("go", "test", "-json", "-count", "1", "-tags", tags(),
		"-run", "^("+strings.Join(slices.Compact(names), "|")+")$", "./...")
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	seen := map[string]result{}
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Test == "" {
			continue
		}
		r := seen[event.Test]
		if match := tried.FindStringSubmatch(event.Output); match != nil {
			n, _ := strconv.Atoi(match[1])
			r.tried += n
		}
		if event.Action == "pass" || event.Action == "fail" {
			r.action = event.Action
		}
		seen[event.Test] = r
	}
	return seen, errors.Join(lines.Err(), cmd.Wait())
}

// tags are those of the tests that can be run here. A full disk is none of them:
// mounting one takes a namespace.
func tags() string {
	for _, program := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if _, err := exec.LookPath(program); err == nil {
			return "standby,bouncer"
		}
	}
	return "standby"
}

// tell says how the row's tests ended.
func (r row) tell(seen map[string]result) (line string, ok bool) {
	tests, cases, verdict := 0, 0, "passed"
	var absent []string
	for _, test := range r.tests {
		switch seen[test].action {
		case "":
			absent = append(absent, test)
			continue
		case "fail": // as its parent does when a subtest fails
			verdict = "FAILED"
		}
		tests++
		cases += casesOf(test, seen)
	}
	if least, err := strconv.Atoi(r.cases); verdict == "passed" && len(absent) == 0 && (err != nil || cases < least) {
		verdict = fmt.Sprintf("the page counts %q", r.cases)
	}
	line = fmt.Sprintf("%-60s %3d tests, %4d cases: %s", r.name, tests, cases, verdict)
	if len(absent) > 0 {
		line += "; not run here: " + strings.Join(absent, ", ")
	}
	return line, verdict == "passed"
}

// casesOf is what a test says it tried, else what its subtests did, else one.
func casesOf(test string, seen map[string]result) int {
	if n := seen[test].tried; n > 0 {
		return n
	}
	cases := 0
	for other := range seen {
		if rest, below := strings.CutPrefix(other, test+"/"); below && !strings.Contains(rest, "/") {
			cases += casesOf(other, seen)
		}
	}
	return max(cases, 1)
}
