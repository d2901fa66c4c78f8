package load

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// partitions remembers the months whose partitions this process has seen made.
// The zero value is ready.
type partitions struct {
	mu   sync.Mutex
	made map[time.Time]bool // by the month's first instant, UTC
}

// lacking lists the months of times, and the one after the newest, that are
// not known to be there: rising, each once.
func (p *partitions) lacking(times []time.Time) []time.Time {
	if len(times) == 0 {
		return nil
	}
	months := make([]time.Time, 0, len(times)+1)
	for _, t := range times {
		months = append(months, month(t))
	}
	months = append(months, slices.MaxFunc(months, time.Time.Compare).AddDate(0, 1, 0))
	slices.SortFunc(months, time.Time.Compare)
	months = slices.CompactFunc(months, time.Time.Equal)
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(months, func(m time.Time) bool { return p.made[m] })
}

func (p *partitions) remember(months []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made == nil {
		p.made = make(map[time.Time]bool)
	}
	for _, m := range months {
		p.made[m] = true
	}
}

// month is the first instant of t's month, UTC.
func month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// ensurePartitions makes the partitions for rows at the given times, and those
// of the month after the newest. It runs before the chunk, in a transaction of
// its own: attaching a partition must not wait behind a chunk, nor a chunk
// behind it.
func (s *Store) ensurePartitions(ctx context.Context, times []time.Time) error {
	months := s.dims.lacking(times)
	if len(months) == 0 {
		return nil
	}
	err := s.tx(ctx, "make partitions", func(tx pgx.Tx) error {
		for _, m := range months {
			_, err := tx.Exec(ctx, `select logferry.ensure_partitions($1::timestamptz, $2::timestamptz)`, m, m.AddDate(0, 1, 0))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.dims.remember(months)
	}
	return err
}
