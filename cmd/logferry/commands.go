package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

// passTimeout ends a pass in time for the next one of an hourly CronJob.
const passTimeout = 50 * time.Minute

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "logferry COMMAND",
		Short: "carry the logs of LLM gateways into Postgres",
		Long: `logferry carries the logs that LLM gateways keep about each model call out of
Cloudflare AI Gateway and Keywords AI (now Respan) into Postgres: completely, on
a schedule, and with proof that nothing is missing.

To see the whole job with nothing set up, run logferry demo. For real: set
DATABASE_URL and the credentials, run logferry check, then logferry migrate up,
then logferry sync as often as you like.`,
		Example: `  logferry demo
  logferry sync
  logferry backfill --from 2026-01-01
  LOGFERRY_COMMAND=backfill LOGFERRY_BACKFILL_FROM=30d logferry`,
		Args:                  cobra.ArbitraryArgs,
		RunE:                  group,
		PersistentPreRunE:     func(cmd *cobra.Command, _ []string) error { return flagsFromVariables(cmd, p.env) },
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(p.out)
	root.SetErr(p.screen)
	root.SetHelpFunc(p.showHelp)
	root.SetHelpCommand(p.helpCommand())
	root.SetFlagErrorFunc(flagProblem)
	cobra.EnableCommandSorting = false
	root.AddCommand(
		p.demoCommand(), p.checkCommand(), p.migrateCommand(), p.syncCommand(), p.backfillCommand(),
		p.serveCommand(), p.statusCommand(), p.verifyCommand(), p.streamsCommand(),
		p.quarantineCommand(), p.versionCommand(),
	)
	return root
}

func (p *program) syncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "one pass over all streams; what a CronJob runs",
		Long: `sync brings the warehouse up to date, once. For each stream it covers what is
missing between the stream's start and now less LOGFERRY_SETTLE: the newest hour
first, then the gaps, oldest first. It also loads what is younger than that, and
counts the last LOGFERRY_LOOKBACK again to find late and lost logs.

It can be run as often as you like, stopped at any time and run twice at once:
windows that are done are not read again. After LOGFERRY_RUN_TIMEOUT (50m) it
saves what it has and ends; the next run goes on.`,
		Example: `  logferry sync
  LOGFERRY_RUN_TIMEOUT=10m logferry sync`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			want := needs{database: true, source: true, runTimeout: passTimeout}
			return p.withFlow(cmd, want, func(ctx context.Context, f *flow, _ effective) error {
				summary, err := f.sync(ctx)
				summary.Command = "sync"
				return p.finish(ctx, summary, summaryText(summary), err)
			})
		},
	}
}

func (p *program) backfillCommand() *cobra.Command {
	var o ferry.BackfillOptions
	cmd := &cobra.Command{
		Use:   "backfill --from T [--to T] [--stream S]...",
		Short: "cover a span of time",
		Long: `backfill covers [from, to) of the streams: it reads what of that span is not
covered yet, and nothing else. Stopped or started twice, it goes on where work
is left. It ends with 0 only when the whole span is covered.

T is RFC 3339 (2026-11-01T08:00:00Z), a date (UTC midnight), or how long ago, in
whole numbers with s m h d w, joined (1d12h).`,
		Example: `  logferry backfill --from 2026-01-01 --dry-run
  logferry backfill --from 2026-01-01 --to 2026-02-01
  logferry backfill --from 90d --stream keywordsai/ds_1

On Kubernetes, from the CronJob, without the time limit of a pass:
  kubectl create job bf --from=cronjob/logferry --dry-run=client -o yaml |
    kubectl set env --local -f - -o yaml LOGFERRY_COMMAND=backfill \
      LOGFERRY_BACKFILL_FROM=90d |
    kubectl patch --local -f - -o yaml --type=merge \
      -p '{"spec":{"activeDeadlineSeconds":null}}' | kubectl create -f -`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return p.backfill(cmd, o) },
	}
	flags := cmd.Flags()
	flags.Var(instantFlag{&o.From, p.now}, "from", "first instant to cover, a `T`")
	flags.Var(instantFlag{&o.To, p.now}, "to", "end, itself not covered, a `T`; default now less LOGFERRY_SETTLE")
	streamFlag(cmd, &o.Streams)
	flags.BoolVar(&o.Force, "force", false, "read again what is covered already")
	flags.BoolVar(&o.AcceptMismatch, "accept-mismatch", false, "cover windows that do not attest; they stay doubtful")
	flags.BoolVar(&o.DryRun, "dry-run", false, "print windows, logs, requests and time at the budget; write nothing")
	return cmd
}

func streamFlag(cmd *cobra.Command, streams *[]string) {
	cmd.Flags().StringSliceVar(streams, "stream", nil, "only this stream, `S` as status shows it; repeat it or give a comma list; default all")
}

func (p *program) backfill(cmd *cobra.Command, o ferry.BackfillOptions) error {
	if o.From.IsZero() {
		return misused(cmd, "--from is missing: give a time, a date such as 2026-11-01, or how long ago, such as 7d")
	}
	if err := checkSpan(cmd, o.From, o.To, p.now()); err != nil {
		return err
	}
	return p.withFlow(cmd, needs{database: true, source: true}, func(ctx context.Context, f *flow, e effective) error {
		if o.From.After(p.now().Add(-e.ferry.Settle)) {
			return misused(cmd, "--from is younger than LOGFERRY_SETTLE (%s): nothing that young is ever covered", ferry.FormatDuration(e.ferry.Settle))
		}
		summary, err := f.backfill(ctx, o)
		summary.Command = "backfill"
		p.screen.endProgress()
		if o.DryRun {
			p.showPlan(summary.Plan)
			summary.Command = "backfill (dry run)"
			return p.finish(ctx, summary, planText(summary), err)
		}
		return p.finish(ctx, summary, summaryText(summary), err)
	})
}

// checkSpan refuses an empty span. A zero to is open.
func checkSpan(cmd *cobra.Command, from, to, now time.Time) error {
	switch {
	case !to.IsZero() && !from.Before(to):
		return misused(cmd, "--from %s is not before --to %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	case from.After(now):
		return misused(cmd, "--from %s is in the future", from.Format(time.RFC3339))
	}
	return nil
}

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "the same pass on a schedule, in one process",
		Long: `serve runs what sync runs: once when it starts, and then whenever
LOGFERRY_SCHEDULE (five cron fields, read in LOGFERRY_TIMEZONE) says so, until
it is stopped. A pass that would overlap the one before is left out. Use it
where there is no CronJob.`,
		Example: `  logferry serve
  LOGFERRY_SCHEDULE='0 * * * *' logferry serve`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			want := needs{database: true, source: true, runTimeout: passTimeout}
			return p.withFlow(cmd, want, func(ctx context.Context, f *flow, e effective) error {
				p.log.Info("serving", "next_passes", nextTimes(e.schedule, p.now().In(e.location)))
				return f.serve(ctx, ferry.ServeOptions{Schedule: e.schedule, Location: e.location})
			})
		},
	}
}

// passed reports one pass of serve, which goes on whatever the outcome.
func (p *program) passed(ctx context.Context, s ferry.Summary, err error) {
	s.Command = "serve"
	code := p.exitCode(ctx, p.finish(ctx, s, summaryText(s), err))
	if code == ferry.ExitSIGINT || code == ferry.ExitSIGTERM {
		return // told once, at the end
	}
	for _, line := range linesOf(err) {
		p.record.Error(line, "exit_code", code)
	}
}
