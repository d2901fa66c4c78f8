package ferry

import (
	"context"
	"errors"

	"logferry/extract"
	"logferry/load"
)

// A DataError says that what was read can't be vouched for: exit code 65.
type DataError struct{ Why string }

// Error is the reason.
func (e *DataError) Error() string { return e.Why }

// An EarlyError says that a backfill ended before the whole span was covered;
// what was done is saved: exit code 75.
type EarlyError struct{ Why string }

// Error is the reason.
func (e *EarlyError) Error() string { return e.Why }

// A UsageError is a request that makes no sense, such as an unknown stream:
// exit code 64.
type UsageError struct{ Why string }

// Error is the reason.
func (e *UsageError) Error() string { return e.Why }

// severity orders exit codes: of several reasons the first one counts.
var severity = []int{ExitUsage, ExitConfig, ExitNoPerm, ExitData, ExitUnavailable, ExitTemporary, ExitUnexpected}

// ExitCode is the exit code that err, and everything joined into it, leads to.
func ExitCode(err error) int {
	found := map[int]bool{}
	collect(err, found)
	for _, code := range severity {
		if found[code] {
			return code
		}
	}
	return ExitOK
}

// collect notes the code of every reason in err's tree, each at the outermost
// error that has one.
func collect(err error, found map[int]bool) {
	if err == nil {
		return
	}
	if code, known := codeOf(err); known {
		found[code] = true
		return
	}
	switch e := err.(type) { //nolint:errorlint // this walks the tree
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			collect(one, found)
		}
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			collect(cause, found)
			return
		}
		found[ExitUnexpected] = true
	default:
		found[ExitUnexpected] = true
	}
}

func codeOf(err error) (int, bool) {
	switch e := err.(type) { //nolint:errorlint // collect walks the tree
	case *UsageError:
		return ExitUsage, true
	case *ConfigError, *extract.NoDialectError:
		return ExitConfig, true
	case *DataError:
		return ExitData, true
	case *EarlyError:
		return ExitTemporary, true
	case *extract.Error:
		return codeOfKind[e.Kind], true
	case *load.Error:
		return codeOfClass[e.Class], true
	}
	if err == context.Canceled || err == context.DeadlineExceeded || err == load.ErrLost { //nolint:errorlint // collect walks the tree
		return ExitTemporary, true
	}
	return 0, false
}

var codeOfKind = map[extract.Kind]int{
	extract.Unavailable: ExitUnavailable, extract.Refused: ExitNoPerm, extract.Gone: ExitConfig,
	extract.Config: ExitConfig, extract.NoPage: ExitUnavailable, extract.TooLarge: ExitUnavailable,
}

var codeOfClass = map[load.Class]int{
	load.Unexpected: ExitUnexpected, load.Temporary: ExitTemporary, load.Refused: ExitNoPerm, load.Config: ExitConfig,
}

// isEnd tells an error that is nothing but the end of the run's own time.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, extract.ErrNoTime)
}
