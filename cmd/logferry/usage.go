package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A usageError is a mistake on the command line, or in a variable that stands
// for a flag.
type usageError struct {
	command string // whose help explains it, such as "logferry backfill"
	text    string
}

func (e usageError) Error() string { return e.text }

func misused(cmd *cobra.Command, format string, args ...any) error {
	return usageError{cmd.CommandPath(), fmt.Sprintf(format, args...)}
}

// flagProblem rewords what the flag library says.
func flagProblem(cmd *cobra.Command, err error) error {
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return misused(cmd, "--%s: %q %v", bad.GetFlag().Name, bad.GetValue(), inWords(bad.Unwrap()))
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		for _, flag := range ownFlags(cmd) {
			names = append(names, "--"+flag.Name)
		}
		name := unknown.GetSpecifiedName()
		return misused(cmd, "%s has no flag %q; %s", cmd.CommandPath(), name, instead("--"+name, names))
	}
	return misused(cmd, "%v", err)
}

// inWords says what a number or a switch should have been.
func inWords(err error) error {
	var bad *strconv.NumError
	switch {
	case !errors.As(err, &bad):
		return err
	case bad.Func == "ParseBool":
		return errors.New("is neither true nor false")
	}
	return errors.New("is not a whole number")
}

// noArgs refuses words that are no flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misused(cmd, "%q is not expected: %s takes flags only", args[0], cmd.CommandPath())
	}
	return nil
}

// group is the deed of a command that only holds others: help when bare, else
// a word that names none of them.
func group(cmd *cobra.Command, args []string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	if len(args) > 0 {
		return misused(cmd, "%q is not a command of %s; %s", args[0], cmd.CommandPath(), instead(args[0], names))
	}
	if cmd.HasParent() {
		return misused(cmd, "%s needs one of %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	_ = cmd.Help()
	return usageError{cmd.CommandPath(), "no command given, and LOGFERRY_COMMAND is not set"}
}

// flagVariable is the variable that stands for a flag where no arguments can
// be passed: LOGFERRY_BACKFILL_FROM for --from of logferry backfill.
func flagVariable(cmd *cobra.Command, flag *pflag.Flag) string {
	name := strings.ReplaceAll(cmd.CommandPath()+" "+flag.Name, " ", "_")
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// ownFlags are the flags of cmd that have a variable.
func ownFlags(cmd *cobra.Command) []*pflag.Flag {
	var flags []*pflag.Flag
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			flags = append(flags, f)
		}
	})
	return flags
}

// flagsFromVariables sets the flags that were not given.
func flagsFromVariables(cmd *cobra.Command, env environ) error {
	for _, flag := range ownFlags(cmd) {
		name := flagVariable(cmd, flag)
		value, ok := env.Lookup(name)
		if !ok || flag.Changed {
			continue
		}
		if flag.Value.Type() == "bool" {
			on, err := parseOnOff(value)
			if err != nil {
				return misused(cmd, "%s: %q %v", name, value, err)
			}
			value = fmt.Sprint(on)
		}
		if err := flag.Value.Set(value); err != nil {
			return misused(cmd, "%s: %q %v", name, value, inWords(err))
		}
	}
	return nil
}

// knownNames are all variables that mean something to logferry.
func knownNames(root *cobra.Command) []string {
	names := []string{"LOGFERRY_COMMAND", "LOGFERRY_POSTGRES_BIN"}
	for _, v := range variables() {
		names = append(names, v.name)
		if v.secret {
			names = append(names, v.name+"_FILE")
		}
	}
	commands := []*cobra.Command{root}
	for len(commands) > 0 {
		cmd := commands[0]
		commands = append(commands[1:], cmd.Commands()...)
		for _, flag := range ownFlags(cmd) {
			names = append(names, flagVariable(cmd, flag))
		}
	}
	slices.Sort(names)
	return names
}

// instantFlag is a flag that takes a T.
type instantFlag struct {
	at  *time.Time
	now func() time.Time
}

// Set reads a T.
func (f instantFlag) Set(text string) (err error) {
	*f.at, err = parseInstant(text, f.now())
	return err
}

// Type is what help shows for the value.
func (instantFlag) Type() string { return "T" }

// String is the default, which no instant has.
func (instantFlag) String() string { return "" }

// fileFlag is a flag that takes the name of a file that can be read.
type fileFlag struct{ path *string }

// Set tries to open the file, so that a misspelt name is found at once.
func (f fileFlag) Set(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errors.New("cannot be opened: there is no such file here")
	}
	if info.IsDir() {
		return errors.New("is a folder: give a file")
	}
	*f.path = path
	return nil
}

// Type is what help shows for the value.
func (fileFlag) Type() string { return "FILE" }

// String is the default: no file.
func (fileFlag) String() string { return "" }
