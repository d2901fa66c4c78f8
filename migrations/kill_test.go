package migrations

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/internal/pgtest"
)

var seedFlag = flag.Uint64("seed", 0, "seed of random tests, as a failed one printed it; 0: a new one")

// A migrator that is killed at any moment leaves nothing that the next one
// cannot mend.
func TestKilledMigrators(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	want := catalog(t, migrated(t))

	mended := 0
	for range 4 {
		url := pgtest.Empty(t)
		for range 3 {
			killOne(t, url, time.Duration(random.IntN(250))*time.Millisecond)
			if state(t, url).Dirty {
				mended++
			}
		}
		if err := Up(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		wantNewest(t, url)
		if diff := cmp.Diff(want, catalog(t, connect(t, url))); diff != "" {
			t.Errorf("schema after kills (-want +got):\n%s", diff)
		}
	}
	t.Logf("%d kills left the schema dirty", mended)
}

func killOne(t *testing.T, url string, after time.Duration) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childURL+"="+url)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
	defer timer.Stop()
	_ = child.Wait() // it was killed, or was done before
}

// What a kill can leave, made by hand: the file's transaction either committed
// with its mark or did not happen, while the library only knows "dirty".
func TestDirtyIsMended(t *testing.T) {
	want := catalog(t, migrated(t))
	newest := Newest()
	for _, c := range []struct {
		name    string
		applied int // down to this version first
		version int // what the library says, dirty
	}{
		{"before the first file", 0, 1},
		{"up did not commit", newest - 1, newest},
		{"up committed", newest, newest},
		{"down did not commit", newest, newest - 1},
		{"down committed", newest - 1, newest - 1},
		{"down of the first committed", 0, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := pgtest.New(t, Up)
			if err := Down(t.Context(), url, c.applied); err != nil {
				t.Fatal(err)
			}
			conn := connect(t, url)
			run(t, conn, `delete from logferry.schema_migrations`)
			run(t, conn, `insert into logferry.schema_migrations values ($1, true)`, c.version)
			if !state(t, url).Dirty {
				t.Fatal("not dirty")
			}
			if err := Up(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			wantNewest(t, url)
			if diff := cmp.Diff(want, catalog(t, conn)); diff != "" {
				t.Errorf("schema (-want +got):\n%s", diff)
			}
		})
	}
}
