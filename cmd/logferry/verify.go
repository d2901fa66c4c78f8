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
				return p.finish(ctx, report.Summary, err)
			})
		},
	}
	cmd.Flags().Var(instantFlag{&o.From, p.now}, "from", "first instant to count, a `T`; default 7d")
	cmd.Flags().Var(instantFlag{&o.To, p.now}, "to", "end, itself not counted, a `T`; default now less LOGFERRY_SETTLE")
	streamFlag(cmd, &o.Streams)
	cmd.Flags().BoolVar(&o.Repair, "repair", false, "read again what differs")
	return cmd
}

// showSpans prints each stream's counts; equal spans are only summed up.
func (p *program) showSpans(spans []ferry.VerifySpan) {
	var stream string
	var equal, logs int64
	flush := func() {
		if equal > 0 {
			p.print("  %s in %s\n", count(logs, "log equal", "logs equal"), count(equal, "span", "spans"))
		}
		equal, logs = 0, 0
	}
	for _, s := range spans {
		if s.Stream != stream {
			flush()
			stream = s.Stream
			p.print("%s\n", stream)
		}
		if s.State == ferry.SpanEqual {
			equal, logs = equal+1, logs+s.Stored
			continue
		}
		p.print("  %-9s %s to %s: source %s, stored %s\n", s.State, instant(s.From), instant(s.To), counted(s.Source), grouped(s.Stored))
	}
	flush()
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
	if len(plan) == 0 {
		p.print("nothing to do: the span is covered\n")
	}
	for _, line := range plan {
		p.print("%s\n  %s to %s\n", line.Stream, instant(line.From), instant(line.To))
		requests := "requests unknown"
		if line.Requests >= 0 {
			requests = fmt.Sprintf("%s, about %s at the budget", count(line.Requests, "request", "requests"), seconds(line.Time))
		}
		p.print("  %s, %s logs, %s\n", count(int64(line.Windows), "window", "windows"), counted(line.Logs), requests)
	}
}
