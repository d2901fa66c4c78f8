package migrations

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/internal/pgtest"
)

func TestUpOnEmptyDatabase(t *testing.T) {
	url := pgtest.Empty(t)
	if got, want := state(t, url), (State{Newest: uint(Newest())}); got != want {
		t.Errorf("before: %+v, want %+v", got, want)
	}
	var done []string
	o := Options{Done: func(file string, _ time.Duration) { done = append(done, file) }}
	if err := o.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	wantNewest(t, url)
	want, err := fs.Glob(files(), "*.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("files reported (-want +got):\n%s", diff)
	}

	again := catalog(t, connect(t, url))
	done = nil
	if err := o.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if len(done) > 0 {
		t.Errorf("a second Up applied %q", done)
	}
	if diff := cmp.Diff(again, catalog(t, connect(t, url))); diff != "" {
		t.Errorf("a second Up changed the schema:\n%s", diff)
	}
}

func wantNewest(t *testing.T, url string) {
	t.Helper()
	got := state(t, url)
	if want := (State{Current: uint(Newest()), Newest: uint(Newest())}); got != want {
		t.Errorf("state %+v, want %+v", got, want)
	}
}

func TestDownAndUpAgain(t *testing.T) {
	url := pgtest.New(t, Up)
	conn := connect(t, url)
	before := catalog(t, conn)
	run(t, conn, `select logferry.ensure_partitions('2026-09-01Z', '2026-10-02Z')`)
	if err := Down(t.Context(), url, 7); err != nil {
		t.Fatal(err)
	}
	if got := state(t, url); got.Current != 7 {
		t.Errorf("after Down to 7: %+v", got)
	}
	if err := Down(t.Context(), url, 0); err != nil {
		t.Fatal(err)
	}
	left := lines(t, conn, `select c.oid::regclass::text from pg_class c where relkind in ('r', 'p', 'v')
		and relnamespace::regnamespace::text in ('llm', 'logferry', 'logferry_private') order by 1`)
	if diff := cmp.Diff([]string{"logferry.applied", "logferry.schema_migrations"}, left); diff != "" {
		t.Errorf("left after Down to 0 (-want +got):\n%s", diff)
	}
	if err := Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, catalog(t, conn)); diff != "" {
		t.Errorf("schema after down and up (-before +after):\n%s", diff)
	}
	for _, to := range []int{-1, Newest() + 1} {
		if err := Down(t.Context(), url, to); err == nil {
			t.Errorf("Down to %d succeeded", to)
		}
	}
}

func TestConcurrentStarters(t *testing.T) {
	url := pgtest.Empty(t)
	together(t, 8, func() error { return Up(t.Context(), url) })
	wantNewest(t, url)
}

// A waiter must not hold a snapshot, or CREATE INDEX CONCURRENTLY waits for it.
func TestConcurrentStartersWithConcurrentIndex(t *testing.T) {
	url := pgtest.Empty(t)
	fsys := fstest.MapFS{
		"1_t.up.sql": {Data: []byte("create table public.t (a int); insert into public.t select generate_series(1, 20000);")},
		"2_i.up.sql": {Data: []byte("-- no-transaction\ncreate index concurrently if not exists i on public.t (a)")},
	}
	together(t, 8, func() error { return Options{}.run(t.Context(), url, fsys, (*migrator).up) })
	conn := connect(t, url)
	if got := lines(t, conn, `select indisvalid from pg_index where indexrelid = 'public.i'::regclass`); !cmp.Equal(got, []string{"true"}) {
		t.Errorf("index valid: %v", got)
	}
	if got := lines(t, conn, `select version, dirty from logferry.schema_migrations`); !cmp.Equal(got, []string{"2 | false"}) {
		t.Errorf("version: %v", got)
	}
}

func together(t *testing.T, n int, do func() error) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestEditedFile(t *testing.T) {
	url := pgtest.Empty(t)
	fsys := fstest.MapFS{
		"1_a.up.sql": {Data: []byte("create table public.a ()")},
		"2_b.up.sql": {Data: []byte("create table public.b ()")},
	}
	up := func() error { return Options{}.run(t.Context(), url, fsys, (*migrator).up) }
	if err := up(); err != nil {
		t.Fatal(err)
	}
	fsys["1_a.up.sql"].Data = []byte("create table public.a (x int)")
	if err := up(); !errors.Is(err, ErrEdited) || !strings.Contains(err.Error(), "1_a.up.sql") {
		t.Errorf("got %v, want ErrEdited naming the file", err)
	}
}

// A file that fails is rolled back whole, mark and all, and its text is not quoted.
func TestFailingFile(t *testing.T) {
	url := pgtest.Empty(t)
	fsys := fstest.MapFS{
		"1_a.up.sql": {Data: []byte("create table public.a ();\ncreate table public.gone ();\nselect hidden_word;\n")},
	}
	up := func() error { return Options{}.run(t.Context(), url, fsys, (*migrator).up) }
	err := up()
	if err == nil || !strings.Contains(err.Error(), "1_a.up.sql, line 3") || strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v, want the file and the line and no statement", err)
	}
	if got := state(t, url); got.Current != 0 || got.Dirty {
		t.Errorf("state %+v, want version 0, not dirty", got)
	}
	fsys["1_a.up.sql"].Data = []byte("create table public.a ()")
	if err := up(); err != nil {
		t.Errorf("with the file mended: %v", err)
	}
}

func TestNewerDatabaseIsLeftAlone(t *testing.T) {
	url := pgtest.New(t, Up)
	run(t, connect(t, url), `update logferry.schema_migrations set version = 9999`)
	if err := Up(t.Context(), url); err != nil {
		t.Error(err)
	}
	if got := state(t, url); got.Current != 9999 {
		t.Errorf("state %+v", got)
	}
	if err := Down(t.Context(), url, 0); err == nil {
		t.Error("Down from an unknown version succeeded")
	}
}

func state(t *testing.T, url string) State {
	t.Helper()
	got, err := Version(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
