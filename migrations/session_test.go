package migrations

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtest"
)

func TestUnfitServers(t *testing.T) {
	if err := fit(14_00_23, "UTF8"); !errors.Is(err, ErrServer) {
		t.Errorf("Postgres 14: %v", err)
	}
	if err := fit(15_00_00, "UTF8"); err != nil {
		t.Errorf("Postgres 15: %v", err)
	}
	url := pgtest.Empty(t)
	conn := connect(t, url)
	config := conn.Config()
	other := config.Database + "_ascii"
	run(t, conn, `create database `+other+` encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'`)
	t.Cleanup(func() { run(t, conn, `drop database `+other) })
	if err := Up(t.Context(), keywords(config, "dbname="+other)); !errors.Is(err, ErrServer) {
		t.Errorf("encoding SQL_ASCII: %v", err)
	}
}

// keywords is a connection string of another kind for the server of config.
func keywords(config *pgx.ConnConfig, more string) string {
	return fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s %s",
		config.Host, config.Port, config.User, config.Password, config.Database, more)
}

func TestMissingGrant(t *testing.T) {
	conn := connect(t, pgtest.Empty(t))
	role := conn.Config().Database + "_plain"
	run(t, conn, `create role `+role+` login password 'hush'`)
	t.Cleanup(func() { run(t, conn, `drop role `+role) })
	err := Up(t.Context(), keywords(conn.Config(), "password=hush user="+role))
	if !errors.Is(err, ErrGrant) || !strings.Contains(err.Error(), "grant create on database") {
		t.Errorf("without the right to create schemas: %v", err)
	}
}

// An administrator may have made the schemas for a role that may not.
func TestSchemasMadeBefore(t *testing.T) {
	conn := connect(t, pgtest.Empty(t))
	role := conn.Config().Database + "_owner"
	run(t, conn, `create role `+role+` login password 'hush'`)
	t.Cleanup(func() { run(t, conn, `drop owned by `+role+` cascade; drop role `+role) })
	for _, schema := range []string{"logferry", "logferry_private", "llm"} {
		run(t, conn, `create schema `+schema+` authorization `+role)
	}
	if err := Up(t.Context(), keywords(conn.Config(), "password=hush user="+role)); err != nil {
		t.Error(err)
	}
}

func TestUnreadableURL(t *testing.T) {
	for _, bad := range []string{"postgres://u:hush@h:x/d", "postgres://u:hush@[::1/d", "host='hush", "postgres://u:hu%zzsh@h/d"} {
		if err := Up(t.Context(), bad); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "hu") {
			t.Errorf("a malformed URL: %v", err)
		}
	}
	missing := "postgres://u:hush@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"
	if err := Up(t.Context(), missing); !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), "/nowhere/ca.pem") {
		t.Errorf("a missing certificate: %v", err)
	}
}

// Commands read the version through a pooler, whose sessions others use next.
func TestVersionLeavesTheSessionAlone(t *testing.T) {
	s, err := open(t.Context(), pgtest.New(t, Up))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, _, err := s.version(t.Context()); err != nil {
		t.Fatal(err)
	}
	changed := lines(t, s.conn, `select name from pg_settings where source = 'session'`)
	if len(changed) > 0 {
		t.Errorf("settings changed: %q", changed)
	}
}
