package ferry

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"logferry/extract"
	"logferry/load"
)

// Windows in flight: in all, and in one stream.
const (
	windowsInAll    = 8
	windowsInStream = 2
)

// A run is one execution of a command: its row in logferry.runs, its clock,
// and what all its streams share.
type run struct {
	*Ferry
	id       int64
	command  string
	kind     string    // of its windows, in the ledger
	now      time.Time // read once, from the database clock
	began    time.Time
	accounts []*account
	claims   *keeper
	slots    *semaphore.Weighted // windows in flight
	memory   *semaphore.Weighted // documents in flight
	heavy    *semaphore.Weighted // pages of large documents that are worked on
	force    bool                // read again what is covered
	hurry    bool                // ignore retry_at
	accept   bool                // cover what does not attest

	mu      sync.Mutex
	over    time.Time // when all must be written down; zero: the run was not told to end
	sum     Summary
	noted   map[string]bool
	rejects int64

	read, fresh int64 // for progress: rows read, and of them new
	asked       int64 // requests when progress was last shown
	gauges      map[int32]gauge
	waiting     string
}

// execute runs body as a command: with a row in logferry.runs, renewed claims,
// and an end that is written down whatever happens.
func (f *Ferry) execute(ctx context.Context, command, kind string, body func(context.Context, *run) error) (Summary, error) {
	now, err := f.store.Now(ctx)
	if err != nil {
		return Summary{Command: command}, err
	}
	id, err := f.startRun(ctx, command)
	if err != nil {
		return Summary{Command: command}, err
	}
	r := f.newRun(id, now, command, kind)
	r.claims = keepClaims(ctx, f)
	stopProgress := r.showProgress()
	err = body(ctx, r)
	stopProgress()
	err = errors.Join(err, r.judgeRejects())
	err = errors.Join(err, r.release(ctx))
	return r.end(ctx, err)
}

// endFor is how long a run that was told to end may take to write down what it
// did, all of it together, even where the warehouse doesn't answer: less than
// the half minute after which a container is killed.
const endFor = 10 * time.Second

// ending is a context for writing down what must be, though the run's own may
// be over.
func (r *run) ending(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := time.Now().Add(endFor)
	r.mu.Lock()
	if ctx.Err() != nil && r.over.IsZero() {
		r.over = limit
	}
	if !r.over.IsZero() {
		limit = r.over
	}
	r.mu.Unlock()
	return context.WithDeadline(context.WithoutCancel(ctx), limit)
}

// release ends the claims that are left, so that the next run need not wait for
// leases to run out: also those that the run does not know of, because it was
// cancelled before their commit was answered.
func (r *run) release(ctx context.Context) error {
	r.claims.close()
	ctx, cancel := r.ending(ctx)
	defer cancel()
	return r.store.ReleaseRun(ctx, r.id, "the run ended before the window did")
}

func (f *Ferry) newRun(id int64, now time.Time, command, kind string) *run {
	drawer := load.ByOther
	if kind == load.KindSync {
		drawer = load.ByPass
	}
	return &run{
		Ferry: f, id: id, command: command, kind: kind, now: now, began: time.Now(), accounts: f.accounts(drawer),
		slots: semaphore.NewWeighted(windowsInAll), memory: semaphore.NewWeighted(extract.MaxInFlight), heavy: semaphore.NewWeighted(1),
		noted: map[string]bool{}, gauges: map[int32]gauge{}, sum: Summary{Command: command, RunID: id},
	}
}

// heavyPage is how large the documents of a page are, in bytes, that is worked
// on alone. Most pages have a tenth of it.
const heavyPage = 1 << 20

// alone waits until no other page of large documents is worked on: decoded and
// written, a document takes several times its size. Any other page need not
// wait. done is to be called at its end.
func (r *run) alone(ctx context.Context, docs [][]byte) (done func(), err error) {
	bytes := 0
	for _, doc := range docs {
		bytes += len(doc)
	}
	if bytes < heavyPage {
		return func() {}, nil
	}
	return func() { r.heavy.Release(1) }, r.heavy.Acquire(ctx, 1)
}

// A coded error, which ended the run's context, knows the exit code: a signal's.
type coded interface {
	error
	ExitCode() int
}

// end writes the run's end, with a context of its own: the run's may be over.
func (r *run) end(ctx context.Context, err error) (Summary, error) {
	r.tally()
	code, status, text := ExitCode(err), "succeeded", ""
	switch {
	case ctx.Err() != nil:
		status = "interrupted"
		if signal, ok := errors.AsType[coded](context.Cause(ctx)); ok {
			code = signal.ExitCode()
		}
	case code != ExitOK:
		status = "failed"
	case r.sum.Unfinished > 0:
		status = "unfinished"
	}
	if err != nil {
		text = strings.Join(Reasons(err), "\n")
	}
	ctx, cancel := r.ending(ctx)
	defer cancel()
	return r.sum, errors.Join(err, r.store.FinishRun(ctx, r.id, status, code, text))
}

// tally puts into the summary what the run cost.
func (r *run) tally() {
	for _, a := range r.accounts {
		stats := a.stats()
		r.sum.Requests += stats.Requests
		r.sum.Retries += stats.Retries
	}
	r.sum.Elapsed = time.Since(r.began)
}

// judgeRejects turns too many logs put aside into an error: more than 1 % and
// more than 10 of what the run read. Cases that somebody has closed are no longer
// among them.
func (r *run) judgeRejects() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rejects > 10 && r.rejects*100 > r.sum.Rows {
		return &DataError{"more than 1 % of the logs read were put into quarantine: see 'logferry quarantine list'"}
	}
	return nil
}

// eachStream runs fn for all streams side by side. One stream's failure never
// stops another.
func (r *run) eachStream(ctx context.Context, streams []*stream, fn func(context.Context, *stream) error) error {
	r.mu.Lock()
	r.sum.Streams = len(streams)
	r.mu.Unlock()
	errs := make([]error, len(streams))
	var g errgroup.Group
	for i, s := range streams {
		g.Go(func() error {
			errs[i] = within(s.Name, fn(ctx, s))
			return nil
		})
	}
	return errors.Join(g.Wait(), errors.Join(errs...))
}

// note tells a thing worth knowing once a run: in the log and in the summary.
func (r *run) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.noted[text] {
		r.noted[text] = true
		r.sum.Notes = append(r.sum.Notes, text)
		r.log.Warn(text)
	}
}

// account adds a finished window to the summary.
func (r *run) account(o load.Outcome, c load.Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Windows++
	switch o.Status {
	case "attested":
		r.sum.Attested++
	case "mismatch":
		r.sum.Mismatch++
	case "accepted":
		r.sum.Accepted++
		r.sum.Short += max(0, o.Total-o.Distinct)
	}
	r.addCounts(c)
	r.sum.Missing += c.Missing
}

func (r *run) addCounts(c load.Counts) {
	r.sum.Inserted += c.Inserted
	r.sum.Changed += c.Changed
	r.sum.Unchanged += c.Unchanged
	r.sum.Rejected += c.Quarantined - c.Closed
	r.sum.Rows += c.Inserted + c.Changed + c.Unchanged + c.Quarantined
	r.rejects += c.Quarantined - c.Closed
}
