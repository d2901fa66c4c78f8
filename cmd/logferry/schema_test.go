package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"logferry/migrations"
)

func TestSchemaErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int // 0: not ours to judge
	}{
		{fmt.Errorf("up: %w", migrations.ErrBusy), 75},
		{migrations.ErrGrant, 77},
		{migrations.ErrServer, 78},
		{migrations.ErrEdited, 78},
		{migrations.ErrURL, 78},
		{&pgconn.PgError{Code: "28P01"}, 77},
		{&pgconn.PgError{Code: "3D000"}, 78},
		{&pgconn.PgError{Code: "53100"}, 75},
		{&pgconn.PgError{Code: "42601", Message: "syntax error", Detail: canary}, 1},
		{context.Canceled, 0},
		{nil, 0},
	} {
		err := asSchemaError(test.err)
		var schema *schemaError
		if got := 0; errors.As(err, &schema) {
			if got = schema.code; got != test.want || strings.Contains(err.Error(), canary) {
				t.Errorf("%v: exit code %d, want %d, said %q", test.err, got, test.want, err)
			}
		} else if test.want != 0 || !errors.Is(err, test.err) {
			t.Errorf("%v became %v", test.err, err)
		}
	}
}

// TestSchemaUnreachable connects to port 1 of this machine, which refuses.
func TestSchemaUnreachable(t *testing.T) {
	_, err := migrations.Version(t.Context(), "postgres://me:"+canary+"@127.0.0.1:1/warehouse")
	err = asSchemaError(err)
	var schema *schemaError
	if !errors.As(err, &schema) || schema.code != 75 || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
