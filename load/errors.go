package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A Class says what an error means for the run.
type Class int

// The classes, each with the exit code it leads to.
const (
	Unexpected Class = iota // 1
	Temporary               // 75: database down, locked, out of disk
	Refused                 // 77: login or grant refused
	Config                  // 78: wrong database, schema or setting
)

// An Error is a failed use of the warehouse. Its text holds no row content:
// of what Postgres says only the parts that can't quote a row are shown.
type Error struct {
	Class Class
	Op    string // what was being done
	Err   error  // safe to print
}

// Error says what failed, and why.
func (e *Error) Error() string { return "database: " + e.Op + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrLost means that the claim is no longer ours: its lease ran out and
// another process took it, or an operator disabled or forgot the stream.
var ErrLost = errors.New("the claim was lost to another process")

// classify wraps err for people and for exit codes; nil stays nil.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*Error](err); done || errors.Is(err, ErrLost) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, context.Canceled)
	}
	// A deadline met while connecting may be the connection's own.
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	if errors.Is(err, context.DeadlineExceeded) && !connecting {
		return fmt.Errorf("%s: %w", op, context.DeadlineExceeded)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &Error{Class: classOf(pg), Op: op, Err: safe(err, pg)}
	}
	if unreachable(err) {
		return &Error{Class: Temporary, Op: op, Err: &shown{"no answer (" + reason(err) + "); is DATABASE_URL right and the server up?", err}}
	}
	return &Error{Class: Unexpected, Op: op, Err: err}
}

// A shown error prints only what may be shown of its cause, and still unwraps to
// it: to a SQLSTATE, or to the end of the run's own time.
type shown struct {
	text  string
	cause error
}

func (e *shown) Error() string { return e.text }
func (e *shown) Unwrap() error { return e.cause }

// safe leaves out Detail, Where and Hint, which quote rows, and the message of
// an error that blames a value, which may quote it. It adds what to do, and who
// was in the way.
func safe(err error, pg *pgconn.PgError) error {
	text := pg.Message
	if blamesValue(pg) {
		text = "Postgres refused a value"
	}
	text += " (SQLSTATE " + pg.Code + ")"
	for _, part := range [...][2]string{{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName}} {
		if part[1] != "" {
			text += ", " + part[0] + " " + part[1]
		}
	}
	if hint := hints[pg.Code]; hint != "" && (pg.Code != "08P01" || classOf(pg) == Config) {
		text += "; " + hint
	}
	if blocked, ok := errors.AsType[*blockedError](err); ok && blocked.holder != "" {
		text += "; " + blocked.holder
	}
	return &shown{text, pg}
}

// blamesValue tells data exceptions and program limits (22xxx, 54xxx), and what
// the driver itself could not encode for a COPY, which the server reports as
// cancelled by the client.
func blamesValue(pg *pgconn.PgError) bool {
	return strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "54") ||
		pg.Code == "57014" && strings.Contains(pg.Message, "unable to encode")
}

// RefusedValue tells that Postgres would not store a value.
func RefusedValue(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && blamesValue(pg)
}

var hints = map[string]string{
	"08P01": "a pooler says so: it must have an entry for the database, be in session or transaction mode, and take the URL's parameters",
	"28P01": "check user and password in DATABASE_URL",
	"28000": "check the user in DATABASE_URL",
	"3D000": "check the database name in DATABASE_URL",
	"42501": "the role in DATABASE_URL lacks a grant",
	"42P01": "run 'logferry migrate up'",
	"3F000": "run 'logferry migrate up'",
	"42703": "run 'logferry migrate up'",
	"42883": "run 'logferry migrate up'",
	"25006": "the server is read-only; add target_session_attrs=read-write to DATABASE_URL if it names several hosts",
	"53100": "the database server's disk is full",
}

func classOf(pg *pgconn.PgError) Class {
	switch code := pg.Code; {
	case code == "08P01":
		return classOfPooler(pg)
	case strings.HasPrefix(code, "28"), code == "42501":
		return Refused
	case code == "3D000", code == "42P01", code == "42703", code == "3F000", code == "42883", code == "42704":
		return Config
	case passingCode(code), strings.HasPrefix(code, "53"), code == "25006", code == "57014", code == "25P04":
		return Temporary
	default:
		return Unexpected
	}
}

// classOfPooler tells what a pooler's error means. pgbouncer gives nearly all of
// its own the code 08P01, whether a setting is wrong or its server went away.
func classOfPooler(pg *pgconn.PgError) Class {
	for text, class := range poolerSays {
		if strings.Contains(pg.Message, text) {
			return class
		}
	}
	return Temporary
}

var poolerSays = map[string]Class{
	"startup parameter":      Config,
	"statement pooling mode": Config,
	"no such database":       Config,
	"bouncer config error":   Config, // as it calls a database that it has no entry for
	"no such user":           Refused,
	"authentication failed":  Refused,
}

// passingCode tells the codes after which the same transaction may be tried
// again at once: serialisation, deadlock, lock timeout, shutdown and start of
// the server, lost connection, too many connections, a session ended for idling.
func passingCode(code string) bool {
	switch code {
	case "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57P05", "25P03", "53300":
		return true
	}
	return strings.HasPrefix(code, "08")
}

func passing(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return passingCode(pg.Code) && classOf(pg) == Temporary
	}
	return unreachable(err)
}

// unreachable tells a connection that could not be made or broke.
func unreachable(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "conn closed") ||
		strings.Contains(err.Error(), "connection reset")
}

// reason is the innermost cause of a connection error; the outer ones repeat
// the address and the user. Of several, one for each address of the host, it is
// the first.
func reason(err error) string {
	for {
		next := errors.Unwrap(err)
		if several, ok := err.(interface{ Unwrap() []error }); ok && len(several.Unwrap()) > 0 {
			next = several.Unwrap()[0]
		}
		if _, unresolved := err.(*net.DNSError); unresolved { //nolint:errorlint // the walk gets to it
			return "no such host"
		}
		switch {
		case next == nil && errors.Is(err, context.DeadlineExceeded):
			return "timed out"
		case next == nil:
			return err.Error()
		}
		err = next
	}
}

// Code is the SQLSTATE behind err, or "".
func Code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
