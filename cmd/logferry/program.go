package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logferry/ferry"
)

// A program is one run of logferry.
type program struct {
	env    environ
	out    *steady // standard output
	screen *screen // standard error
	deps   deps
	now    func() time.Time

	format string       // text or json
	log    *slog.Logger // everything that happens on the way
	record *slog.Logger // the summary, whatever the log level
	again  string       // what is said of running again after a stop; empty: it goes on
}

func newProgram(env environ, stdout, stderr io.Writer, d deps) *program {
	p := &program{env: env, out: &steady{to: stdout}, screen: &screen{to: stderr}, deps: d, now: time.Now}
	p.logAs("", slog.LevelInfo)
	return p
}

// logAs sets how logs are written. Without a format, a person gets text and
// anything else json.
func (p *program) logAs(format string, level slog.Level) {
	p.format = format
	if format == "" {
		p.format = "json"
		if isTerminal(p.screen.to) {
			p.format = "text"
		}
	}
	p.log = newLog(p.screen, p.format, level)
	p.record = newLog(p.screen, p.format, slog.LevelInfo)
}

// run executes the command that args name (or LOGFERRY_COMMAND, if they name
// none) and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(p.withCommand(args))
	err := root.ExecuteContext(ctx)
	p.screen.endProgress()
	if err == nil {
		if broken := p.out.problem(); broken != nil {
			err = fmt.Errorf("writing the output: %w", broken)
		}
	}
	code := p.exitCode(ctx, err)
	p.explain(ctx, err, code)
	return code
}

// withCommand puts LOGFERRY_COMMAND before args that name no command. It never
// returns nil, which would mean the arguments of the process.
func (p *program) withCommand(args []string) []string {
	command := []string{}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") && args[0] != "-h" && args[0] != "--help" {
		text, _ := p.env.Lookup("LOGFERRY_COMMAND")
		command = strings.Fields(text)
	}
	return slices.Concat([]string{}, command, args)
}

// exitCode is the table of design.md, for an error of any part.
func (p *program) exitCode(ctx context.Context, err error) int {
	var stop stopped
	var usage usageError
	var settings settingsError
	switch {
	case errors.As(context.Cause(ctx), &stop) && ferry.Checkpointed(err):
		return stop.ExitCode()
	case err == nil:
		return ferry.ExitOK
	case errors.As(err, &usage):
		return ferry.ExitUsage
	case errors.As(err, &settings):
		return ferry.ExitConfig
	}
	return p.deps.exitCode(err)
}

// explain says on standard error what went wrong and what to do. A mistake in
// the command line or the settings is told in plain words to whoever made it;
// what happened to a run goes where its logs go.
func (p *program) explain(ctx context.Context, err error, code int) {
	if code == ferry.ExitSIGINT || code == ferry.ExitSIGTERM {
		p.tell(slog.LevelWarn, fmt.Sprintf("%v; %s", context.Cause(ctx), cmp.Or(p.again, "run it again to go on")), code)
		return
	}
	usage, misuse := errors.AsType[usageError](err)
	_, badSettings := errors.AsType[settingsError](err)
	_, unknown := errors.AsType[*ferry.UsageError](err)
	for _, line := range linesOf(err) {
		if misuse || badSettings || unknown {
			p.say("%s", line)
		} else {
			p.tell(slog.LevelError, line, code)
		}
	}
	if misuse {
		p.say("see `%s --help`", usage.command)
	}
}

// linesOf are the reasons behind an error, without empty lines.
func linesOf(err error) []string {
	text := strings.Join(ferry.Reasons(err), "\n")
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// tell says a line in plain words, or logs it where machines read.
func (p *program) tell(level slog.Level, line string, code int) {
	if p.format == "json" {
		p.record.Log(context.Background(), level, line, "exit_code", code)
		return
	}
	p.say("%s", line)
}

func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.screen, "logferry: "+format+"\n", args...)
}

func (p *program) print(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format, args...)
}

// settings reads and checks the variables for a command. Warnings are logged;
// all problems come back as one error.
func (p *program) settings(cmd *cobra.Command, want needs) (effective, error) {
	given, from := decode(p.env)
	c := &checker{warnings: p.env.unknown(knownNames(cmd.Root()))}
	e := given.check(c, from, want, p.now())
	p.logAs(e.logFormat, e.logLevel)
	for _, warning := range c.warnings {
		p.log.Warn(warning)
	}
	e.ferry.Version = readBuild().version
	e.ferry.Schema = p.deps.newestSchema()
	e.ferry.Log = p.log
	e.ferry.Passed = func(s ferry.Summary, err error) { p.passed(cmd.Context(), s, err) }
	e.ferry.Progress = progressLines(p.log, p.now)
	if isTerminal(p.screen.to) {
		e.ferry.Progress = p.screen.progressBar
	}
	return e, c.asError()
}

// withFlow runs work on an open warehouse.
func (p *program) withFlow(cmd *cobra.Command, want needs, work func(context.Context, *flow, effective) error) error {
	e, err := p.settings(cmd, want)
	if err != nil {
		return err
	}
	f, err := p.deps.open(cmd.Context(), e.ferry)
	if err != nil {
		return err
	}
	defer f.close()
	return work(cmd.Context(), f, e)
}

// finish prints how a command ended, for people as text, and hands its error
// on. More is what only this command's record has.
func (p *program) finish(ctx context.Context, s ferry.Summary, text string, err error, more ...slog.Attr) error {
	p.screen.endProgress()
	if p.format == "json" {
		summaryRecord(p.record, s, p.exitCode(ctx, err), more...)
		return err
	}
	// Its notes were logged as they came up.
	p.print("%s\n", text)
	return err
}
