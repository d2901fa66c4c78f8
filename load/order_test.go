package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A chunk that a second walk over the window brings again finds the rows that the
// first has written, and writes nothing.
func TestWalkedAgainWritesNothing(t *testing.T) {
	t.Parallel()
	f, notes := watched(t)
	f.read(0, 10, tokens("old", 1, 1), tokens("changed", 2, 1))
	w := f.begin(f.claim(0, 10))
	for walk := range 3 {
		f.write(w, tokens("old", 1, 1), tokens("changed", 2, 2), tokens("new", 3, 1))
		if n := notes.containing("update logferry.windows set lease_until"); n != 2 { // of the first reading, and of this one
			t.Errorf("walk %d: %d chunks were written in all, want 2", walk, n)
		}
	}
	f.finish(w, attested)
}

// Rows that are there already are locked by key, lowest first, whatever order
// they arrived in: two writers may wait for each other, but never both. So it is
// with rows that changed, and with rows that somebody else stored meanwhile.
func TestRowsAreLockedInOneOrder(t *testing.T) {
	t.Parallel()
	f, notes := watched(t)
	logs := func(tokens, step int) []Entry {
		var entries []Entry
		for n := 0; n < 40; n += step {
			n := n * 7 % 40
			entries = append(entries, entry(fmt.Sprint("log ", n), minute(n%20), fmt.Sprintf(`"tokens_in":%d`, tokens)))
		}
		return entries
	}
	locked := func(what string, w *Writing, tokens int) {
		notes.upserted = nil
		f.write(w, logs(tokens, 1)...)
		f.finish(w, attested)
		if len(notes.upserted) != 40 || !slices.IsSorted(notes.upserted) {
			t.Errorf("%s: %d rows, locked in this order:\n%s", what, len(notes.upserted), strings.Join(notes.upserted, "\n"))
		}
	}
	f.read(0, 60, logs(1, 2)...)
	first, second := f.begin(f.claim(0, 30)), f.claim(30, 60)
	second.Span = minutes(0, 60)
	late := f.begin(second) // it knows nothing of what the first writes
	f.write(first, logs(1, 1)...)
	f.finish(first, attested)
	locked("stored meanwhile", late, 2)
	locked("changed", f.begin(f.claim(0, 60)), 3)
}
