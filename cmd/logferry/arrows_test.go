package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "logferry"

// arrows says which packages of ours each package may import. Imports run one
// way; a package that is not here has no place in the building yet.
var arrows = map[string][]string{
	"cmd/logferry":      {"ferry", "migrations", "internal/demo"},
	"ferry":             {"extract", "transform", "load"},
	"load":              {"transform"},
	"extract":           {},
	"transform":         {},
	"migrations":        {},
	"emulator":          {},
	"internal/demo":     {"ferry", "migrations", "emulator", "internal/pgtemp"},
	"internal/mutants":  {},                  // make mutants
	"internal/pgmatrix": {"internal/pgtemp"}, // make postgres-matrix
	"internal/promises": {},                  // make promises
	"internal/pgtemp":   {},
	"internal/pgtest":   {"internal/pgtemp"}, // for tests only
}

// forTests are what tests of any package may import besides.
var forTests = []string{"emulator", "migrations", "internal/pgtemp", "internal/pgtest"}

// notShipped must not be linked into the binary.
var notShipped = []string{
	"pgregory.net/rapid", "github.com/google/go-cmp/cmp",
	"github.com/rogpeppe/go-internal/testscript", module + "/internal/pgtest",
}

// A goPackage is what `go list -json` says of one.
type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestArrows(t *testing.T) {
	for _, p := range goList(t, "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...") {
		name := ours(p.ImportPath)
		allowed, ok := arrows[name]
		if !ok {
			t.Errorf("%s is not in the table of arrows: add it and say what it may import", name)
		}
		for _, imported := range p.Imports {
			if to := ours(imported); to != "" && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s, which the table of arrows does not allow", name, to)
			}
		}
		inTests := slices.Concat(allowed, forTests, []string{name})
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if to := ours(imported); to != "" && !slices.Contains(inTests, to) {
				t.Errorf("a test of %s imports %s, which the table of arrows does not allow", name, to)
			}
		}
	}
}

func TestBinaryCarriesNoTests(t *testing.T) {
	for _, p := range goList(t, "-deps", "-json=ImportPath,Imports", module+"/cmd/logferry") {
		if slices.Contains(notShipped, p.ImportPath) {
			t.Errorf("%s is linked into the binary", p.ImportPath)
		}
		// The library that fetches Postgres links testing; that can't be helped.
		if ours(p.ImportPath) != "" && slices.Contains(p.Imports, "testing") {
			t.Errorf("%s imports testing and is linked into the binary", p.ImportPath)
		}
	}
}

// ours is the path within the module; empty for somebody else's package.
func ours(path string) string {
	inside, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	return inside
}

func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v: %s", err, failed.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
