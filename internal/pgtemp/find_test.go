package pgtemp

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakePrograms makes a folder with a postgres that tells this version line and an initdb that does nothing.
func fakePrograms(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for program, script := range map[string]string{"postgres": "#!/bin/sh\necho '" + version + "'\n", "initdb": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSearchOrder(t *testing.T) {
	root := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	named := fakePrograms(t, in("named"), "postgres (PostgreSQL) 15.1")
	onPath := fakePrograms(t, in("path"), "postgres (PostgreSQL) 16.2 (Debian 16.2-1)")
	oldOnPath := fakePrograms(t, in("oldpath"), "postgres (PostgreSQL) 14.9")
	fakePrograms(t, in("lib", "9", "bin"), "postgres (PostgreSQL) 9.6.24")
	newest := fakePrograms(t, in("lib", "18", "bin"), "postgres (PostgreSQL) 18beta1")
	fakePrograms(t, in("lib", "17", "bin"), "postgres (PostgreSQL) 17.5")
	fakePrograms(t, in("lib", "99", "bin"), "something else 99.0")
	cached := fakePrograms(t, in("cache"), "postgres (PostgreSQL) 17.5")
	linked := in("links")
	if err := os.MkdirAll(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(onPath, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	patterns := []string{in("nowhere", "*"), in("lib", "*", "bin")}

	for major, want := range map[int]string{17: in("lib", "17", "bin"), 18: newest, 9: "", 16: ""} {
		if got := (finder{patterns: patterns}).ofMajor(t.Context(), major); got != want {
			t.Errorf("version %d: got %q, want %q", major, got, want)
		}
	}
	for _, c := range []struct {
		name string
		finder
		want string
	}{
		{"the variable first", finder{named: named, path: []string{onPath}, patterns: patterns}, named},
		{"then PATH", finder{path: []string{in("empty"), onPath}, patterns: patterns}, onPath},
		{"a link on PATH leads to the folder with initdb", finder{path: []string{linked}}, onPath},
		{"too old on PATH: the newest of the folders", finder{path: []string{oldOnPath}, patterns: patterns}, newest},
		{"the folders, by number and not by spelling", finder{patterns: patterns}, newest},
		{"then the download", finder{path: []string{oldOnPath}}, cached},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.fetch = func(context.Context) (string, error) { return cached, nil }
			if got, err := c.find(t.Context()); got != c.want || err != nil {
				t.Errorf("found %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestNamedFolderIsNeverPassedOver(t *testing.T) {
	root := t.TempDir()
	old := fakePrograms(t, filepath.Join(root, "old"), "postgres (PostgreSQL) 14.9")
	good := fakePrograms(t, filepath.Join(root, "good"), "postgres (PostgreSQL) 17.5")
	for named, want := range map[string]string{
		old:                             "holds PostgreSQL 14, and logferry needs 15 or later",
		filepath.Join(root, "mistaken"): "there is no postgres in",
	} {
		_, err := finder{named: named, path: []string{good}}.find(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), BinVariable) {
			t.Errorf("%s: %v; want %q and the variable", named, err, want)
		}
	}
}

// TestNothingFound wants the three ways out and the reasons, so that nobody has to guess.
func TestNothingFound(t *testing.T) {
	old := fakePrograms(t, filepath.Join(t.TempDir(), "old"), "postgres (PostgreSQL) 14.9")
	unreachable := func(context.Context) (string, error) { return "", errors.New("the network is down") }
	_, err := finder{path: []string{old}, fetch: unreachable}.find(t.Context())
	if err == nil {
		t.Fatal("found something")
	}
	for _, want := range []string{"1. install it", "2. set " + BinVariable, "3. let this machine reach the internet",
		"holds PostgreSQL 14", "the network is down"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

// TestNoTimeIsNoReasonToDownload: programs that could not be tried because the
// time was up are not missing.
func TestNoTimeIsNoReasonToDownload(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := finder{path: []string{fakePrograms(t, t.TempDir(), "postgres (PostgreSQL) 16.2")}}
	f.fetch = func(context.Context) (string, error) {
		t.Error("it set out to download")
		return "", nil
	}
	if _, err := f.find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
