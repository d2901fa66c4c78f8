package ferry

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"logferry/load"
)

// newestHour is taken before older gaps, so that today's dashboards are right
// even during a long first sync.
const newestHour = time.Hour

// Sync is one pass over all configured streams. At its run timeout it
// checkpoints and ends without an error; the summary then says how much is
// unfinished.
func (f *Ferry) Sync(ctx context.Context) (Summary, error) {
	return f.pass(ctx, "sync")
}

func (f *Ferry) pass(ctx context.Context, command string) (Summary, error) {
	return f.execute(ctx, command, load.KindSync, func(ctx context.Context, r *run) error {
		limited, cancel := r.limit(ctx)
		defer cancel()
		streams, err := r.openStreams(limited, nil)
		err = errors.Join(r.checkpoint(ctx, limited, err), r.eachStream(limited, streams, func(limited context.Context, s *stream) error {
			err := s.gone(limited, s.sync(limited))
			if errors.Is(err, load.ErrLost) {
				r.note(s.Name + " was disabled or forgotten meanwhile")
				err = nil
			}
			return errors.Join(s.windowFailures(), r.checkpoint(ctx, limited, err), s.warnLate(ctx))
		}))
		return errors.Join(err, r.watchFields(ctx, streams), r.sumUp(ctx, streams))
	})
}

// limit is the run's time, if the settings limit it.
func (r *run) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.cfg.RunTimeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, r.cfg.RunTimeout)
}

// sync brings one stream up to date.
func (s *stream) sync(ctx context.Context) error {
	docs, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	if s.head.Bytes > heavyHead {
		docs = nil
	}
	met, head := s.proven, s.head
	footing, err := s.stand(ctx)
	if s.head != head { // its order was by another name of the time than the logs'
		docs = nil
	}
	if err == nil && footing == ready && !met {
		err = s.countOutside(ctx)
	}
	if err != nil {
		return err
	}
	s.fresh = footing == fresh
	tail, err := s.startTail(ctx, docs)
	s.head.Drop()
	if err != nil {
		return err
	}
	if s.ahead, _, err = s.run.store.CoverageEnd(ctx, s.ID); err != nil {
		return err
	}
	want := load.Span{From: s.StartsAt, To: s.settled()}
	s.guard(ctx, footing == ready)
	switch {
	case want.Empty() || footing == fresh:
		err = nil
	case footing == empty:
		err = s.catchUp(ctx, func(ctx context.Context) (bool, error) { return s.coverEmpty(ctx, want) })
	default:
		err = s.catchUp(ctx, func(ctx context.Context) (bool, error) { return s.carryAll(ctx, want, tail) })
	}
	err = errors.Join(err, s.endTail(ctx, tail, err))
	if err == nil && footing == ready && !want.Empty() {
		err = errors.Join(s.unguard(ctx), s.recheckPass(ctx), s.rereadLeaving(ctx))
	}
	return err
}

// coverEmpty covers the gaps of a stream whose source counts no log at all.
// others tells that wanted time is left which only other runs hold.
func (s *stream) coverEmpty(ctx context.Context, want load.Span) (others bool, err error) {
	for requests := s.head.Requests; ; {
		turn, err := s.claim(ctx, want, 0)
		if err != nil || turn.Claim == nil {
			return turn.Others, err
		}
		if err := s.coverOne(ctx, turn.Claim, requests); errors.Is(err, load.ErrLost) {
			s.lose()
		} else if err != nil {
			return false, err
		}
		s.run.claims.drop(turn.Claim)
		requests = 0
	}
}

func (s *stream) coverOne(ctx context.Context, claim *load.Claim, requests int) error {
	if err := s.cutToStored(ctx, claim); err != nil {
		return err
	}
	w, err := s.run.store.Begin(ctx, claim, s.Source, s.keep())
	if err != nil {
		return err
	}
	o := load.Outcome{Status: "attested", AttestedBy: "empty_proven", Walks: 1, Requests: requests}
	s.settle(&o, claim.Span, s.head.Date)
	if err := w.Finish(ctx, o); err != nil {
		return err
	}
	s.finished(claim.Span)
	s.run.account(o, w.Counts)
	return nil
}

// claim asks for the next gap of the wanted time.
func (s *stream) claim(ctx context.Context, want load.Span, newest time.Duration) (load.Turn, error) {
	s.planning.Lock()
	defer s.planning.Unlock()
	done, _ := s.finishedSpans()
	turn, err := s.run.store.Claim(ctx, s.want(want, done, newest))
	if turn.Claim != nil {
		s.run.claims.add(turn.Claim)
	}
	return turn, err
}

func (s *stream) want(span load.Span, done []load.Span, newest time.Duration) load.Want {
	return load.Want{
		Stream: s.ID, Run: s.run.id, Kind: s.run.kind, Span: span, Done: done,
		Force: s.run.force, Hurry: s.run.hurry, Ahead: s.ahead, Newest: newest, Tick: s.dialect().Tick, Lease: s.run.lease,
	}
}

