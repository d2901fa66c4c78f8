package pgtemp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BinVariable names the environment variable that holds the folder of the programs postgres and initdb. When it is
// set nothing else is looked at.
const BinVariable = "LOGFERRY_POSTGRES_BIN"

// oldestMajor is the first PostgreSQL that logferry works with.
const oldestMajor = 15

// versioned are the folders, by pattern, where packages put each major version beside the others, off PATH.
var versioned = []string{
	"/usr/lib/postgresql/*/bin",                               // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                        // Red Hat and its kin
	"/usr/lib/postgresql[0-9]*/bin",                           // SUSE
	"/usr/libexec/postgresql[0-9]*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                      // Homebrew, Apple silicon
	"/usr/local/opt/postgresql@*/bin",                         // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",         // Homebrew, Linux
	"/Applications/Postgres.app/Contents/Versions/[0-9]*/bin", // Postgres.app
}

// finder looks for the programs: the folder named by the variable, then PATH, then the versioned folders, newest
// major first, then what was fetched earlier or can be fetched now.
type finder struct {
	named    string   // value of BinVariable
	path     []string // folders of PATH
	patterns []string
	as       *account // who has to be able to run them; nil: this user
	fetch    func(context.Context) (string, error)
}

func thisMachine(as *account, notice io.Writer) finder {
	return finder{
		named:    os.Getenv(BinVariable),
		path:     filepath.SplitList(os.Getenv("PATH")),
		patterns: versioned,
		as:       as,
		fetch:    func(ctx context.Context) (string, error) { return fetched(ctx, fetchedVersion, notice) },
	}
}

// find returns the folder of the programs to use.
func (f finder) find(ctx context.Context) (string, error) {
	if f.named != "" {
		dir, err := filepath.Abs(f.named)
		if err == nil {
			_, err = f.major(ctx, dir)
		}
		if err != nil {
			return "", fmt.Errorf("%s=%s can't be used: %w", BinVariable, f.named, err)
		}
		return dir, nil
	}
	var refused []error
	for _, dirs := range [][]string{f.onPath(), f.inVersioned()} {
		dir, errs := f.newest(ctx, dirs)
		if dir != "" {
			return dir, nil
		}
		refused = append(refused, errs...)
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("looking for PostgreSQL: %w", err) // refused for want of time, not for good
	}
	dir, err := f.fetch(ctx)
	if err != nil {
		return "", notFound(refused, err)
	}
	if _, err := f.major(ctx, dir); err != nil {
		return "", notFound(refused, err)
	}
	return dir, nil
}

// onPath is the folder of the first postgres on PATH, links followed, since a link is often made to postgres alone.
func (f finder) onPath() []string {
	for _, dir := range f.path {
		if real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil && isFile(real) {
			return []string{filepath.Dir(real)}
		}
	}
	return nil
}

func (f finder) inVersioned() []string {
	var dirs []string
	for _, pattern := range f.patterns {
		// The only error of Glob is a malformed pattern, and ours are constants.
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	return dirs
}

// newest returns the usable folder with the highest major version, or why none is usable.
func (f finder) newest(ctx context.Context, dirs []string) (string, []error) {
	type candidate struct {
		dir   string
		major int
	}
	var usable []candidate
	var refused []error
	for _, dir := range dirs {
		major, err := f.major(ctx, dir)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		usable = append(usable, candidate{dir, major})
	}
	if len(usable) == 0 {
		return "", refused
	}
	best := slices.MaxFunc(usable, func(a, b candidate) int { return cmp.Compare(a.major, b.major) })
	return best.dir, refused
}

// ofMajor returns the versioned folder that holds this major version, or "".
func (f finder) ofMajor(ctx context.Context, major int) string {
	for _, dir := range f.inVersioned() {
		if found, err := f.major(ctx, dir); err == nil && found == major {
			return dir
		}
	}
	return ""
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// major asks the postgres in dir for its version, as the account that will run it: so a folder which that account
// may not enter is found out here.
func (f finder) major(ctx context.Context, dir string) (int, error) {
	for _, program := range []string{"postgres", "initdb"} {
		if !isFile(filepath.Join(dir, program)) {
			return 0, fmt.Errorf("there is no %s in %s", program, dir)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", environment(), attributes(f.as, false)
	out, err := cmd.Output()
	if errors.Is(err, os.ErrPermission) && f.as != nil {
		return 0, fmt.Errorf("%s can't be run by %s, and PostgreSQL refuses to run as root: %w", dir, f.as.name, err)
	}
	if err != nil {
		return 0, fmt.Errorf("%s/postgres --version: %w", dir, err)
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("%s/postgres doesn't tell its version", dir)
	}
	major, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return 0, fmt.Errorf("%s/postgres tells a version that isn't one: %w", dir, err)
	}
	if major < oldestMajor {
		return 0, fmt.Errorf("%s holds PostgreSQL %d, and logferry needs %d or later", dir, major, oldestMajor)
	}
	return major, nil
}

// notFound says the three ways out. The reasons for what was found and refused come last, each on its line.
func notFound(refused []error, fetch error) error {
	install := "apt-get install postgresql, or dnf install postgresql-server, or apk add postgresql"
	if runtime.GOOS == "darwin" {
		install = "brew install postgresql@17"
	}
	var reasons strings.Builder
	for _, err := range append(refused, fetch) {
		fmt.Fprintf(&reasons, "\n  - %v", err)
	}
	return fmt.Errorf(`no PostgreSQL %d or later on this machine, and none could be downloaded. One of these helps:
  1. install it: %s
  2. set %s to the folder that holds the programs postgres and initdb
  3. let this machine reach the internet (or a proxy, by HTTPS_PROXY), so that it can be downloaded
What was tried:%s`, oldestMajor, install, BinVariable, reasons.String())
}

func onPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
