package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

// verifySpan is what verify counts when nobody says from when.
const verifySpan = 7 * day

func (p *program) verifyCommand() *cobra.Command {
	var o ferry.VerifyOptions
	cmd := &cobra.Command{
		Use:   "verify [--from T] [--to T] [--stream S]... [--repair]",
		Short: "count the source against the warehouse",
		Long: `verify asks the sources how many logs they hold in [from, to), compares with
what is stored, and halves what differs until the difference is small. Without
--from it takes the last 7 days. Logs that the source no longer serves are
expired, not different. With --repair, what differs is read again.`,
		Example: `  logferry verify
  logferry verify --from 2026-01-01 --to 2026-02-01 --repair`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.From.IsZero() {
				o.From = p.now().Add(-verifySpan).UTC()
			}
			if err := checkSpan(cmd, o.From, o.To, p.now()); err != nil {
				return err
			}
			return p.withFlow(cmd, needs{database: true, source: true}, func(ctx context.Context, f *flow, _ effective) error {
				report, err := f.verify(ctx, o)
				report.Summary.Command = "verify"
				p.screen.endProgress()
				p.showSpans(report.Spans)
				return p.finish(ctx, report.Summary, verifyText(report), err)
			})
		},
	}
	cmd.Flags().Var(instantFlag{&o.From, p.now}, "from", "first instant to count, a `T`; default 7d")
	cmd.Flags().Var(instantFlag{&o.To, p.now}, "to", "end, itself not counted, a `T`; default now less LOGFERRY_SETTLE")
	streamFlag(cmd, &o.Streams)
	cmd.Flags().BoolVar(&o.Repair, "repair", false, "read again what differs")
	return cmd
}

// showSpans prints what was counted, stream by stream.
func (p *program) showSpans(spans []ferry.VerifySpan) {
	stream := ""
	for _, s := range spans {
		if s.Stream != stream {
			stream = s.Stream
			p.print("%s\n", stream)
		}
		found := fmt.Sprintf("source %s, stored %s", counted(s.Source), counted(s.Stored))
		switch s.State {
		case ferry.SpanEqual:
			found = count(s.Stored, "log", "logs")
		case ferry.SpanUncovered:
			found = "nothing to compare yet"
		}
		p.print("  %-9s %s to %s: %s\n", s.State, instant(s.From), instant(s.To), found)
	}
}

// counted is a count that may be unknown.
func counted(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return grouped(n)
}

// instant is a time as tables show it, to the second and in UTC.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// showPlan prints what a backfill would do.
func (p *program) showPlan(plan []ferry.PlanLine) {
	for _, line := range plan {
		p.print("%s\n", line.Stream)
		switch {
		case line.From.IsZero():
			p.print("  nothing to do: the span is covered\n")
			continue
		case line.Windows == 0:
			p.print("  nothing to read: the source holds no log\n")
			continue
		}
		requests := "requests unknown"
		if line.Requests >= 0 {
			requests = fmt.Sprintf("%s, %s at the budget", count(line.Requests, "request", "requests"), about(line.Time))
		}
		p.print("  %s to %s\n", instant(line.From), instant(line.To))
		p.print("  %s, %s logs, %s\n", count(int64(line.Windows), "window", "windows"), counted(line.Logs), requests)
	}
}

// about is an estimated span.
func about(d time.Duration) string {
	if d < time.Second {
		return "under a second"
	}
	return "about " + roughly(d)
}
