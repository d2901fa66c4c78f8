package main

import (
	"time"

	"github.com/spf13/cobra"
)

func (p *program) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate COMMAND",
		Short: "create or upgrade the schema",
		Long: `migrate brings the schema of the warehouse up to date. It wants a direct
connection (no transaction pooler) and DDL rights, which may be another login:
LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL.`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE:                  group,
	}
	cmd.AddCommand(p.migrateUpCommand(), p.migrateVersionCommand(), p.migrateDownCommand())
	return cmd
}

// migrateURL is the connection that migrate works on; secret.
func (p *program) migrateURL(cmd *cobra.Command) (string, error) {
	e, err := p.settings(cmd, needs{migrate: true})
	return e.migrateURL, err
}

func (p *program) migrateUpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "apply what is missing",
		Long: `migrate up applies the migrations that the database lacks. Started twice, the
second waits for the first. A newer schema is left as it is.`,
		Example:               "  logferry migrate up",
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, err := p.migrateURL(cmd)
			if err != nil {
				return err
			}
			done := func(file string, took time.Duration) { p.print("applied %s in %s\n", file, seconds(took)) }
			if err := p.deps.migrateUp(cmd.Context(), url, done); err != nil {
				return err
			}
			return p.printSchema(cmd, url)
		},
	}
}

func (p *program) migrateVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "version",
		Short:                 "which version the schema has; changes nothing",
		Example:               "  logferry migrate version",
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, err := p.migrateURL(cmd)
			if err != nil {
				return err
			}
			return p.printSchema(cmd, url)
		},
	}
}

func (p *program) migrateDownCommand() *cobra.Command {
	to, yes := -1, false
	cmd := &cobra.Command{
		Use:   "down --to N --yes",
		Short: "undo migrations, with the data in their tables",
		Long: `migrate down takes the schema back to version N. It drops tables with everything
in them, and is meant for development; in production schemas only go forward.`,
		Example:               "  logferry migrate down --to 0 --yes",
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case to < 0:
				return misused(cmd, "--to is missing: give the version to go back to; 0 leaves no tables")
			case to > p.deps.newestSchema():
				return misused(cmd, "--to %d is no version: the newest is %d", to, p.deps.newestSchema())
			case !yes:
				return misused(cmd, "migrate down drops tables with everything in them: add --yes if you mean it")
			}
			url, err := p.migrateURL(cmd)
			if err != nil {
				return err
			}
			if err := p.deps.migrateDown(cmd.Context(), url, to); err != nil {
				return err
			}
			return p.printSchema(cmd, url)
		},
	}
	cmd.Flags().IntVar(&to, "to", -1, "version to go back to, `N`")
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, drop the tables")
	return cmd
}

func (p *program) printSchema(cmd *cobra.Command, url string) error {
	at, err := p.deps.schemaAt(cmd.Context(), url)
	if err != nil {
		return err
	}
	said := "up to date"
	switch {
	case at.dirty:
		said = "a migration is running, or was killed: run logferry migrate up"
	case at.current < at.newest:
		said = "run logferry migrate up"
	case at.current > at.newest:
		said = "newer than this logferry, which works with it"
	}
	p.print("schema version %d of %d: %s\n", at.current, at.newest, said)
	return nil
}
