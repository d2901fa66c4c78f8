package load

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"

	"logferry/transform"
)

// A chunk is the difference between arriving entries and what is stored.
type chunk struct {
	fresh     []*transform.Record // to COPY
	changed   []*transform.Record // to upsert, sorted by key
	raws      []*transform.Record // new versions of documents
	versions  map[rawKey]struct{} // of raws
	moved     []move              // rows stored under another time
	rejects   []*transform.Reject
	closed    map[string]struct{} // keys of rejects whose case stays closed, once they are entered
	unread    map[string]struct{} // ids of rejects that no later entry could be read of
	resolved  map[string]struct{} // ids that waited in quarantine and can be read now
	countsNow map[string]seen     // first meetings in this chunk
	late      int64               // new logs in time that was covered already
	replayed  *replayed           // what its only record was made of; nil: its entries were read
}

func (c *chunk) empty() bool {
	return len(c.fresh)+len(c.changed)+len(c.raws)+len(c.rejects)+len(c.resolved) == 0
}

// written are the records that need partitions and dimensions.
func (c *chunk) written() []*transform.Record {
	return slices.Concat(c.fresh, c.changed, c.raws)
}

// diff sorts entries into new, changed and unchanged.
func (w *Writing) diff(ctx context.Context, entries []Entry) (*chunk, error) {
	c := &chunk{
		versions: map[rawKey]struct{}{}, closed: map[string]struct{}{}, unread: map[string]struct{}{}, resolved: map[string]struct{}{},
		countsNow: map[string]seen{},
	}
	latest := make(map[string]*transform.Record, len(entries))
	for _, e := range entries {
		if e.Record != nil {
			latest[e.Record.LogID] = e.Record
			w.diffQuarantine(c, e.Record.LogID)
			w.diffRaw(c, e.Record)
		} else {
			c.reject(e.Reject)
		}
	}
	for _, r := range latest {
		w.diffFact(c, r)
	}
	if err := w.lookUpFresh(ctx, c); err != nil {
		return nil, err
	}
	slices.SortFunc(c.fresh, byKey)
	slices.SortFunc(c.changed, byKey)
	slices.SortFunc(c.raws, byKey)
	return c, nil
}

// diffFact compares a record with the stored row.
func (w *Writing) diffFact(c *chunk, r *transform.Record) {
	was, known := w.stored[r.LogID]
	switch {
	case !known:
		c.fresh = append(c.fresh, r)
		c.countsNow[r.LogID] = seenInserted
	case !was.at.Equal(r.CreatedAt):
		c.moved = append(c.moved, move{r.LogID, was.at, r.CreatedAt})
		c.fresh = append(c.fresh, r)
		c.countsNow[r.LogID] = seenChanged
	case was.hash != r.Hash:
		c.changed = append(c.changed, r)
		c.countsNow[r.LogID] = seenChanged
	default:
		c.countsNow[r.LogID] = seenUnchanged
	}
}

// diffRaw notes a version of a document that is not kept yet.
func (w *Writing) diffRaw(c *chunk, r *transform.Record) {
	if w.raws == nil {
		return
	}
	sum := sha256.Sum256(r.Raw)
	key := rawKeyOf(r.LogID, sum[:])
	_, stored := w.raws[key]
	if _, met := c.versions[key]; !stored && !met {
		c.versions[key] = struct{}{}
		c.raws = append(c.raws, r)
	}
}

// diffQuarantine notes that a log which waits in quarantine can be read now.
func (w *Writing) diffQuarantine(c *chunk, id string) {
	_, waits := w.open[id]
	if _, waitsNow := c.unread[id]; waits || waitsNow {
		c.resolved[id] = struct{}{}
	}
	delete(c.unread, id)
}

func (c *chunk) reject(r *transform.Reject) {
	c.rejects = append(c.rejects, r)
	c.countsNow[rejectKey(r)] = seenQuarantined
	if r.LogID != "" {
		c.unread[r.LogID] = struct{}{}
		delete(c.resolved, r.LogID)
	}
}

func byKey(a, b *transform.Record) int {
	if by := a.CreatedAt.Compare(b.CreatedAt); by != 0 {
		return by
	}
	return strings.Compare(a.LogID, b.LogID)
}

func rejectKey(r *transform.Reject) string { return "\x00" + r.Code + string(r.SHA256[:]) }

// accept takes a committed chunk into what is known of the span, and the sums.
func (w *Writing) accept(c *chunk) {
	for _, r := range slices.Concat(c.fresh, c.changed) {
		was := w.stored[r.LogID]
		w.stored[r.LogID] = stored{at: r.CreatedAt, hash: r.Hash, missing: was.missing}
	}
	for key := range c.versions {
		w.raws[key] = struct{}{}
	}
	for id := range c.resolved {
		delete(w.open, id)
	}
	for id := range c.unread {
		w.open[id], w.unread[id] = struct{}{}, struct{}{}
	}
	w.Counts = w.countsWith(c)
	w.Late += c.late
	for id, how := range c.countsNow {
		if w.seen[id] < how {
			w.seen[id] = how
		}
	}
}

// countsWith is the window's sums after the chunk. A log counts once, by the
// strongest thing that happened to it, except that a first insert stays one.
func (w *Writing) countsWith(c *chunk) Counts {
	sums := w.Counts
	for id, how := range c.countsNow {
		was := w.seen[id]
		if was == seenInserted || was >= how {
			continue
		}
		sums.add(was, -1)
		sums.add(how, 1)
		if _, closed := c.closed[id]; closed {
			sums.Closed++
		}
	}
	return sums
}

func (c *Counts) add(how seen, n int64) {
	switch how {
	case seenUnchanged:
		c.Unchanged += n
	case seenChanged:
		c.Changed += n
	case seenInserted:
		c.Inserted += n
	case seenQuarantined:
		c.Quarantined += n
	}
}
