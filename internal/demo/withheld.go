package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// withheld looks for the prompts and answers of a dataset's calls: with payloads
// off, as they are by default, none may be in the raw documents, and nothing at
// all in the other private tables. (Gateways serve no payload in their lists.)
func withheld(ctx context.Context, conn *pgx.Conn, f feed) error {
	rows, err := conn.Query(ctx, `
		select w.log_id, w.raw from logferry_private.raw_logs w
		join logferry.streams s using (stream_id) where s.stream_name = $1`, f.name)
	if err != nil {
		return err
	}
	searched := map[string]bool{}
	var id string
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &raw}, func() error {
		c := f.calls[id]
		for _, said := range []string{c.Prompt, c.Answer} {
			if said != "" && bytes.Contains(raw, []byte(said)) {
				return fmt.Errorf("the raw document of log %s holds its prompt or answer, which must be withheld", id)
			}
		}
		searched[id] = true
		return nil
	})
	if err == nil && len(searched) < len(f.calls) {
		err = fmt.Errorf("raw documents are kept of %d logs, not of all %d", len(searched), len(f.calls))
	}
	return errors.Join(err, nothingElse(ctx, conn, f))
}

// nothingElse checks that the stream has no payloads and nothing in quarantine.
func nothingElse(ctx context.Context, conn *pgx.Conn, f feed) error {
	var others int
	err := conn.QueryRow(ctx, `
		select (select count(*) from logferry_private.payloads p where p.stream_id = s.stream_id)
		     + (select count(*) from logferry_private.quarantine q where q.stream_id = s.stream_id)
		from logferry.streams s where s.stream_name = $1`, f.name).Scan(&others)
	if err == nil && others > 0 {
		err = fmt.Errorf("%d payloads or quarantined documents, where none should be", others)
	}
	return err
}
