// Package pgtest gives each test a PostgreSQL database of its own. Only tests import it.
//
// One server serves a test process: started when the first test asks for a database, stopped by Main. A schema is
// migrated once per process, into a template database; each test gets a copy of it, which takes a few hundredths of a
// second, and the copy is dropped when the test ends. So tests may run in parallel, kill sessions and leave what they
// like behind; only what belongs to the whole server, as roles do, is shared.
//
// The server is a private one (package pgtemp). LOGFERRY_TEST_DATABASE_URL names another to use instead: the URL of a
// superuser there, PostgreSQL 15 or later; several test processes can share it. When no server is to be had the test
// fails: it is never skipped.
package pgtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

// URLVariable names the environment variable with the URL of a server to use instead of a private one.
const URLVariable = "LOGFERRY_TEST_DATABASE_URL"

// Password stands in the URLs of the private server's databases, which asks for none. Nothing may ever print it:
// .ci/run looks for it in the output of all tests.
const Password = "canary-password-2e8c"

// limit is the time each of migrating, copying and dropping may take; a loaded machine needs a part of a second.
const limit = 2 * time.Minute

// Template is a database that is made once per process, for tests to copy.
type Template struct {
	// Name tells templates apart: the first of a name is migrated, all later ones of that name are its copies.
	Name string

	// Migrate makes the schema, and whatever data all tests share, in the empty database at url. It must close its
	// connections: a database in use can't be copied.
	Migrate func(ctx context.Context, url string) error
}

// New returns the URL of a fresh database that migrate has been run in. The function itself names the template, so it
// should be a declared one: two closures made at the same place, with different variables, count as the same.
// What else New does is said at Template.New.
func New(t testing.TB, migrate func(ctx context.Context, url string) error) string {
	t.Helper()
	name := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer()).Name()
	return Template{Name: name, Migrate: migrate}.New(t)
}

// New returns the URL of a fresh copy of the template. The database is dropped when the test ends, whoever is still
// connected; if the test failed, its log has the database's name. Whatever goes wrong here fails the test.
func (tpl Template) New(t testing.TB) string {
	t.Helper()
	server := theServer(t)
	source, err := server.template(tpl)
	if err != nil {
		t.Fatalf("making the template database %q: %v", tpl.Name, err)
	}
	return server.database(t, source)
}

// Empty returns the URL of a fresh database with nothing in it, dropped when the test ends.
func Empty(t testing.TB) string {
	t.Helper()
	return theServer(t).database(t, "template0")
}

// Main runs the tests, stops the server if one was started, and exits. A package that uses this one has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// Without it the server still goes with the process, and its folder with the next run of any test.
func Main(m *testing.M) {
	os.Exit(Runner{m}.Run())
}

// Runner is a testing.M whose Run also stops the server; for callers that run the tests by themselves, as
// testscript.Main does.
type Runner struct{ *testing.M }

// Naptime is a private server's autovacuum_naptime, longer than all tests take together. A test that takes longer, on a
// database that grows, resets it by alter system.
const Naptime = "10min"

// Run runs the tests, stops the server if one was started, and returns the exit code. Four times as many tests run in
// parallel as there are processors, unless -parallel says otherwise: most of the time they wait, for the server or for
// the pause before a retry.
func (r Runner) Run() int {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
			panic(err) // the testing package has that flag, and it takes numbers
		}
	}
	debug.SetGCPercent(400) // memory is not what tests are short of; the processes that they start have the usual
	code := r.M.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	return code
}
