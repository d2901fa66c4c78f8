package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"logferry/ferry"
	"logferry/migrations"
)

// A schemaError is a failure of package migrations, with the exit code that it
// leads to and words that fit on a line or two.
type schemaError struct {
	code int
	text string
	err  error
}

func (e *schemaError) Error() string { return e.text }

func (e *schemaError) Unwrap() error { return e.err }

// asSchemaError finds the exit code of what package migrations says. What it
// does not know, such as the end of a context, is left as it is.
func asSchemaError(err error) error {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, migrations.ErrBusy):
		return &schemaError{ferry.ExitTemporary, err.Error(), err}
	case errors.Is(err, migrations.ErrGrant):
		return &schemaError{ferry.ExitNoPerm, err.Error(), err}
	case errors.Is(err, migrations.ErrEdited), errors.Is(err, migrations.ErrServer), errors.Is(err, migrations.ErrURL):
		return &schemaError{ferry.ExitConfig, err.Error(), err}
	case errors.As(err, &pg):
		return &schemaError{codeOfState(pg.Code), fmt.Sprintf("database: %s (SQLSTATE %s)%s", pg.Message, pg.Code, advice[pg.Code]), err}
	case errors.As(err, &connect):
		text := fmt.Sprintf("database: no answer (%s); is LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL, right and the server up?", innermost(err))
		return &schemaError{ferry.ExitTemporary, text, err}
	}
	return err
}

// advice follows the server's own words where they don't say what to do.
var advice = map[string]string{
	"28P01": "; check user and password in LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL",
	"28000": "; check the user in LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL",
	"3D000": "; create it, or check its name in LOGFERRY_MIGRATE_DATABASE_URL, or else DATABASE_URL",
	"53300": "; run again later",
	"57P03": "; run again later",
}

// codeOfState is the exit code of a SQLSTATE that stopped a migration.
func codeOfState(state string) int {
	switch {
	case strings.HasPrefix(state, "28"), state == "42501":
		return ferry.ExitNoPerm
	case state == "3D000", state == "08P01", state == "42704":
		return ferry.ExitConfig
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "53"), strings.HasPrefix(state, "57P"),
		state == "40001", state == "40P01", state == "55P03", state == "25006":
		return ferry.ExitTemporary
	}
	return ferry.ExitUnexpected
}

// innermost is the first cause; the errors around it repeat address and user.
// Of several, one for each address that was tried, the last one speaks.
func innermost(err error) string {
	switch e := err.(type) { //nolint:errorlint // it unwraps by itself
	case *net.DNSError:
		return "no such host"
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			return innermost(cause)
		}
	case interface{ Unwrap() []error }:
		if causes := e.Unwrap(); len(causes) > 0 {
			return innermost(causes[len(causes)-1])
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	return err.Error()
}
