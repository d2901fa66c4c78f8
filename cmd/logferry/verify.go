package main

import (
	"cmp"
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
--from it takes the last 7 days. Only covered time is counted. Each span is

  equal       both counts agree
  different   they don't; with --repair it is read again, and then repaired
  expired     the source no longer serves logs this old
  uncovered   no pass has read it yet, or only a backfill would
  doubtful    its latest reading did not attest or was accepted: not counted
  unknown     the source gives no totals; with --repair it is read again

verify keeps nothing between runs: one that was stopped begins anew.`,
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
				p.again = "run again, it begins anew"
				report, err := f.verify(ctx, o)
				report.Summary.Command = "verify"
				p.screen.endProgress()
				p.showSpans(report.Spans)
				return p.finish(ctx, report.Summary, verifyText(report), err, verifyRecord(report)...)
			})
		},
	}
	cmd.Flags().Var(instantFlag{&o.From, p.now}, "from", "first instant to count, a `T`; default 7d")
	cmd.Flags().Var(instantFlag{&o.To, p.now}, "to", "end, itself not counted, a `T`; default now less LOGFERRY_SETTLE")
	streamFlag(cmd, &o.Streams)
	cmd.Flags().BoolVar(&o.Repair, "repair", false, "read again what differs, and what can't be counted for want of totals")
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
		case ferry.SpanExpired:
			found = count(s.Stored, "log", "logs") + " stored"
		case ferry.SpanReadAgain:
			found = count(s.Stored, "log", "logs") + " stored, the source gives no totals"
		case ferry.SpanUncovered:
			found = "nothing to compare"
		}
		p.showSpan(s, cmp.Or(s.Note, found))
		if s.State == ferry.SpanDoubtful {
			p.print("    to read it again: logferry backfill --force \\\n      --from %s --to %s \\\n      --stream %s\n",
				s.From.UTC().Format(time.RFC3339), s.To.UTC().Add(time.Second-1).Format(time.RFC3339), s.Stream)
		}
	}
}

// showSpan prints a span and what was found, on a line of its own where both
// don't fit into 80 columns.
func (p *program) showSpan(s ferry.VerifySpan, found string) {
	line := fmt.Sprintf("  %-10s %s to %s:", s.State, instant(s.From), instant(s.To))
	if len(line)+1+len(found) <= 80 {
		p.print("%s %s\n", line, found)
	} else {
		p.print("%s\n%s", line, wrapped(found, "    "))
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
		logs := "logs unknown"
		if line.Logs >= 0 {
			logs = count(line.Logs, "log", "logs")
		}
		p.print("  %s%s, %s, %s\n", atLeast(line.AtLeast), count(int64(line.Windows), "window", "windows"), logs, requests)
	}
}

// atLeast goes before what may be more.
func atLeast(more bool) string {
	if more {
		return "at least "
	}
	return ""
}

// about is an estimated span.
func about(d time.Duration) string {
	if d < time.Second {
		return "under a second"
	}
	return "about " + roughly(d)
}
