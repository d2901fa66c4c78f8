package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

func (p *program) checkCommand() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "check [--offline]",
		Short: "what is set, and whether it works",
		Long: `check prints the effective settings and where each came from, secrets hidden,
and everything that is wrong with them. Then it tries the database, its schema,
each credential (one request each) and the clock.`,
		Example: `  logferry check
  logferry check --offline`,
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return p.check(cmd, offline) },
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "look at the settings only; connect to nothing")
	return cmd
}

func (p *program) check(cmd *cobra.Command, offline bool) error {
	p.showSettings()
	e, err := p.settings(cmd, needs{database: true, source: true})
	if err != nil || offline {
		if err == nil {
			p.print("\nsettings: no problems\n")
		}
		return err
	}
	var problems []error
	p.print("\n")
	for _, finding := range p.findings(cmd.Context(), e) {
		if finding.Problem != nil {
			problems = append(problems, finding.Problem)
			p.print("problem  %s  %v\n", finding.What, finding.Problem)
			continue
		}
		p.print("ok       %s  %s\n", finding.What, finding.Detail)
	}
	if len(problems) > 0 {
		return failedCheck(problems)
	}
	return nil
}

// failedCheck is what check found wrong, already printed.
type failedCheck []error

func (f failedCheck) Error() string {
	return "check found " + count(int64(len(f)), "problem", "problems") + ", shown above"
}

// Unwrap lets the exit code be that of the problems.
func (f failedCheck) Unwrap() []error { return f }

// findings tries what the settings name. A warehouse that cannot be opened is
// the only finding then.
func (p *program) findings(ctx context.Context, e effective) []ferry.Finding {
	f, err := p.deps.open(ctx, e.ferry)
	if err != nil {
		return []ferry.Finding{{What: "database", Problem: err}}
	}
	defer f.close()
	return f.check(ctx)
}

// showSettings prints every variable, what it holds and where that came from.
func (p *program) showSettings() {
	given, from := decode(p.env)
	values := given.values()
	for i, v := range variables() {
		value, origin := values[i], cmp.Or(from.origin[v.name], "default")
		if value == "" && origin == "default" {
			value, origin = cmp.Or(v.unset, "-"), "not set"
		}
		p.print("%-30s  %-40s  %s\n", v.name, cmp.Or(value, "-"), origin)
	}
}
