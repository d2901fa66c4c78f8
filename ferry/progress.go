package ferry

import "time"

// showProgress reports the run's state twice a second until the returned
// function is called.
func (r *run) showProgress() (stop func()) {
	if r.cfg.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(500 * time.Millisecond)
		defer beat.Stop()
		for {
			select {
			case <-quit:
				return
			case <-beat.C:
				r.cfg.Progress(r.moment())
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		r.cfg.Progress(r.moment())
	}
}

// A gauge is how far one stream has come.
type gauge struct{ wanted, covered time.Duration }

func (r *run) moment() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Streams: r.sum.Streams, Rows: r.read, Inserted: r.fresh, Note: r.waiting}
	waits := ""
	for _, a := range r.accounts {
		stats := a.stats()
		p.Requests += stats.Requests
		if !stats.Awaited.IsZero() {
			waits = a.waitsFor(stats.Awaited)
		}
	}
	// One account that waits is not worth telling while another gets on.
	if waits != "" && p.Requests == r.asked {
		p.Note = waits
	}
	r.asked = p.Requests
	for _, g := range r.gauges {
		p.Wanted += g.wanted
		p.Covered += g.covered
		if g.wanted > 0 { // of streams without a gauge nothing is done
			p.Done += g.covered.Seconds() / g.wanted.Seconds() / float64(max(p.Streams, len(r.gauges)))
		}
	}
	return p
}

func (r *run) gauge(s *stream, wanted, open time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gauges[s.ID] = gauge{wanted, wanted - open}
}

func (r *run) wait(note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = note
}

// progressed counts rows as they are read, before their window is finished.
func (r *run) progressed(read, fresh int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read += read
	r.fresh += fresh
}
