package main

import "github.com/spf13/cobra"

func (p *program) demoCommand() *cobra.Command {
	o := demoOptions{out: p.out}
	var intoDatabase bool
	cmd := &cobra.Command{
		Use:   "demo [--trace FILE] [--keep]",
		Short: "the whole job with nothing set up",
		Long: `demo starts a private Postgres and both providers' APIs on this machine, syncs,
checks what arrived log by log against what was served, syncs again to show that
nothing is written, and prints what it did and a few questions an analyst would
ask. Then it removes everything. It reads no settings and needs no account.`,
		Example: `  logferry demo
  logferry demo --trace requests.csv
  logferry demo --keep`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if intoDatabase {
				e, err := p.settings(cmd, needs{database: true})
				if err != nil {
					return err
				}
				o.databaseURL = e.ferry.DatabaseURL
			} else if p.hasDatabase() {
				p.say("DATABASE_URL is left alone; --into-database-url would use it")
			}
			return p.deps.demo(cmd.Context(), o)
		},
	}
	cmd.Flags().Var(fileFlag{&o.trace}, "trace", "a CSV `FILE` of time, input tokens, output tokens to replay as the traffic; default: made up, from a fixed seed")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the database up, and say how to connect")
	cmd.Flags().BoolVar(&intoDatabase, "into-database-url", false, "write into DATABASE_URL instead of a private Postgres")
	return cmd
}

// hasDatabase tells whether the variables name a warehouse.
func (p *program) hasDatabase() bool {
	_, named := p.env.Lookup("DATABASE_URL")
	_, inFile := p.env.Lookup("DATABASE_URL_FILE")
	return named || inFile
}
