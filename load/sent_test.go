package load

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sent notes which statements a store sends, and of which facts it upserts.
type sent struct {
	mu         sync.Mutex
	statements []string
	upserted   []string // created_at and log_id
}

func (s *sent) note(ctx context.Context, sql string) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements = append(s.statements, strings.Join(strings.Fields(sql), " "))
	return ctx
}

func (s *sent) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return s.note(ctx, q.SQL)
}
func (s *sent) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *sent) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, c pgx.TraceCopyFromStartData) context.Context {
	return s.note(ctx, "copy "+c.TableName.Sanitize())
}
func (s *sent) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}
func (s *sent) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (s *sent) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	s.note(ctx, q.SQL)
	if q.SQL == upsertFact {
		s.mu.Lock()
		defer s.mu.Unlock()
		id := slices.IndexFunc(factColumns, func(c column) bool { return c.name == "log_id" })
		s.upserted = append(s.upserted, fmt.Sprint(q.Args[0], q.Args[id]))
	}
}
func (s *sent) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// containing counts the statements sent so far that contain a text.
func (s *sent) containing(text string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sql := range s.statements {
		if strings.Contains(sql, text) {
			n++
		}
	}
	return n
}

// watched is a feed whose statements are noted from now on.
func watched(t *testing.T) (*feed, *sent) {
	t.Helper()
	f, notes := newFeed(t), &sent{}
	cfg := f.pool.Config()
	cfg.ConnConfig.Tracer = notes
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	f.must(err)
	t.Cleanup(pool.Close)
	f.Store = &Store{pool: pool}
	return f, notes
}
