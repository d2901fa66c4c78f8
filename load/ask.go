package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A question is a statement that only reads, outside of any other transaction.
type question struct {
	store *Store
	ctx   context.Context
	sql   string
	args  []any
}

// ask puts a question, whose answer is then scanned. It waits for locks no
// longer than a transaction does: a table that somebody keeps for himself would
// hold it up until the connection counts as dead, which nobody could be named for.
func (s *Store) ask(ctx context.Context, sql string, args ...any) question {
	return question{s, ctx, sql, args}
}

// Scan reads the answer's first row.
func (q question) Scan(values ...any) error {
	return q.send(func(asked *pgx.QueuedQuery) {
		asked.QueryRow(func(row pgx.Row) error { return row.Scan(values...) })
	})
}

// each reads all rows of the answer.
func (q question) each(read func(pgx.Rows) error) error {
	return q.send(func(asked *pgx.QueuedQuery) { asked.Query(read) })
}

// send sends the limit and the question as one pipeline, which is one round trip
// and one transaction: no session keeps the limit.
func (q question) send(read func(*pgx.QueuedQuery)) error {
	batch := &pgx.Batch{}
	batch.Queue(`select set_config('lock_timeout', $1::text, true)`, fmt.Sprint(q.store.lock.Milliseconds()))
	read(batch.Queue(q.sql, q.args...))
	return q.store.pool.SendBatch(q.ctx, batch).Close()
}
