package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A stored row is what arriving records are compared with.
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
	w := &Writing{store: s, claim: c, source: source, keep: keep, seen: map[string]seen{}, unread: map[string]struct{}{}}
	err := s.retry(ctx, func() error { return w.selectStored(ctx) })
	return w, classify("read what is stored", err)
}

// selectStored reads the span's rows, open quarantine cases and versions.
func (w *Writing) selectStored(ctx context.Context) error {
	w.stored, w.twice = map[string]stored{}, nil
	var id string
	var was stored
	var hash []byte
	err := w.store.ask(ctx, `
		select log_id, created_at, content_hash, missing_upstream_at is not null from logferry.requests
		 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz`,
		w.claim.Stream, w.claim.From, w.claim.To).each(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &was.at, &hash, &was.missing}, func() error {
			copy(was.hash[:], hash)
			w.holds(id, was)
			return nil
		})
		return err
	})
	if err == nil {
		err = w.selectOpenRejects(ctx)
	}
	if err == nil && w.keep.Raw {
		err = w.selectRaws(ctx)
	}
	return err
}

// holds notes a stored row. The same id at two times is one log whose time
// moved between two readings: until a reading meets it, the later row stands;
// the other goes with the window's last transaction.
func (w *Writing) holds(id string, was stored) {
	other, twice := w.stored[id]
	switch {
	case !twice:
		w.stored[id] = was
	case other.at.Before(was.at):
		w.twice = append(w.twice, move{id: id, from: other.at})
		w.stored[id] = was
	default:
		w.twice = append(w.twice, move{id: id, from: was.at})
	}
}

// selectRaws notes which versions of documents the span holds.
func (w *Writing) selectRaws(ctx context.Context) error {
	w.raws = map[rawKey]struct{}{}
	var id string
	var sha []byte
	return w.store.ask(ctx, `
		select log_id, raw_sha256 from logferry_private.raw_logs
		 where stream_id = $1::integer and created_at >= $2::timestamptz and created_at < $3::timestamptz`,
		w.claim.Stream, w.claim.From, w.claim.To).each(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &sha}, func() error {
			w.raws[rawKeyOf(id, sha)] = struct{}{}
			return nil
		})
		return err
	})
}

func rawKeyOf(id string, sha []byte) rawKey {
	k := rawKey{id: id}
	copy(k.sha[:], sha)
	return k
}

// met tells whether the reading listed the log, readable or not.
func (w *Writing) met(id string) bool {
	_, read := w.seen[id]
	_, unread := w.unread[id]
	return read || unread
}

// Unseen counts stored logs of the span that the reading has not met: what
// Finish would mark as missing upstream.
func (w *Writing) Unseen() int {
	n := 0
	for id, was := range w.stored {
		if !was.missing && !w.met(id) {
			n++
		}
	}
	return n
}
