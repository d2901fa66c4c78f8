package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const exitTable = `Exit codes:
  0    done; for sync, work may be left (the summary says unfinished); for
       backfill, the whole span is covered
  1    unexpected: a fault of logferry
  64   usage: a flag, a command or a variable that stands for one
  65   windows that would not attest, or too many logs in quarantine
  69   a provider was unavailable, retries included
  75   temporary: database down, locked or full; or backfill ended early, the
       rest saved. Run it again
  77   credentials, database login or grant refused
  78   settings or schema
  130  stopped by SIGINT, 143 by SIGTERM, after a clean checkpoint
  Several reasons: the first of 78, 77, 65, 69, 75, 1.
`

// showHelp prints what a command does, how it is used, and what it answers.
func (p *program) showHelp(cmd *cobra.Command, _ []string) {
	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	p.print("%s\n\nUsage:\n  %s\n", strings.TrimSpace(long), cmd.UseLine())
	if cmd.HasAvailableSubCommands() {
		p.print("\nCommands:\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				p.print("  %-10s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	if flags := ownFlags(cmd); len(flags) > 0 {
		p.print("\nFlags (each is also a variable; the flag wins):\n")
		for _, flag := range flags {
			p.showFlag(cmd, flag)
		}
	}
	if cmd.Example != "" {
		p.print("\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	if !cmd.HasParent() {
		p.showVariables()
	} else if !cmd.HasSubCommands() {
		p.print("\nThe settings are variables: `logferry --help` lists them, `logferry check`\nshows what is in effect.\n")
	}
	p.print("\n%s", exitTable)
}

func (p *program) showFlag(cmd *cobra.Command, flag *pflag.Flag) {
	value, about := pflag.UnquoteUsage(flag)
	p.print("  --%s", strings.TrimSpace(flag.Name+" "+value))
	p.print("  (%s)\n", flagVariable(cmd, flag))
	p.print("%s", wrapped(about, "      "))
}

func (p *program) showVariables() {
	p.print("\nVariables (empty counts as unset; of a secret X, X_FILE names a file that\nholds it; durations are whole numbers with s, m, h, d, w, joined: 1d12h):\n")
	for _, v := range variables() {
		about := v.about
		if v.initial != "" {
			about += fmt.Sprintf(" (default %s)", v.initial)
		}
		if v.secret {
			about += " (secret)"
		}
		p.print("  %s\n%s", v.name, wrapped(about, "      "))
	}
	p.print("  LOGFERRY_COMMAND\n%s", wrapped("the command to run where none is given, such as: backfill", "      "))
	p.print("  LOGFERRY_POSTGRES_BIN\n%s", wrapped("for demo: the folder that holds the Postgres programs", "      "))
}

// wrapped breaks text into lines of at most 78 characters, each indented.
func wrapped(text, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(word) > 77 && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}

// helpCommand is `logferry help backfill`, for people who try that.
func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return misused(cmd.Root(), "%q is not a command", strings.Join(slices.Clone(args), " "))
			}
			return found.Help()
		},
	}
}
