package load

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Status is how far one stream has come, at one instant of the database
// clock. Times are UTC.
type Status struct {
	Source, Name   string
	Enabled, Gone  bool
	Proven         bool // the dialect is proven
	StartsAt       time.Time
	Watermark      time.Time     // the whole of [StartsAt, Watermark) is covered
	CompleteUpTo   time.Time     // llm.freshness.complete_through: there, rollups equal facts too
	Lag            time.Duration // from the watermark to now
	Gaps           int64         // holes between StartsAt and the end of coverage
	Doubtful       int64         // windows whose latest reading is a mismatch or accepted
	Quarantined    int64         // open cases in quarantine
	Logs           int64         // inserted by the ledger's windows; windows pruned from the ledger are not in it
	Outside        *int64        // logs the source counts outside the spans read; nil: not known
	SourceOldest   *time.Time    // oldest log the source still served; nil: never asked
	LastAttestedAt *time.Time    // when a window last attested; nil: never
	Lateness       *Lateness     // nil: not measured
	RetentionRisk  string        // llm.freshness.retention_risk; empty: none known
	RetentionAt    *time.Time    // llm.freshness.retention_risk_at
	Claims         []ClaimStatus // live claims, by window
}

// Lateness is how long after their time the logs of the last 30 days had been
// met, at most: it includes the wait for the pass that met them. See the table
// logferry.lateness for which logs are measured.
type Lateness struct {
	Half, NearlyAll, All time.Duration // that share of the logs was met by then; nearly all are 99 of 100
	Measured             int64         // logs of which that is known
	Late                 int64         // of them, those that came when their time was covered already
}

// A ClaimStatus is a window that somebody is working on.
type ClaimStatus struct {
	WindowID, RunID int64
	Kind            string
	From, To        time.Time
	Lease           time.Duration // until the lease ends; not positive: it ran out and can be taken over
}

// Status tells where every registered stream stands, by name. What
// llm.freshness shows is read from there, so that operators and analysts see
// the same. Logs are added up from the ledger rather than counted, because a
// count reads every row of the stream.
func (s *Store) Status(ctx context.Context) ([]Status, error) {
	var all []Status
	err := s.retry(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, s.snapshot(), func(tx pgx.Tx) error {
			var err error
			all, err = readStatus(ctx, tx)
			return err
		})
	})
	return all, classify("read the status", err)
}

// snapshot reads everything as of one instant, and waits for locks like any
// other transaction.
func (s *Store) snapshot() pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: fmt.Sprintf(`begin isolation level repeatable read read only;
		set local lock_timeout = %d; set local statement_timeout = '120s'`, s.lock.Milliseconds())}
}

func readStatus(ctx context.Context, tx pgx.Tx) ([]Status, error) {
	claims, err := readClaims(ctx, tx)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		select st.source, st.stream_name, st.is_enabled, st.is_gone, ss.dialect is not null,
			ss.starts_at, f.watermark_at, f.complete_through, extract(epoch from f.lag)::float8,
			f.gaps, f.doubtful_windows, f.quarantined_rows,
			(select coalesce(sum(w.inserted_rows), 0)::bigint from logferry.windows w where w.stream_id = st.stream_id),
			ss.outside_rows, ss.source_oldest_at, f.last_attested_at,
			extract(epoch from f.lateness_p50)::float8, extract(epoch from f.lateness_p99)::float8,
			extract(epoch from f.lateness_max)::float8, f.measured_logs, f.late_logs,
			coalesce(f.retention_risk, ''), f.retention_risk_at
		from logferry.streams st
		join logferry.stream_state ss using (stream_id)
		join llm.freshness f using (stream_name)
		order by st.stream_name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (st Status, err error) {
		var lag float64
		var half, nearly, most *float64
		var measured, late *int64
		err = row.Scan(&st.Source, &st.Name, &st.Enabled, &st.Gone, &st.Proven,
			&st.StartsAt, &st.Watermark, &st.CompleteUpTo, &lag,
			&st.Gaps, &st.Doubtful, &st.Quarantined, &st.Logs,
			&st.Outside, &st.SourceOldest, &st.LastAttestedAt, &half, &nearly, &most, &measured, &late,
			&st.RetentionRisk, &st.RetentionAt)
		st.Lag = seconds(lag)
		if half != nil && measured != nil && late != nil { // measured: then all of them are there
			st.Lateness = &Lateness{Half: seconds(*half), NearlyAll: seconds(*nearly), All: seconds(*most), Measured: *measured, Late: *late}
		}
		st.Claims = claims[st.Name]
		for _, t := range []*time.Time{&st.StartsAt, &st.Watermark, &st.CompleteUpTo, st.RetentionAt, st.SourceOldest, st.LastAttestedAt} {
			if t != nil {
				*t = t.UTC()
			}
		}
		return st, err
	})
}

// readClaims lists the live claims by stream name.
func readClaims(ctx context.Context, tx pgx.Tx) (map[string][]ClaimStatus, error) {
	rows, err := tx.Query(ctx, `
		select st.stream_name, w.window_id, w.run_id, w.kind, w.window_start, w.window_end,
			extract(epoch from w.lease_until - clock_timestamp())::float8
		from logferry.windows w join logferry.streams st using (stream_id)
		where w.status = 'claimed'
		order by w.window_id`)
	if err != nil {
		return nil, err
	}
	claims := make(map[string][]ClaimStatus)
	var name string
	var c ClaimStatus
	var lease float64
	_, err = pgx.ForEachRow(rows, []any{&name, &c.WindowID, &c.RunID, &c.Kind, &c.From, &c.To, &lease}, func() error {
		c.From, c.To, c.Lease = c.From.UTC(), c.To.UTC(), seconds(lease)
		claims[name] = append(claims[name], c)
		return nil
	})
	return claims, err
}
