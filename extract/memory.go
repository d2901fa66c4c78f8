package extract

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"
)

// Documents in flight are bounded over all windows ([MaxInFlight]). How large
// a body will be is not known when it is asked for. A reading takes room for
// twice the largest that it has met, for the largest there may be ([MaxBody])
// before it has met any; what looks at few rows, a head or a count, begins with
// little. What turns out not to be needed is given back at once. A body that
// outgrows its room takes more while it is read; where there is none, it is
// given up and asked for again by who holds nothing and can wait for all that a
// body may take.
//
// Only the page whose turn is next waits for room, and its reading holds none
// then: so waiting always ends.

// littleRoom is what a body is given at first where most are small.
const littleRoom = 512 << 10

// errOutgrown is the cause of an error of kind TooLarge when there was no room
// for the rest of a body.
var errOutgrown = errors.New("there was no memory for the rest of the answer")

// A room is the memory held for one body and the documents in it. A nil one
// holds none, and bounds nothing.
type room struct {
	of   *semaphore.Weighted
	held int64
}

// hold waits for room of so many bytes.
func (f *Feed) hold(ctx context.Context, bytes int64) (*room, error) {
	if f.Memory == nil {
		return nil, nil
	}
	if err := f.Memory.Acquire(ctx, bytes); err != nil {
		return nil, err
	}
	return &room{f.Memory, bytes}, nil
}

// grow makes the room as large as that, without waiting; false: there is not
// so much.
func (m *room) grow(to int64) bool {
	if m == nil || to <= m.held {
		return true
	}
	if !m.of.TryAcquire(to - m.held) {
		return false
	}
	m.held = to
	return true
}

// fit makes the room as large as the body that it is for, as far as there is
// room without waiting.
func (m *room) fit(body int64) {
	if m == nil || m.grow(body) && body == m.held {
		return
	}
	if body < m.held {
		m.of.Release(m.held - body)
		m.held = body
	}
}

// free gives the room back.
func (m *room) free() {
	if m != nil {
		m.fit(0)
	}
}

// room is what to hold for one page, in bytes.
func (r *Reading) room() int64 {
	if r.largest == 0 {
		return MaxBody
	}
	return min(max(2*r.largest, 64<<10), MaxBody)
}

// roomFor holds room for one page. For one that is not the next in turn it is
// not waited for; full: there is none now.
func (r *Reading) roomFor(ctx context.Context, next bool) (m *room, full bool, err error) {
	if memory := r.feed.Memory; !next && memory != nil {
		if !memory.TryAcquire(r.room()) {
			return nil, true, nil
		}
		return &room{memory, r.room()}, false, nil
	}
	m, err = r.feed.hold(ctx, r.room())
	return m, false, err
}
