package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

func (p *program) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [--json]",
		Short: "how far each stream is, and what is doubtful",
		Long: `status shows each stream as the warehouse knows it, and asks no provider:

  WATERMARK   everything from the stream's start up to here is covered
  LAG         how long ago that is
  GAPS        stretches of wanted time that are not covered
  DOUBTFUL    windows whose latest reading did not attest, or was accepted
  QUARANTINE  logs that could not be read or stored, with their bytes
  OUTSIDE     logs the source holds outside what is covered; -: not counted
              yet, or the source gives no totals
  BUDGET      requests drawn of those allowed

The words in brackets after a stream's name:

  new             no log has proven its time filter yet
  gone            the source neither lists nor serves it; its rows stay
  not configured  the settings of this process don't name it
  disabled        left out on demand, see logferry streams
  blocked until   the source asked to be left alone

Lines below tell up to which hour the stream is complete; the lateness: how
long after their time the logs of the last 30 days had been met, the wait for
the pass included, and how many came later than settle; and when a gateway
loses logs before they are read.`,
		Example: `  logferry status
  logferry status --json | jq '.[] | select(.enabled and .configured
    and (.gone | not) and .lag_seconds > 3600)'

The same alert in SQL:
  select stream_name, lag from llm.freshness
   where enabled and configured and not gone and lag > interval '1 hour'`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				streams, err := f.status(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return p.statusJSON(streams)
				}
				p.statusTable(streams)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array; its field names are stable")
	return cmd
}

func (p *program) statusTable(streams []ferry.StreamStatus) {
	if len(streams) == 0 {
		p.print("no streams yet: run logferry sync\n")
		return
	}
	const row = "  %-20s  %6s  %4s  %8s  %10s  %7s  %s\n"
	p.print("STREAM\n"+row, "WATERMARK", "LAG", "GAPS", "DOUBTFUL", "QUARANTINE", "OUTSIDE", "BUDGET")
	for _, s := range streams {
		p.showName(s)
		lag, outside, budget := "-", "-", "-"
		if !s.Watermark.IsZero() {
			lag = roughly(s.Lag)
		}
		if s.Outside != nil {
			outside = grouped(*s.Outside)
		}
		if s.BudgetLimit > 0 {
			budget = fmt.Sprintf("%d/%d", s.BudgetUsed, s.BudgetLimit)
		}
		p.print(row, instant(s.Watermark), lag, grouped(int64(s.Gaps)), grouped(int64(s.Doubtful)),
			grouped(int64(s.Quarantined)), outside, budget)
		if !s.CompleteThrough.IsZero() {
			p.print("  complete through %s\n", instant(s.CompleteThrough))
		}
		if s.Lateness != nil {
			p.print("  lateness: %s\n", lateness(s.Lateness))
		}
		if s.RetentionRisk != "" {
			p.print("  the gateway %s\n", retention(s))
		}
	}
}

// lateness tells after how long logs appeared, and how many came too late to be
// waited for.
func lateness(l *ferry.Lateness) string {
	text := fmt.Sprintf("of %s, half by %s, 99 %% by %s, all by %s", count(l.Measured, "log", "logs"), roughly(l.Half), roughly(l.NearlyAll), roughly(l.All))
	if l.Late > 0 {
		text += fmt.Sprintf("; %s later than settle", grouped(l.Late))
	}
	return text
}

// retention tells how the gateway loses logs before they are read.
func retention(s ferry.StreamStatus) string {
	at := instant(s.RetentionAt)
	switch s.RetentionRisk {
	case ferry.RiskFills:
		return "is full at " + at + " and then stores no new logs"
	case ferry.RiskFull:
		return "is full and stores no new logs since " + at
	case ferry.RiskOff:
		return "does not collect logs"
	case ferry.RiskDeletes:
		return "deletes unread logs from " + at + " on"
	default:
		return "deleted logs before " + at + " unread"
	}
}

