package migrations

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/golang-migrate/migrate/v4/source"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

// A file is one numbered migration.
type file struct {
	version uint
	name    string // of the up file
	sha256  string // of the up file, in hex
	marked  bool   // false: it says "-- no-transaction"
}

// readFiles lists the up files in rising order.
func readFiles(fsys fs.FS) ([]file, error) {
	names, err := fs.Glob(fsys, "*.up.sql") // sorted, and the numbers have one width
	if err != nil {
		return nil, fmt.Errorf("listing migration files: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("there are no migration files")
	}
	var list []file
	for _, name := range names {
		parsed, err := source.DefaultParse(name)
		if err != nil {
			return nil, fmt.Errorf("migration file %s: %w", name, err)
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("migration file %s: %w", name, err)
		}
		sum := sha256.Sum256(body)
		list = append(list, file{
			version: parsed.Version,
			name:    name,
			sha256:  hex.EncodeToString(sum[:]),
			marked:  isMarked(body),
		})
	}
	return list, nil
}

func isMarked(body []byte) bool { return !bytes.HasPrefix(body, []byte("-- no-transaction")) }

// marking is the library's file source, with a statement added to every body
// that records in the same transaction what the body did.
type marking struct {
	source.Driver
	sums map[uint]string
}

func newMarking(fsys fs.FS, list []file) (*marking, error) {
	driver, err := iofs.New(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading migration files: %w", err)
	}
	m := &marking{Driver: driver, sums: make(map[uint]string)}
	for _, f := range list {
		m.sums[f.version] = f.sha256
	}
	return m, nil
}

// ReadUp returns the up file with its mark.
func (m *marking) ReadUp(version uint) (io.ReadCloser, string, error) {
	body, id, err := m.Driver.ReadUp(version)
	return withMark(body, id, err, fmt.Sprintf(
		"\n;insert into logferry.applied (version, sha256) values (%d, '%s');\n", version, m.sums[version]))
}

// ReadDown returns the down file, which takes the mark away.
func (m *marking) ReadDown(version uint) (io.ReadCloser, string, error) {
	body, id, err := m.Driver.ReadDown(version)
	return withMark(body, id, err, fmt.Sprintf("\n;delete from logferry.applied where version = %d;\n", version))
}

func withMark(body io.ReadCloser, id string, err error, mark string) (io.ReadCloser, string, error) {
	if err != nil {
		return nil, "", err // the library compares it with fs.ErrNotExist
	}
	text, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, "", fmt.Errorf("migration file %s: %w", id, err)
	}
	if isMarked(text) {
		text = append(text, mark...)
	}
	return io.NopCloser(bytes.NewReader(text)), id, nil
}
