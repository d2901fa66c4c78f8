package load

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"logferry/transform"
)

// A chunk of records written in one transaction is bounded both ways: enough
// rows to make COPY worth it, few enough bytes to stay short and small. On its
// way a chunk takes several times its bytes, and eight windows write at once.
const (
	MaxChunkRows  = 5000
	MaxChunkBytes = 1 << 20
)

// An Entry is one upstream entry as transform left it: exactly one of the two
// is set.
type Entry struct {
	Record *transform.Record
	Reject *transform.Reject
}

// Bytes is what the entry holds on to.
func (e Entry) Bytes() int {
	if e.Record == nil {
		return len(e.Reject.Raw)
	}
	bytes := len(e.Record.Raw) + len(e.Record.Metadata)
	if p := e.Record.Payload; p != nil {
		bytes += len(p.InputMessages) + len(p.OutputMessages) + len(p.Parameters)
	}
	return bytes
}

// Counts are the ledger's sums of a window.
type Counts struct {
	Inserted, Changed, Unchanged, Quarantined, Missing int64
	Closed                                             int64 // of those quarantined, known cases that stay closed; not in the ledger
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
	seen   map[string]seen     // what this reading met and could read
	unread map[string]struct{} // ids that it met and could not read
	Late   int64               // new logs that came later than settle allows
	Counts
}

// Keep says which private tables are filled, and from what.
type Keep struct {
	Raw, Payloads bool
	Shape         string // which response form documents came in, for raw_logs
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
	err := w.tryChunk(ctx, entries)
	switch {
	case !RefusedValue(err):
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

// tryChunk writes one chunk, or nothing of it.
func (w *Writing) tryChunk(ctx context.Context, entries []Entry) error {
	c, err := w.diff(ctx, entries)
	if err != nil {
		return err
	}
	if c.empty() {
		w.accept(c)
		return nil
	}
	return w.commit(ctx, c)
}

// commit writes a difference in one transaction, or nothing of it.
func (w *Writing) commit(ctx context.Context, c *chunk) error {
	if err := w.store.prepare(ctx, w.source, c.written()); err != nil {
		return err
	}
	err := w.store.tx(ctx, "write a chunk", func(tx pgx.Tx) error { return w.commitChunk(ctx, tx, c) })
	if Code(err) == "23505" { // somebody else, or an unknown commit of ours, stored one of them
		c.changed, c.fresh = append(c.changed, c.fresh...), nil
		slices.SortFunc(c.changed, byKey)
		err = w.store.tx(ctx, "write a chunk", func(tx pgx.Tx) error { return w.commitChunk(ctx, tx, c) })
	}
	if err == nil {
		w.accept(c)
	}
	return err
}

// commitChunk is the body of a chunk's transaction: the fence first.
func (w *Writing) commitChunk(ctx context.Context, tx pgx.Tx, c *chunk) error {
	now, err := w.fence(ctx, tx, w.countsWith(c))
	if err != nil {
		return err
	}
	if err := w.copyFacts(ctx, tx, c.fresh, now); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	w.queueUpserts(batch, c.changed, now)
	w.queueRejects(batch, c)
	w.queueReplayed(batch, c)
	w.queueResolved(batch, c.resolved)
	queueMoves(batch, w.claim.Stream, c.moved)
	w.queueLateness(batch, c, now)
	if batch.Len() > 0 {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	return w.writePrivate(ctx, tx, c)
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
