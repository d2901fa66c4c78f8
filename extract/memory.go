package extract

import "context"

// Documents in flight are bounded over all windows ([MaxInFlight]). How large
// a body will be is not known when it is asked for: room is taken for twice
// the largest that the reading has met, for the largest there may be
// ([MaxBody]) before it has met any, and what turns out not to be needed is
// given back at once. A page may thus outgrow its room only where bodies more
// than double from one page to the next.
//
// Only the page whose turn is next waits for room, and its reading holds none
// then: so waiting always ends.

// room is what to hold for one page, in bytes.
func (r *Reading) room() int64 {
	if r.largest == 0 {
		return MaxBody
	}
	return min(max(2*r.largest, 64<<10), MaxBody)
}

// wait holds room for one page.
func (r *Reading) wait(ctx context.Context) (room int64, err error) {
	room = r.room()
	if r.feed.Memory == nil {
		return room, nil
	}
	return room, r.feed.Memory.Acquire(ctx, room)
}

// roomFor is wait, or, for a page that is not the next in turn, 0 if there is
// no room now.
func (r *Reading) roomFor(ctx context.Context, next bool) (room int64, err error) {
	room = r.room()
	if next || r.feed.Memory == nil {
		return r.wait(ctx)
	}
	if !r.feed.Memory.TryAcquire(room) {
		return 0, nil
	}
	return room, nil
}

// fit makes the room held for a page as large as its body, as far as there is
// room without waiting.
func (f *Feed) fit(room, body int64) int64 {
	switch {
	case f.Memory == nil:
		return 0
	case body > room && !f.Memory.TryAcquire(body-room):
		return room
	case body < room:
		f.Memory.Release(room - body)
	}
	return body
}

func (f *Feed) release(room int64) {
	if f.Memory != nil && room > 0 {
		f.Memory.Release(room)
	}
}
