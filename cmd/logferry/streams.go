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
		p.switchCommand("disable", "leave a stream out from now on; its rows stay", false),
		p.switchCommand("enable", "read a disabled stream again", true),
	)
	return cmd
}

func (p *program) switchCommand(name, short string, on bool) *cobra.Command {
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
				if err := f.setEnabled(ctx, args[0], on); err != nil {
					return err
				}
				p.print("%sd %s\n", name, args[0])
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
	p.print("%12s  %-20s  %s\n", "LOGS", "SINCE", "STREAM")
	for _, s := range streams {
		p.print("%12s  %-20s  %s%s\n", grouped(s.Logs), instant(s.StartsAt), s.Stream, inBrackets(states(s)))
	}
}
