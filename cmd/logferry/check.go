package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

func (p *program) checkCommand() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "check [--offline]",
		Short: "what is set, and whether it works",
		Long: `check prints the effective settings and where each came from, secrets hidden.
Then it lists what works and all that does not, at once: the settings, the
database, its schema and clock, and each credential (with one request).`,
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
	findings := inSettings(err)
	if !offline {
		// What a bad setting is part of is left out of e, and not tried.
		findings = append(findings, p.deps.check(cmd.Context(), e.ferry)...)
	}
	if stopped := context.Cause(cmd.Context()); stopped != nil {
		return stopped // what was not tried to its end is no problem
	}
	p.print("\n")
	var problems failedCheck
	for _, finding := range findings {
		if finding.Problem != nil {
			problems = append(problems, finding.Problem)
			p.print("problem  %s\n%s", finding.What, wrapped(finding.Problem.Error(), "         "))
			continue
		}
		p.print("ok       %-20s  %s\n", finding.What, finding.Detail)
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// inSettings makes findings of what is wrong with the settings; err is nil or
// a settingsError.
func inSettings(err error) []ferry.Finding {
	wrong, bad := errors.AsType[settingsError](err)
	if !bad {
		return []ferry.Finding{{What: "settings", Problem: err, Detail: "no problems"}}
	}
	var findings []ferry.Finding
	for _, problem := range wrong.problems {
		findings = append(findings, ferry.Finding{What: "settings", Problem: settingsError{[]string{problem}}})
	}
	return findings
}

// failedCheck is what check found wrong, already printed.
type failedCheck []error

func (f failedCheck) Error() string {
	return "check found " + count(int64(len(f)), "problem", "problems") + ", shown above"
}

// Unwrap lets the exit code be that of the problems.
func (f failedCheck) Unwrap() []error { return f }

// showSettings prints every variable, what it holds and where that came from.
func (p *program) showSettings() {
	given, from := decode(p.env)
	values := given.values()
	for i, v := range variables() {
		value, origin := values[i], cmp.Or(from.origin[v.name], "default")
		if value == "" && origin == "default" {
			value, origin = cmp.Or(v.unset, "-"), "not set"
		}
		p.print("%-29s  %-36s  %s\n", v.name, cmp.Or(value, "-"), origin)
	}
}
