package main

import (
	"context"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

func (p *program) streamsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "streams COMMAND",
		Short: "list the feeds, or leave one out",
		Long: `A stream is one feed of a source: a gateway of an account, or a dataset. Its
name is what --stream takes: cloudflare/ACCOUNT/GATEWAY or keywordsai/DATASET.`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE:                  group,
	}
	list := &cobra.Command{
		Use:                   "list",
		Short:                 "all streams ever met",
		Example:               "  logferry streams list",
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				streams, err := f.status(ctx)
				if err == nil {
					p.streamTable(streams)
				}
				return err
			})
		},
	}
	cmd.AddCommand(list,
		p.streamCommand("disable", "leave a stream out from now on; its rows stay",
			func(ctx context.Context, f *flow, stream string) error { return f.setEnabled(ctx, stream, false) }, "disabled"),
		p.streamCommand("enable", "read a disabled stream again",
			func(ctx context.Context, f *flow, stream string) error { return f.setEnabled(ctx, stream, true) }, "enabled"),
		p.streamCommand("forget", "begin a stream anew: drop what is covered; its rows stay",
			func(ctx context.Context, f *flow, stream string) error { return f.forget(ctx, stream) }, "forgot"),
	)
	return cmd
}

// streamCommand is a command that does one thing to one stream and says so.
func (p *program) streamCommand(name, short string, do func(context.Context, *flow, string) error, done string) *cobra.Command {
	return &cobra.Command{
		Use:                   name + " STREAM",
		Short:                 short,
		Example:               "  logferry streams " + name + " keywordsai/ds_1",
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(cmd, "streams %s takes one stream, named as `logferry streams list` shows it", name)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				if err := do(ctx, f, args[0]); err != nil {
					return err
				}
				p.print("%s %s\n", done, args[0])
				return nil
			})
		},
	}
}

func (p *program) streamTable(streams []ferry.StreamStatus) {
	if len(streams) == 0 {
		p.print("no streams yet: run logferry sync\n")
		return
	}
	const row = "  %11s  %s\n"
	p.print("STREAM\n"+row, "LOGS", "SINCE")
	for _, s := range streams {
		p.showName(s)
		p.print(row, grouped(s.Logs), instant(s.StartsAt))
	}
}
