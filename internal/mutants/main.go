// Command mutants guards the tests. It takes the rules on which the promises
// rest out of the source, one at a time, and runs the tests that are said to
// hold each: they must turn red.
//
//	go run ./internal/mutants [-only REGEXP]
//
// Nothing is written into the tree: the compiler is handed a changed file in
// place of the real one (go build -overlay). It ends with 1 when a mutant
// survives, doesn't build, or is stale, which means that its text is no longer
// in the source; and when a test is red without any mutant.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A mutant is a rule and how to take it out of the source.
type mutant struct {
	rule     string
	file     string
	old, new string // old occurs exactly once in the file
	tests    string // that hold the rule, in the file's package: Go names, joined by |
	in       string // the package of the tests where it is another than the file's
}

// pkg is the folder of the tests.
func (m mutant) pkg() string {
	if m.in != "" {
		return m.in
	}
	return m.file[:strings.LastIndex(m.file, "/")]
}

func main() {
	only := flag.String("only", "", "run the mutants whose rule matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	if err := green(ctx, dir, chosen); err != nil {
		return err
	}
	count := map[outcome]int{}
	for _, m := range chosen {
		start := time.Now()
		how, detail := try(ctx, dir, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		count[how]++
		fmt.Printf("%-8s %5.1fs  %-17s %s%s\n", how, time.Since(start).Seconds(), m.file, m.rule, detail)
	}
	fmt.Printf("%d mutants: %d caught, %d survived, %d didn't build, %d stale; %s\n",
		len(chosen), count[caught], count[survived], count[broken], count[stale], time.Since(began).Round(time.Second))
	if count[caught] < len(chosen) {
		return errors.New("not every mutant was caught: write the test that is missing, or bring the mutant up to date")
	}
	return nil
}

func choose(only string) ([]mutant, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	chosen := slices.DeleteFunc(slices.Concat(reading, writing, flowing), func(m mutant) bool { return !wanted.MatchString(m.rule) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no rule matches %q", only)
	}
	return chosen, nil
}

// green runs all the tests once without a mutant: a red one would catch
// anything.
func green(ctx context.Context, dir string, chosen []mutant) error {
	tests := map[string][]string{}
	for _, m := range chosen {
		tests[m.pkg()] = append(tests[m.pkg()], m.tests)
	}
	for pkg, names := range tests {
		if how, detail := test(ctx, dir, pkg, strings.Join(names, "|"), ""); how != survived {
			return fmt.Errorf("the tests of %s must be green without a mutant, but%s", pkg, detail)
		}
	}
	return ctx.Err()
}
