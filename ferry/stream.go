package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"logferry/extract"
	"logferry/load"
	"logferry/transform"
)

// A stream is one feed during one run.
type stream struct {
	load.Stream
	run     *run
	account *account
	listed  listed
	options transform.Options
	drift   *transform.Drift
	dry     bool      // plan only: write nothing
	risky   string    // what the retention guard found: see llm.freshness.retention_risk
	ahead   time.Time // where coverage ended when a pass began; zero: nothing was covered, or it is no pass
	fresh   bool      // its head shows no log older than settle: nothing can be covered yet

	heading sync.Mutex // guards head, listing and proving
	head    *extract.Head
	listing []extract.Known // settled logs that the head listed

	// planning makes looking for a gap and finishing a window exclude each
	// other, or a gap would be looked for with a list of finished spans that
	// is older than the coverage it is looked up against.
	planning sync.Mutex

	mu      sync.Mutex
	current *extract.Feed // in the dialect in use; replaced, never changed
	proven  bool          // the dialect is proven, now or in an earlier run
	done    []load.Span   // finished by this run, whatever the outcome
	row     int           // windows in a row that would not attest
	failed  int           // windows of this run that would not attest
	lost    int           // windows of this run that another process took over
	failing int           // windows, counts and pages of the tail in a row that failed at the provider
	windows []error       // what those failed with that did so by themselves
	spent   int           // requests that windows used
	late    int64         // new logs that came later than settle allows
	limit   time.Time     // nothing from here on had settled by the source's clock; zero: no window met that
	changed chan struct{}
}

// openStream prepares a registered stream for this run.
func (r *run) openStream(ctx context.Context, l listed, st load.Stream) (*stream, error) {
	s := &stream{
		Stream: st, run: r, account: l.account, listed: l, drift: &transform.Drift{}, changed: make(chan struct{}),
		current: &extract.Feed{
			API: l.account.api, Container: l.container, Name: st.Name, Dialect: l.account.api.Dialects()[0],
			Ahead: max(1, r.cfg.Concurrency), Memory: r.memory, Log: r.log,
		},
		options: transform.Options{
			Now: r.now, Container: l.container, UserIDKeys: st.UserIDKeys, ConversationIDKeys: st.ConversationIDKeys,
			KeepPayloads: r.cfg.Payloads, MappingVersion: r.cfg.MappingVersion,
		},
	}
	s.options.Drift = s.drift
	if st.Dialect != nil {
		var known extract.Dialect
		if err := json.Unmarshal(st.Dialect, &known); err != nil {
			r.note(st.Name + ": the stored dialect can't be read and is proven anew")
		} else {
			s.current.Dialect, s.proven = known, true
		}
	}
	s.options.TimeField = s.current.Dialect.TimeField
	if l.note != "" {
		r.note(st.Name + ": " + l.note)
	}
	if err := s.noteStart(ctx, l.account.start(r.now)); err != nil {
		return s, err
	}
	if r.hurry { // what earlier runs met does not count
		return s, nil
	}
	row, err := r.store.MismatchesInRow(ctx, st.ID)
	s.row = row
	return s, err
}

// noteStart tells that settings ask for time before the stream's start, until a
// backfill has covered it.
func (s *stream) noteStart(ctx context.Context, start time.Time) error {
	if !start.Before(s.StartsAt.Add(-time.Minute)) {
		return nil
	}
	gaps, err := s.run.store.Gaps(ctx, s.ID, load.Span{From: start, To: s.StartsAt}, false)
	if err != nil || len(gaps) == 0 {
		return err
	}
	s.run.note(fmt.Sprintf("%s starts at %s, which never moves; for what LOGFERRY_START now asks run 'logferry backfill --from %s --to %s --stream %s'",
		s.Name, stamp(s.StartsAt), stamp(start), stamp(s.StartsAt), s.Name))
	return nil
}

// feed is the stream in the dialect in use.
func (s *stream) feed() *extract.Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *stream) dialect() extract.Dialect { return s.feed().Dialect }

// speak changes the dialect for readings that begin from now on.
func (s *stream) speak(d extract.Dialect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	feed := *s.current
	feed.Dialect = d
	s.current = &feed
}

// use takes a time field for a stream without a proven dialect.
func (s *stream) use(timeField string) {
	d := s.dialect()
	d.TimeField = timeField
	s.speak(d)
	s.options.TimeField = timeField
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// decode turns one document into an entry to load.
func (s *stream) decode(doc []byte) load.Entry { return s.decodeWith(doc, &s.options) }

// tooLarge is the entry of a document that was too large to be kept, known by
// the id and time in its stub or, without an id, by where it stands.
func (s *stream) tooLarge(stub []byte, where string) load.Entry {
	m := s.identify(stub, s.options.TimeField)
	if m.ID != "" {
		where = "log " + m.ID
	}
	r := transform.TooLarge(s.Name+" "+where, extract.MaxBody)
	r.LogID, r.At = m.ID, m.At
	return load.Entry{Reject: r}
}

func (s *stream) decodeWith(doc []byte, o *transform.Options) (e load.Entry) {
	e.Record, e.Reject = decode(s.Source, doc, o)
	return e
}

// decode turns one document of a source into a record or a reject.
func decode(source string, doc []byte, o *transform.Options) (*transform.Record, *transform.Reject) {
	if source == transform.SourceCloudflare {
		return transform.Cloudflare(doc, o)
	}
	return transform.KeywordsAI(doc, o)
}

// mark is what counts an entry: its id, and its time if it has one that can be
// used.
func mark(e load.Entry) extract.Mark {
	if e.Record != nil {
		return extract.Mark{ID: e.Record.LogID, At: e.Record.CreatedAt}
	}
	return extract.Mark{ID: e.Reject.LogID, At: e.Reject.At}
}

// identify reads a document's id and its time in one of the time fields.
func (s *stream) identify(doc []byte, timeField string) extract.Mark {
	o := s.options
	o.TimeField, o.Drift, o.KeepPayloads = timeField, nil, false
	return mark(s.decodeWith(doc, &o))
}

// finished notes that this run is done with the span, and wakes who waits.
func (s *stream) finished(span load.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = merge(append(s.done, span))
	s.wakeLocked()
}

// wake tells workers that wanted time may be claimable now.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeLocked()
}

