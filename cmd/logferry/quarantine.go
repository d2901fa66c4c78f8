package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

func (p *program) quarantineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine COMMAND",
		Short: "logs that could not be stored as rows",
		Long: `A log without an id or without a usable time, and one that Postgres refuses, is
put aside with its bytes (as far as LOGFERRY_PAYLOADS lets them be kept) and the
reason. It still counts as read: the rest of its window goes in.`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE:                  group,
	}
	cmd.AddCommand(p.quarantineList(), p.quarantineShow(), p.quarantineReplay(), p.quarantineDiscard())
	return cmd
}

func (p *program) quarantineList() *cobra.Command {
	var stream string
	var all bool
	cmd := &cobra.Command{
		Use:                   "list [--stream STREAM] [--all]",
		Short:                 "open cases: why, when and where, without their bytes",
		Example:               "  logferry quarantine list --stream keywordsai/ds_1",
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				cases, err := f.cases(ctx, stream, all)
				switch {
				case err != nil:
				case len(cases) > 0:
					p.caseTable(cases)
				case all:
					p.print("no case\n")
				default:
					p.print("no open case\n")
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&stream, "stream", "", "only of this `STREAM`")
	cmd.Flags().BoolVar(&all, "all", false, "also those that were dealt with")
	return cmd
}

// caseTable prints cases stream by stream: names are too long to stand beside
// anything.
func (p *program) caseTable(cases []ferry.QuarantineCase) {
	const row = "  %6s  %-24s  %-20s  %s\n"
	p.print("STREAM\n"+row, "CASE", "REASON", "LAST SEEN", "STATE")
	slices.SortStableFunc(cases, func(a, b ferry.QuarantineCase) int { return cmp.Compare(a.Stream, b.Stream) })
	stream := ""
	for _, c := range cases {
		if c.Stream != stream {
			stream = c.Stream
			p.print("%s\n", stream)
		}
		p.print(row, strconv.FormatInt(c.ID, 10), c.Code, instant(c.LastSeen), cmp.Or(c.Resolution, "open"))
	}
}

func (p *program) quarantineShow() *cobra.Command {
	return &cobra.Command{
		Use:                   "show CASE",
		Short:                 "one case with its bytes, which may hold what people said",
		Example:               "  logferry quarantine show 17",
		DisableFlagsInUseLine: true,
		Args:                  oneCase,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				ids := caseIDs(args)
				c, raw, err := f.showOne(ctx, ids[0])
				if err != nil {
					return err
				}
				p.print("case %d of %s: %s\n", c.ID, c.Stream, c.Code)
				for _, line := range [][2]string{{"why", c.Detail}, {"log id", c.LogID}, {"its time", c.ClaimedCreatedAt}, {"resolution", c.Resolution}} {
					if line[1] != "" {
						p.print("  %-10s %s\n", line[0], strings.ToValidUTF8(line[1], "?"))
					}
				}
				p.print("  %-10s %s to %s, %s\n\n%s\n", "met", instant(c.FirstSeen), instant(c.LastSeen), count(int64(c.Seen), "time", "times"), raw)
				return nil
			})
		},
	}
}

func (p *program) quarantineReplay() *cobra.Command {
	return &cobra.Command{
		Use:                   "replay [CASE]...",
		Short:                 "try open cases again by this version's rules",
		Long:                  "replay tries the bytes of open cases again: of all, or of those named. What can\nbe a row now is stored, and its case closed; coverage does not change.",
		Example:               "  logferry quarantine replay",
		DisableFlagsInUseLine: true,
		Args:                  someCases(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				done, err := f.replay(ctx, caseIDs(args))
				if err == nil || done.Tried() > 0 { // what was done before an error stays
					p.tellClosed(done.Closed)
					p.print("%s\n", replayText(done))
				}
				return err
			})
		},
	}
}

// replayText is the one line at the end of replay.
func replayText(done ferry.Replayed) string {
	text := fmt.Sprintf("replayed: %d stored, %d still can't be, %d left to another run", done.Stored, done.Still, done.Held)
	if done.Superseded > 0 {
		text += fmt.Sprintf(", %d superseded by what is newer", done.Superseded)
	}
	if done.Disabled > 0 {
		text += fmt.Sprintf(", %d of disabled streams", done.Disabled)
	}
	return text
}

func (p *program) quarantineDiscard() *cobra.Command {
	return &cobra.Command{
		Use:                   "discard CASE...",
		Short:                 "close cases for good",
		Example:               "  logferry quarantine discard 17 18",
		DisableFlagsInUseLine: true,
		Args:                  someCases(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withFlow(cmd, needs{database: true}, func(ctx context.Context, f *flow, _ effective) error {
				n, closed, err := f.discard(ctx, caseIDs(args))
				if err == nil {
					p.tellClosed(closed)
					p.print("discarded %d\n", n)
				}
				return err
			})
		},
	}
}

func (p *program) tellClosed(ids []int64) {
	for _, id := range ids {
		p.print("case %d is closed already\n", id)
	}
}

// oneCase wants the number of a case.
func oneCase(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return misused(cmd, "%s wants the number of one case, not of %d", cmd.Name(), len(args))
	}
	return someCases(1)(cmd, args)
}

// someCases wants at least so many case numbers.
func someCases(least int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return misused(cmd, "%s wants the number of a case, as `logferry quarantine list` shows it", cmd.Name())
		}
		for _, arg := range args {
			if _, err := strconv.ParseInt(arg, 10, 64); err != nil {
				return misused(cmd, "%q is not the number of a case; `logferry quarantine list` shows them", arg)
			}
		}
		return nil
	}
}

// caseIDs are the numbers that someCases or oneCase has checked; nil for none.
func caseIDs(args []string) []int64 {
	var ids []int64
	for _, arg := range args {
		if id, err := strconv.ParseInt(arg, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