// catchUp covers gaps until none is left to this run. Time that only other runs
// hold is waited for: one lease in a pass, which then leaves it to its owner, as
// long as it takes in a backfill. cover tells whether there is such time.
func (s *stream) catchUp(ctx context.Context, cover func(context.Context) (others bool, err error)) error {
	for {
		others, err := cover(ctx)
		if err != nil || !others {
			return err
		}
		if s.run.kind != load.KindBackfill {
			return s.takeOver(ctx, cover)
		}
		s.run.wait("windows of " + s.Name + " that another run holds")
		if err := sleep(ctx, min(time.Second, s.run.lease)); err != nil {
			return err
		}
		s.run.wait("")
	}
}

// takeOver waits one lease, covers what was not renewed, and leaves the rest.
func (s *stream) takeOver(ctx context.Context, cover func(context.Context) (others bool, err error)) error {
	s.run.wait("windows of " + s.Name + " that another run holds, for one lease")
	if err := sleep(ctx, s.run.lease+s.run.lease/10); err != nil {
		return err
	}
	s.run.wait("")
	others, err := cover(ctx)
	if others {
		s.run.mu.Lock()
		s.run.sum.Held++
		s.run.mu.Unlock()
		s.run.note(s.Name + ": another run holds windows here and is alive; they are left to it")
	}
	return err
}

// carryAll carries gaps with as many workers as a stream may have windows in
// flight, two. The tail is read along, at most a third of the stream's requests
// while gaps are open.
func (s *stream) carryAll(ctx context.Context, want load.Span, t *tail) (others bool, err error) {
	g, ctx := errgroup.WithContext(ctx)
	var left [windowsInStream]bool
	for i := range left {
		g.Go(func() (err error) {
			if i > 0 {
				left[i], err = s.carryGaps(ctx, want, nil) // one worker reads the tail
			} else {
				left[i], err = s.carryGaps(ctx, want, t)
			}
			return err
		})
	}
	err = g.Wait()
	return slices.Contains(left[:], true), err
}

// carryGaps is one worker. A window that fails by itself is noted, and the others
// go on.
func (s *stream) carryGaps(ctx context.Context, want load.Span, t *tail) (others bool, err error) {
	for ctx.Err() == nil {
		if t != nil {
			if err := t.read(ctx, s.tailShare(t)); err != nil {
				return false, err
			}
		}
		_, changed := s.finishedSpans()
		turn, err := s.carryNext(ctx, want)
		switch {
		case err != nil && s.oneWindow(err):
		case err != nil:
			return false, err
		case turn.Claim != nil:
			s.showGauge(ctx, want)
		case turn.Ours:
			// The other worker may narrow its window or be done. A claim
			// whose commit was never answered has no worker: its lease ends.
			select {
			case <-changed:
			case <-time.After(s.run.lease):
			case <-ctx.Done():
			}
		default:
			return turn.Others, nil
		}
	}
	return false, ctx.Err()
}

// carryNext takes the next gap when one of the run's places is free, and
// carries it. Streams take turns, since places are given in order.
func (s *stream) carryNext(ctx context.Context, want load.Span) (load.Turn, error) {
	if err := s.run.slots.Acquire(ctx, 1); err != nil {
		return load.Turn{}, err
	}
	defer s.run.slots.Release(1)
	turn, err := s.claim(ctx, want, newestHour)
	if err != nil || turn.Claim == nil {
		return turn, err
	}
	return turn, s.carry(ctx, turn.Claim)
}

// tailShare is how many tail pages may be read now: a third of the stream's
// requests while gaps are open, and a few to start with.
func (s *stream) tailShare(t *tail) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.spent/2+10-t.requests)
}

func (s *stream) showGauge(ctx context.Context, want load.Span) {
	if s.run.cfg.Progress == nil {
		return
	}
	done, _ := s.finishedSpans()
	if open, _, err := s.run.store.Open(ctx, s.want(want, done, 0)); err == nil {
		s.run.gauge(s, want.To.Sub(want.From), open)
	}
}

// sumUp tells what the pass left open, with a context of its own.
func (r *run) sumUp(ctx context.Context, streams []*stream) error {
	ctx, cancel := r.ending(ctx)
	defer cancel()
	missed, err := r.unopened(ctx, streams)
	if err != nil {
		return err
	}
	streams = slices.Concat(streams, missed)
	var open, waiting time.Duration
	for _, s := range streams {
		want := load.Span{From: s.StartsAt, To: s.settled()}
		if want.Empty() || s.fresh || s.Gone {
			continue
		}
		done, _ := s.finishedSpans()
		o, w, err := r.store.Open(ctx, s.want(want, done, 0))
		if errors.Is(err, load.ErrLost) {
			continue // forgotten meanwhile: nothing of it is wanted any more
		} else if err != nil {
			return err
		}
		open, waiting = open+o, waiting+w
	}
	if err := r.sumDoubtful(ctx, streams); err != nil {
		return err
	}
	r.mu.Lock()
	r.sum.Unfinished = open - waiting
	r.mu.Unlock()
	return r.unattested(ctx, "see llm.load_audit")
}

func (r *run) sumDoubtful(ctx context.Context, streams []*stream) error {
	all, err := r.store.Status(ctx)
	if err != nil {
		return err
	}
	mine := map[string]bool{}
	for _, s := range streams {
		mine[s.Name] = true
	}
	for _, st := range all {
		if mine[st.Name] {
			r.sum.Doubtful += int(st.Doubtful)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
