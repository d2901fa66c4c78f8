package load

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"logferry/transform"
)

// A chunk of records written in one transaction is bounded both ways: enough
// rows to make COPY worth it, few enough bytes to stay short and small.
const (
	MaxChunkRows  = 5000
	MaxChunkBytes = 4 << 20
)

// An Entry is one upstream entry as transform left it: exactly one of the two
// is set.
type Entry struct {
	Record *transform.Record
	Reject *transform.Reject
}

// Bytes is what the entry holds on to.
func (e Entry) Bytes() int {
	if e.Record != nil {
		return len(e.Record.Raw) + len(e.Record.Metadata)
	}
	return len(e.Reject.Raw)
}

// Counts are the ledger's sums of a window.
type Counts struct {
	Inserted, Changed, Unchanged, Quarantined, Missing int64
}

// A Writing is the load side of one claimed window. It is used by one
// goroutine.
type Writing struct {
	store  *Store
	claim  *Claim
	source string
	keep   Keep
	stored map[string]stored   // by log id: what the span holds
	twice  []move              // older rows of ids that the span holds twice
	open   map[string]struct{} // ids that wait in quarantine, met in this span
	raws   map[rawKey]struct{} // versions of documents the span holds; nil: raw documents are off
	seen   map[string]seen     // what this reading met, for what is unchanged and what is missing
	Counts
}

// Keep says which private tables are filled, and from what.
type Keep struct {
	Raw, Payloads bool
	Shape         string // which response form documents came in, for raw_logs
}

type stored struct {
	at      time.Time
	hash    [16]byte
	missing bool
}

// seen says how an id was first counted, so that a walk repeated over the
// window counts it once.
type seen uint8

const (
	seenUnchanged seen = iota + 1
	seenChanged
	seenInserted
	seenQuarantined
)

// rawKey is half a SHA-256: enough to tell versions of one log apart.
type rawKey struct {
	id  string
	sha [16]byte
}

// Begin selects what the claimed span holds, to compare arriving records with.
func (s *Store) Begin(ctx context.Context, c *Claim, source string, keep Keep) (*Writing, error) {
	w := &Writing{store: s, claim: c, source: source, keep: keep, seen: map[string]seen{}}
	err := s.retry(ctx, func() error { return w.selectStored(ctx) })
	return w, classify("read what is stored", err)
}

func (w *Writing) selectStored(ctx context.Context) error {
	w.stored, w.twice = map[string]stored{}, nil
	rows, err := w.store.pool.Query(ctx, `
		select log_id, created_at, content_hash, missing_upstream_at is not null from logferry.requests
		 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz`,
		w.claim.Stream, w.claim.From, w.claim.To)
	if err != nil {
		return err
	}
	var id string
	var was stored
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &was.at, &hash, &was.missing}, func() error {
		copy(was.hash[:], hash)
		// The same id at two times is one log whose time moved between two
		// readings: the later row stands, the other goes with the window's
		// last transaction.
		if other, twice := w.stored[id]; !twice {
			w.stored[id] = was
		} else if other.at.Before(was.at) {
			w.twice = append(w.twice, move{id, other.at})
			w.stored[id] = was
		} else {
			w.twice = append(w.twice, move{id, was.at})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.selectOpenRejects(ctx); err != nil || !w.keep.Raw {
		return err
	}
	w.raws = map[rawKey]struct{}{}
	rows, err = w.store.pool.Query(ctx, `
		select log_id, raw_sha256 from logferry_private.raw_logs
		 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz`,
		w.claim.Stream, w.claim.From, w.claim.To)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&id, &hash}, func() error {
		w.raws[rawKeyOf(id, hash)] = struct{}{}
		return nil
	})
	return err
}

func rawKeyOf(id string, sha []byte) rawKey {
	k := rawKey{id: id}
	copy(k.sha[:], sha)
	return k
}