// states are the words that set a stream apart; none for an ordinary one.
func states(s ferry.StreamStatus) []string {
	var words []string
	for _, state := range []struct {
		holds bool
		word  string
	}{
		{!s.Enabled, "disabled"},
		{s.Gone, "gone"},
		{!s.Configured, "not configured"},
		{!s.Proven, "new"},
	} {
		if state.holds {
			words = append(words, state.word)
		}
	}
	if !s.BlockedUntil.IsZero() {
		words = append(words, "blocked until "+s.BlockedUntil.UTC().Format("15:04:05Z"))
	}
	return words
}

// showName prints a stream's name and what sets it apart, on a line of its own
// where both don't fit into 80 columns.
func (p *program) showName(s ferry.StreamStatus) {
	words := strings.Join(states(s), ", ")
	switch {
	case words == "":
		p.print("%s\n", s.Stream)
	case len(s.Stream)+len(words)+4 <= 80:
		p.print("%s  (%s)\n", s.Stream, words)
	default:
		p.print("%s\n  (%s)\n", s.Stream, words)
	}
}

// A streamRecord is a stream as status --json prints it. Scripts read these
// names: they are only ever added to. What is not known is null.
type streamRecord struct {
	Stream       string     `json:"stream"`
	Source       string     `json:"source"`
	Enabled      bool       `json:"enabled"`
	Gone         bool       `json:"gone"`
	Configured   bool       `json:"configured"`
	Proven       bool       `json:"proven"`
	StartsAt     *time.Time `json:"starts_at"`
	Watermark    *time.Time `json:"watermark"`
	LagSeconds   *float64   `json:"lag_seconds"`
	Gaps         int        `json:"gaps"`
	Doubtful     int        `json:"doubtful"`
	Quarantined  int        `json:"quarantined"`
	Outside      *int64     `json:"outside"`
	Logs         int64      `json:"logs"`
	LatenessP50  *float64   `json:"lateness_p50_seconds"`
	LatenessP99  *float64   `json:"lateness_p99_seconds"`
	LatenessMax  *float64   `json:"lateness_max_seconds"`
	Measured     *int64     `json:"measured_logs"`
	LateLogs     *int64     `json:"late_logs"`
	Risk         *string    `json:"retention_risk"`
	RiskAt       *time.Time `json:"retention_risk_at"`
	BudgetUsed   int        `json:"budget_used"`
	BudgetLimit  *int       `json:"budget_limit"`
	BlockedUntil *time.Time `json:"blocked_until"`
	Complete     *time.Time `json:"complete_through"`
}

func (p *program) statusJSON(streams []ferry.StreamStatus) error {
	records := []streamRecord{} // an empty array, never null
	for _, s := range streams {
		record := streamRecord{
			Stream: s.Stream, Source: s.Source, Enabled: s.Enabled, Gone: s.Gone, Configured: s.Configured, Proven: s.Proven,
			StartsAt: known(s.StartsAt), Watermark: known(s.Watermark), Gaps: s.Gaps, Doubtful: s.Doubtful,
			Quarantined: s.Quarantined, Outside: s.Outside, Logs: s.Logs, BudgetUsed: s.BudgetUsed, BlockedUntil: known(s.BlockedUntil),
			Complete: known(s.CompleteThrough),
		}
		if record.Watermark != nil {
			record.LagSeconds = new(s.Lag.Seconds())
		}
		if l := s.Lateness; l != nil {
			record.LatenessP50, record.LatenessP99, record.LatenessMax = new(l.Half.Seconds()), new(l.NearlyAll.Seconds()), new(l.All.Seconds())
			record.Measured, record.LateLogs = new(l.Measured), new(l.Late)
		}
		if s.RetentionRisk != "" {
			record.Risk, record.RiskAt = &s.RetentionRisk, known(s.RetentionAt)
		}
		if s.BudgetLimit > 0 {
			record.BudgetLimit = new(s.BudgetLimit)
		}
		records = append(records, record)
	}
	encoder := json.NewEncoder(p.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(records)
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