func (s *stream) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// finishedSpans is what this run is done with, and a channel that closes when
// that changes.
func (s *stream) finishedSpans() ([]load.Span, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done), s.changed
}

// merge joins spans that touch.
func merge(spans []load.Span) []load.Span {
	slices.SortFunc(spans, func(a, b load.Span) int { return a.From.Compare(b.From) })
	var out []load.Span
	for _, sp := range spans {
		if n := len(out); n > 0 && !sp.From.After(out[n-1].To) {
			if sp.To.After(out[n-1].To) {
				out[n-1].To = sp.To
			}
			continue
		}
		out = append(out, sp)
	}
	return out
}

// inRow counts windows in a row that would not attest. One that attests starts
// anew, unless it is empty: that says nothing of how the source counts its logs.
func (s *stream) inRow(o load.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.Status == "mismatch":
		s.row++
		s.failed++
	case o.Distinct > 0:
		s.row = 0
	}
	s.failing = 0
}

// lose counts a window that another process took over.
func (s *stream) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost++
}

// unproven counts the windows of this run that would not attest, and those that
// another process took over.
func (s *stream) unproven() (failed, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed, s.lost
}

// fillsAtAnyAge tells a source whose streams are filled with logs of any age at
// any time: Keywords AI's datasets are curated copies.
func (s *stream) fillsAtAnyAge() bool { return s.Source == transform.SourceKeywordsAI }

// spend counts requests that windows used, for the tail's share.
func (s *stream) spend(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent += requests
}

// hopeless tells a stream whose windows would not attest three times in a row:
// they are walked once and not halved. A run in a hurry finds that out by itself.
func (s *stream) hopeless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row >= 3
}

// prover proves with a log chosen by the caller; nil: the oldest listed.
func (s *stream) prover(known *extract.Known) *extract.Prover {
	return &extract.Prover{Feed: s.feed(), Head: s.head, Known: known, Identify: s.identify}
}

// prove finds the dialect, or proves the known one again, and stores it.
func (s *stream) prove(ctx context.Context) error {
	return s.proveWith(ctx, nil)
}

// proveWith is prove with a log chosen by the caller; nil: the oldest listed.
func (s *stream) proveWith(ctx context.Context, known *extract.Known) error {
	p := s.prover(known)
	var prefer *extract.Dialect
	if known := s.dialect(); s.proven {
		prefer = &known
	}
	d, err := p.Prove(ctx, prefer)
	if err == nil && !s.proven {
		err = s.headBy(ctx, &d)
	}
	if err == nil {
		err = s.tellDialect(ctx, prefer, d)
	}
	if err == nil {
		err = s.adopt(ctx, d)
	}
	if err == nil && !s.proven { // one time field per stream, for its life
		s.options.TimeField, s.proven = d.TimeField, true
	}
	return err
}

// adopt speaks a dialect from now on, and stores it.
func (s *stream) adopt(ctx context.Context, d extract.Dialect) error {
	text, err := json.Marshal(d)
	if err == nil && !s.dry {
		err = s.run.store.SaveDialect(ctx, s.ID, text)
	}
	if err == nil {
		s.speak(d)
	}
	return err
}

// tellDialect tells what is unusual in a dialect, or, of one proven again,
// other than it was.
func (s *stream) tellDialect(ctx context.Context, was *extract.Dialect, is extract.Dialect) error {
	var unusual []string
	if asked := s.account.api.Dialects()[0].PageSize; is.PageSize < asked {
		unusual = append(unusual, fmt.Sprintf("serves %d logs a page where %d were asked; going on with that", is.PageSize, asked))
	}
	if !is.Sorted {
		unusual = append(unusual, "does not honour the asked order by time; windows rest on their totals")
	}
	if was != nil {
		unusual = dialectChanges(*was, is)
	}
	if len(unusual) == 0 {
		return nil
	}
	return s.announce(ctx, strings.Join(unusual, "; "))
}

// gone handles a stream that its source answers 404 for: an error where
// settings name it, a note where it was discovered. It is marked as gone only
// when it is no longer listed either; until then it may be a permission.
func (s *stream) gone(ctx context.Context, err error) error {
	if extract.KindOf(err) != extract.Gone || !s.listed.discovered {
		return err
	}
	if s.listed.unlisted {
		s.run.note(s.Name + " is gone at its source: marked so, its rows stay")
		s.Gone = true
		return s.run.store.SetGone(ctx, s.ID, true)
	}
	s.run.note(s.Name + " is listed, but its logs answer 404: gone just now, or not permitted")
	return nil
}
