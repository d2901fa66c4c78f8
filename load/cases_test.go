package load

import (
	"errors"
	"testing"
	"time"
)

// refused is a log that Postgres refuses to store.
func refused(id string, at time.Time, members string) Entry {
	e := entry(id, at, members)
	e.Record.UserID = "x\x00"
	return e
}

// A disabled or forgotten stream is somebody's wish, no failure.
func TestStreamsThatAreGone(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, refused("a", minute(1), ""))
	_, err := f.SetEnabled(t.Context(), f.stream.Name, false)
	f.must(err)
	if _, err := f.replay("a", entry("a", minute(1), "")); !errors.Is(err, ErrLost) {
		t.Errorf("replay in a disabled stream: %v, want ErrLost", err)
	}
	_, err = f.Forget(t.Context(), f.stream.Name)
	f.must(err)
	if _, _, err := f.CoverageEnd(t.Context(), f.stream.ID); !errors.Is(err, ErrLost) {
		t.Errorf("coverage of a forgotten stream: %v, want ErrLost", err)
	}
	if err := f.SaveHead(t.Context(), f.stream.ID, []byte("{}")); !errors.Is(err, ErrLost) {
		t.Errorf("the head of a forgotten stream: %v, want ErrLost", err)
	}
}
