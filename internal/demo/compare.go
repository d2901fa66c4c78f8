package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A tally is how much was compared.
type tally struct{ rows, fields int }

// shown is how many differences an error quotes.
const shown = 5

// compare reads every row of the feeds and holds each field against the call
// that it came from. A row too many or too few, and a field that differs, is an
// error, and so is prompt text anywhere. No compared field holds any.
func compare(ctx context.Context, url string, feeds []feed) (tally, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return tally{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	c := comparison{}
	for _, f := range feeds {
		err := c.feed(ctx, conn, f)
		if err == nil && f.dataset {
			err = withheld(ctx, conn, f)
		}
		if err != nil {
			return tally{}, fmt.Errorf("comparing %s: %w", f.name, err)
		}
	}
	if c.differences > 0 {
		return tally{}, fmt.Errorf("what was loaded is not what was served; differences: %d, the first:\n%s",
			c.differences, strings.Join(c.first, "\n"))
	}
	return tally{c.rows, len(fields) + 1}, nil // and the id
}

type comparison struct {
	rows        int
	differences int
	first       []string // differences, at most as many as are shown
}

func (c *comparison) feed(ctx context.Context, conn *pgx.Conn, f feed) error {
	rows, err := conn.Query(ctx, selection(), f.name)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	var id string
	values := make([]string, len(fields))
	into := []any{&id}
	for i := range values {
		into = append(into, &values[i])
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		c.rows++
		call, served := f.calls[id]
		switch {
		case !served:
			c.differ(f, id, "is a row, but was never served")
		case found[id]:
			c.differ(f, id, "is there more than once")
		default:
			c.row(f, id, log{call, f.dataset}, values)
		}
		found[id] = true
		return nil
	})
	for id := range f.calls {
		if !found[id] && err == nil {
			c.differ(f, id, "was served, but is no row")
		}
	}
	return err
}

func (c *comparison) row(f feed, id string, l log, values []string) {
	for i, field := range fields {
		if want := field.want(l); values[i] != want {
			c.differ(f, id, fmt.Sprintf("%s is %s, served %s", field.name, values[i], want))
		}
	}
}

func (c *comparison) differ(f feed, id, how string) {
	c.differences++
	if len(c.first) < shown {
		c.first = append(c.first, fmt.Sprintf("  %s, log %s: %s", f.name, id, how))
	}
}

// selection selects all fields of a stream as text.
func selection() string {
	columns := []string{"log_id"}
	for _, f := range fields {
		sql := f.sql
		if sql == "" {
			sql = f.name
		}
		columns = append(columns, "coalesce(("+sql+")::text, '"+null+"')")
	}
	return "select " + strings.Join(columns, ", ") + " from llm.requests where stream_name = $1"
}

// rowVersions identifies the stored versions of all rows of the streams: a row
// that is written again, even with equal values, gets another ctid and xmin.
func rowVersions(ctx context.Context, url string, streams []string) (string, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var digest string
	err = conn.QueryRow(ctx, `
		select coalesce(md5(string_agg(concat_ws(' ', r.tableoid, r.ctid, r.xmin), ',' order by r.tableoid, r.ctid)), '')
		from logferry.requests r join logferry.streams s using (stream_id) where s.stream_name = any($1)`, streams).Scan(&digest)
	return digest, err
}
