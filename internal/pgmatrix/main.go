// Command pgmatrix runs the tests of what uses the warehouse against each
// major version of PostgreSQL in turn, and prints a line for each. Versions
// that this machine doesn't have are downloaded; one that can't be had is said
// to be untried. It fails when a test failed, or no version could be had.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"logferry/internal/pgtemp"
)

// rooms are the packages whose tests speak to the warehouse.
var rooms = []string{"./load", "./migrations", "./ferry"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	versions := os.Args[1:]
	if len(versions) == 0 {
		versions = []string{"15", "16", "17", "18"}
	}
	tried, failed := 0, 0
	for _, version := range versions {
		major, err := strconv.Atoi(version)
		if err != nil {
			fmt.Fprintf(os.Stderr, "pgmatrix: %q is no major version; usage: pgmatrix [15 16 …]\n", version)
			os.Exit(2)
		}
		bin, err := pgtemp.Programs(ctx, major, os.Stderr)
		if err != nil {
			fmt.Printf("PostgreSQL %d: NOT TRIED: %v\n", major, err)
			continue
		}
		tried++
		if !passes(ctx, bin) {
			failed++
		}
	}
	if tried == 0 || failed > 0 {
		os.Exit(1)
	}
}

// passes runs the tests on the programs in bin, and shows what failed ones say.
func passes(ctx context.Context, bin string) bool {
	name, err := exec.CommandContext(ctx, bin+"/postgres", "--version").Output()
	if err != nil {
		fmt.Printf("%s: NOT TRIED: %v\n", bin, err)
		return false
	}
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count", "1"}, rooms...)...)
	// Empty, a server that the environment names is not used.
	cmd.Env = append(os.Environ(), pgtemp.BinVariable+"="+bin, "LOGFERRY_TEST_DATABASE_URL=")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	verdict := "passed"
	if err != nil {
		verdict = "FAILED"
	}
	fmt.Printf("%s: %s in %s: %s\n", bytes.TrimSpace(name), verdict, time.Since(began).Round(time.Second), strings.Join(rooms, " "))
	if err != nil {
		fmt.Print(out.String())
	}
	return err == nil
}
