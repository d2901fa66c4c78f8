package pgtemp

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository serves, whatever version and system is asked for, the archive that the real one has: a zip that holds a
// tar.xz. The programs in testdata/programs.tar.xz are small scripts. sum is what it publishes as the SHA-256; empty
// means the right one.
func repository(t *testing.T, sum string) string {
	t.Helper()
	programs, err := os.ReadFile("testdata/programs.tar.xz")
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	entry, err := w.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(programs); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if sum == "" {
		hash := sha256.Sum256(archive.Bytes())
		sum = hex.EncodeToString(hash[:])
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			w.Write([]byte(sum))
			return
		}
		w.Write(archive.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestDownload wants the programs unpacked under their final name, runnable, and nothing else in the cache: above
// all no data folder, since the library must not have gone on to run a server.
func TestDownload(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "made", "on", "demand")
	home := filepath.Join(cache, "postgresql")
	config := libraryConfig(fetchedVersion).BinaryRepositoryURL(repository(t, ""))
	for range 2 { // a second process that came to download at the same time finds it there
		if err := download(t.Context(), config, cache, home); err != nil {
			t.Fatal(err)
		}
	}
	if major, err := (finder{}).major(t.Context(), filepath.Join(home, "bin")); major != 17 || err != nil {
		t.Errorf("the programs are of version %d, %v; want 17", major, err)
	}
	wantOnly(t, cache, "postgresql")
	wantOnly(t, home, "bin share")
}

func TestFailedDownloadLeavesNothing(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	for name, c := range map[string]struct{ url, want string }{
		"no connection":  {gone.URL, "unable to connect"},
		"no such file":   {missing.URL, "no version found"},
		"wrong checksum": {repository(t, strings.Repeat("0", 64)), "checksums do not match"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			err := download(t.Context(), libraryConfig(fetchedVersion).BinaryRepositoryURL(c.url), cache, filepath.Join(cache, "postgresql"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			wantOnly(t, cache, "")
		})
	}
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	hold := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(hold) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cache := t.TempDir()
	err := download(ctx, libraryConfig(fetchedVersion).BinaryRepositoryURL(slow.URL), cache, filepath.Join(cache, "postgresql"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
}

func TestVersionThatNobodyHas(t *testing.T) {
	if dir, err := Programs(t.Context(), 3, nil); err == nil || !strings.Contains(err.Error(), "PostgreSQL 3 is neither on this machine") {
		t.Errorf("got %q, %v", dir, err)
	}
}

func wantOnly(t *testing.T, dir, names string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != names {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}