// Write loads entries of the window, one transaction per chunk. Entries may
// repeat; the latest one wins. It returns ErrLost when the claim is no longer
// ours: then nothing of that chunk was written.
func (w *Writing) Write(ctx context.Context, entries []Entry) error {
	for len(entries) > 0 {
		n, bytes := 0, 0
		for n < len(entries) && n < MaxChunkRows && (n == 0 || bytes+entries[n].Bytes() <= MaxChunkBytes) {
			bytes += entries[n].Bytes()
			n++
		}
		if err := w.writeChunk(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// writeChunk writes one chunk; a value that Postgres refuses is cornered by
// halving, and its row put into quarantine.
func (w *Writing) writeChunk(ctx context.Context, entries []Entry) error {
	c, err := w.diff(ctx, entries)
	if err != nil {
		return err
	}
	if c.empty() {
		w.accept(c)
		return nil
	}
	if err := w.store.prepare(ctx, w.source, c.written()); err != nil {
		return err
	}
	err = w.store.tx(ctx, "write a chunk", func(tx pgx.Tx) error { return w.commitChunk(ctx, tx, c) })
	if Code(err) == "23505" { // somebody else, or an unknown commit of ours, stored one of them
		c.changed, c.fresh = append(c.changed, c.fresh...), nil
		slices.SortFunc(c.changed, byKey)
		err = w.store.tx(ctx, "write a chunk", func(tx pgx.Tx) error { return w.commitChunk(ctx, tx, c) })
	}
	switch {
	case err == nil:
		w.accept(c)
		return nil
	case !refusedValue(err):
		return err
	case len(entries) > 1:
		if err := w.writeChunk(ctx, entries[:len(entries)/2]); err != nil {
			return err
		}
		return w.writeChunk(ctx, entries[len(entries)/2:])
	case entries[0].Record != nil:
		return w.writeChunk(ctx, []Entry{{Reject: refusal(entries[0].Record, Code(err))}})
	default:
		return err
	}
}

// refusedValue tells SQLSTATEs that blame a value: data exceptions and program
// limits (22xxx, 54xxx).
func refusedValue(err error) bool {
	code := Code(err)
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "54")
}

func refusal(r *transform.Record, code string) *transform.Reject {
	return &transform.Reject{
		Code: "value_out_of_range", Detail: "Postgres refused a value (SQLSTATE " + code + ")",
		LogID: r.LogID, ClaimedCreatedAt: r.CreatedAt.Format(time.RFC3339Nano), Raw: r.Raw, SHA256: sha256.Sum256(r.Raw),
	}
}

// A chunk is the difference between arriving entries and what is stored.
type chunk struct {
	fresh     []*transform.Record // to COPY
	changed   []*transform.Record // to upsert, sorted by key
	raws      []*transform.Record // new versions of documents
	moved     []move              // rows stored under another time
	unchanged []string
	rejects   []*transform.Reject
	countsNow map[string]seen // first meetings in this chunk
}

func (c *chunk) empty() bool {
	return len(c.fresh)+len(c.changed)+len(c.raws)+len(c.rejects) == 0
}

// written are the records that need partitions and dimensions.
func (c *chunk) written() []*transform.Record {
	all := slices.Concat(c.fresh, c.changed)
	return append(all, c.raws...)
}

// diff sorts entries into new, changed and unchanged.
func (w *Writing) diff(ctx context.Context, entries []Entry) (*chunk, error) {
	c := &chunk{countsNow: map[string]seen{}}
	latest := make(map[string]*transform.Record, len(entries))
	for _, e := range entries {
		if e.Record != nil {
			latest[e.Record.LogID] = e.Record
		} else {
			c.rejects = append(c.rejects, e.Reject)
			c.countsNow[rejectKey(e.Reject)] = seenQuarantined
		}
	}
	for id, r := range latest {
		was, known := w.stored[id]
		switch {
		case known && was.hash == r.Hash && was.at.Equal(r.CreatedAt):
			c.unchanged = append(c.unchanged, id)
			c.countsNow[id] = seenUnchanged
		case known && was.at.Equal(r.CreatedAt):
			c.changed = append(c.changed, r)
			c.countsNow[id] = seenChanged
		case known:
			c.moved = append(c.moved, move{id: id, from: was.at})
			c.fresh = append(c.fresh, movedRecord(r))
			c.countsNow[id] = seenChanged
		default:
			c.fresh = append(c.fresh, r)
			c.countsNow[id] = seenInserted
		}
		if w.raws != nil {
			sum := sha256.Sum256(r.Raw)
			if _, have := w.raws[rawKeyOf(id, sum[:])]; !have {
				c.raws = append(c.raws, r)
			}
		}
	}
	if err := w.lookUpFresh(ctx, c); err != nil {
		return nil, err
	}
	slices.SortFunc(c.fresh, byKey)
	slices.SortFunc(c.changed, byKey)
	slices.SortFunc(c.raws, byKey)
	return c, nil
}

func byKey(a, b *transform.Record) int {
	if by := a.CreatedAt.Compare(b.CreatedAt); by != 0 {
		return by
	}
	return strings.Compare(a.LogID, b.LogID)
}

func rejectKey(r *transform.Reject) string { return "\x00" + r.Code + string(r.SHA256[:]) }

// accept takes a committed chunk into the stored set and the sums.
func (w *Writing) accept(c *chunk) {
	for _, r := range slices.Concat(c.fresh, c.changed) {
		was := w.stored[r.LogID]
		w.stored[r.LogID] = stored{at: r.CreatedAt, hash: r.Hash, missing: was.missing}
	}
	for _, r := range c.raws {
		sum := sha256.Sum256(r.Raw)
		w.raws[rawKeyOf(r.LogID, sum[:])] = struct{}{}
	}
	w.Counts = w.countsWith(c)
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

// commitChunk is the body of a chunk's transaction: the fence first.
func (w *Writing) commitChunk(ctx context.Context, tx pgx.Tx, c *chunk) error {
	now, err := w.fence(ctx, tx, w.countsWith(c))
	if err != nil {
		return err
	}
	born, err := deleteMoved(ctx, tx, w.claim.Stream, c.moved)
	if err != nil {
		return err
	}
	if err := w.copyFacts(ctx, tx, c.fresh, born, now); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	w.queueUpserts(batch, c.changed, now)
	w.queueRaws(batch, c.raws)
	if w.keep.Payloads {
		w.queuePayloads(batch, slices.Concat(c.fresh, c.changed))
	}
	w.queueRejects(batch, c.rejects)
	w.queueResolved(batch, c)
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// fence proves that the claim is still ours, prolongs it, and writes the sums
// as absolute numbers, so that a transaction repeated after a lost answer does
// not count twice. It returns the transaction's instant.
func (w *Writing) fence(ctx context.Context, tx pgx.Tx, sums Counts) (time.Time, error) {
	var now time.Time
	err := tx.QueryRow(ctx, `
		update logferry.windows
		   set lease_until = clock_timestamp() + $2::text::interval,
		       inserted_rows = $3::bigint, changed_rows = $4::bigint, unchanged_rows = $5::bigint, quarantined_rows = $6::bigint
		 where window_id = $1::bigint and status = 'claimed'
		returning now()`,
		w.claim.ID, interval(w.claim.lease), sums.Inserted, sums.Changed, sums.Unchanged, sums.Quarantined).Scan(&now)
	if errors.Is(err, pgx.ErrNoRows) {
		return now, ErrLost
	}
	return now, err
}

// fenced turns "no row updated" into ErrLost.
func fenced(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return ErrLost
	}
	return err
}
