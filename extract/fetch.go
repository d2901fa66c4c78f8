package extract

import (
	"context"
	"errors"
	"iter"
)

// one requests one page of the window. Its documents are in flight until the
// walk has handed them on.
func (r *Reading) one(ctx context.Context, page, size int) (Answer, error) {
	r.Drop()
	for {
		room, err := r.feed.hold(ctx, r.room())
		if err != nil {
			return Answer{}, err
		}
		f := r.ask(ctx, page, size, room)
		r.held = room
		r.note(f)
		if errors.Is(f.err, errOutgrown) {
			continue // there is room for all of it now, or will be
		}
		if f.err == nil && r.Walks == 0 {
			r.Date = f.Date
		}
		return f.Answer, f.err
	}
}

// Drop gives back what an unread page holds of the memory for documents. Call
// it when a reading is given up after Begin.
func (r *Reading) Drop() {
	r.held.free()
	r.held = nil
}

// A fetched page is one that was asked for, with the room it takes.
type fetched struct {
	Answer
	err  error
	room *room
}

// ask requests a page for which room is held; afterwards as much is held as its
// body takes.
func (r *Reading) ask(ctx context.Context, page, size int, room *room) fetched {
	from, to := r.Window.asked(r.feed.Dialect.Tick)
	a, err := r.feed.page(ctx, Ask{Dialect: r.feed.Dialect, From: from, To: to, Page: page, Size: size, room: room})
	room.fit(a.Bytes)
	return fetched{a, err, room}
}

func (r *Reading) note(f fetched) {
	r.Requests += f.Requests
	r.Bytes += f.Bytes
	r.largest = max(r.largest, f.Bytes)
	if KindOf(f.err) == TooLarge {
		r.largest = MaxBody
	}
}

// fetch requests pages from..to of a size side by side and yields their answers
// in order. A page is fetched ahead only while there is room for its documents.
func (r *Reading) fetch(ctx context.Context, from, to, size int) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var queue []chan fetched
		defer func() {
			cancel()
			for _, c := range queue {
				f := <-c
				r.note(f)
				f.room.free()
			}
		}()
		for next := from; next <= to || len(queue) > 0; {
			for next <= to && len(queue) < max(1, r.feed.Ahead) {
				room, full, err := r.roomFor(ctx, len(queue) == 0)
				if err != nil {
					yield(Answer{}, err)
					return
				}
				if full {
					break
				}
				queue = append(queue, r.start(ctx, next, size, room))
				next++
			}
			f := <-queue[0]
			queue = queue[1:]
			r.note(f)
			if !r.deliver(f, yield) {
				return
			}
		}
	}
}

func (r *Reading) start(ctx context.Context, page, size int, room *room) chan fetched {
	c := make(chan fetched, 1)
	go func() { c <- r.ask(ctx, page, size, room) }()
	return c
}

// deliver yields a page and then gives its room back.
func (r *Reading) deliver(f fetched, yield func(Answer, error) bool) bool {
	defer f.room.free()
	return yield(f.Answer, f.err)
}
