package extract

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"
)

// A body takes room as it grows, and is given up where there is none.
func TestP08BodiesGrowIntoTheirRoom(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	text := strings.Repeat("x", size)
	for _, c := range []struct {
		name      string
		memory    int64
		announced int64
		want      error
	}{
		{"enough", MaxInFlight, -1, nil},
		{"enough, announced", MaxInFlight, size, nil},
		{"too little", size / 2, -1, errOutgrown},
		{"too little, announced", size / 2, size, errOutgrown},
		{"less comes than announced", MaxInFlight, 1 << 40, nil},
	} {
		m := &room{of: semaphore.NewWeighted(c.memory)}
		body, err := readBody(strings.NewReader(text), c.announced, m)
		if !errors.Is(err, c.want) || c.want == nil && string(body) != text {
			t.Errorf("%s: %d bytes, %v", c.name, len(body), err)
		}
		if m.held > c.memory || c.want == nil && m.held < size {
			t.Errorf("%s: %d bytes held", c.name, m.held)
		}
		if m.free(); !m.of.TryAcquire(c.memory) {
			t.Errorf("%s: memory is still held", c.name)
		}
	}
	if body, err := readBody(bytes.NewReader(make([]byte, 2*MaxBody)), -1, nil); err != nil || len(body) != MaxBody+1 {
		t.Errorf("of a body that is too large %d bytes were read, %v", len(body), err)
	}
}

// An answer for which there was no room is asked for again, by pages of the
// same size, once there is room for any.
func TestP08OutgrownAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	outgrown := &Error{Kind: TooLarge, Op: "list logs", Err: errOutgrown}
	src := &source{rows: entries(20)}
	once := func(page int) *scripted {
		done := false
		return &scripted{answer: func(_ int, ask Ask) (Answer, error) {
			if ask.Page == page && !done {
				done = true
				return Answer{}, outgrown
			}
			if ask.Page == page && ask.room.held != MaxBody {
				t.Errorf("page %d is asked for again with %d bytes of room", page, ask.room.held)
			}
			return src.Page(t.Context(), ask)
		}}
	}
	for page := 1; page <= 3; page++ {
		api := once(page)
		f := feedOf(api, 5)
		f.Ahead = 3
		r := f.Read(span(0, 1000))
		if load, err := walkOnce(t.Context(), r); err != nil || r.Verdict() != Attested || len(load) != 20 {
			t.Errorf("page %d: %s with %d entries, %v", page, r.Verdict(), len(load), err)
		}
		for _, ask := range api.asks {
			if ask.Size != 5 {
				t.Errorf("page %d: asked for %d rows", page, ask.Size)
			}
		}
		if r.Requests != len(api.asks) {
			t.Errorf("page %d: counted %d requests of %d", page, r.Requests, len(api.asks))
		}
		allFree(t, f)
	}
	f := feedOf(once(1), 5)
	if total, requests, err := f.Total(t.Context(), at(-1), at(1000)); err != nil || total != 20 || requests != 2 {
		t.Errorf("total %d after %d requests, %v", total, requests, err)
	}
	allFree(t, f)
}
