package load

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"logferry/transform"
)

// What is large, raw documents and payloads, goes to the server as the bytes
// it is: pgx would spell a document in hex, and copy it three times, which for
// one of 8 MiB is more than all else that a process takes.

const insertRaw = `
	insert into logferry_private.raw_logs (stream_id, created_at, log_id, raw_sha256, api_shape, raw, fetched_at, run_id)
	values ($1::integer, $2::timestamptz, $3::text, sha256($5::bytea), $4::text, $5::bytea, now(), $6::bigint)
	on conflict do nothing`

const upsertPayload = `
	insert into logferry_private.payloads
	       (stream_id, created_at, log_id, input_messages, output_messages, parameters, request_head, response_head, loaded_at)
	values ($1::integer, $2::timestamptz, $3::text, $4::text::jsonb, $5::text::jsonb, $6::text::jsonb, $7::text, $8::text, now())
	on conflict (stream_id, created_at, log_id) do update set
	       input_messages = excluded.input_messages, output_messages = excluded.output_messages, parameters = excluded.parameters,
	       request_head = excluded.request_head, response_head = excluded.response_head, loaded_at = excluded.loaded_at`

const deletePayload = `
	delete from logferry_private.payloads where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text`

// noteWithdrawn marks the row of a log whose stored payload has a part that its new
// one has not. Its parameters are those of upsertPayload.
const noteWithdrawn = `
	update logferry.requests set load_issues = array_append(load_issues, 'value_withdrawn')
	 where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text
	   and not coalesce(load_issues, '{}') @> '{value_withdrawn}'
	   and exists (select from logferry_private.payloads
	                where stream_id = $1::integer and created_at = $2::timestamptz and log_id = $3::text
	                  and (input_messages is not null and $4::text is null or output_messages is not null and $5::text is null
	                       or parameters is not null and $6::text is null or request_head is not null and $7::text is null
	                       or response_head is not null and $8::text is null))`

// writePrivate writes what of a chunk goes to the private schema.
func (w *Writing) writePrivate(ctx context.Context, tx pgx.Tx, c *chunk) error {
	payloads := w.keep.Payloads && len(c.fresh)+len(c.changed) > 0
	if len(c.raws) == 0 && !payloads {
		return nil
	}
	batch := &pgconn.Batch{}
	for _, r := range c.raws {
		batch.ExecParams(insertRaw, append(w.key(r), []byte(w.keep.Shape), r.Raw, decimal(w.claim.Run)), nil, rawFormats, nil)
	}
	if payloads {
		w.batchPayloads(batch, c)
	}
	return tx.Conn().PgConn().ExecBatch(ctx, batch).Close()
}

// batchPayloads makes the stored payloads those of the chunk. What a source has
// withdrawn of one does not stay as if it was still said.
func (w *Writing) batchPayloads(batch *pgconn.Batch, c *chunk) {
	for _, r := range c.changed {
		batch.ExecParams(noteWithdrawn, w.payload(r), nil, nil, nil)
		if r.Payload == nil {
			batch.ExecParams(deletePayload, w.key(r), nil, nil, nil)
		}
	}
	for _, r := range slices.Concat(c.fresh, c.changed) {
		if r.Payload != nil {
			batch.ExecParams(upsertPayload, w.payload(r), nil, nil, nil)
		}
	}
}

// payload is a record's payload as parameters in text, after its key; null where
// it has none.
func (w *Writing) payload(r *transform.Record) [][]byte {
	p := r.Payload
	if p == nil {
		p = &transform.Payload{}
	}
	return append(w.key(r), p.InputMessages, p.OutputMessages, p.Parameters, bytesOf(p.RequestHead), bytesOf(p.ResponseHead))
}

// rawFormats are those of insertRaw's parameters: the document is binary.
var rawFormats = []int16{pgx.TextFormatCode, pgx.TextFormatCode, pgx.TextFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode, pgx.TextFormatCode}

// key is a record's primary key as parameters in text.
func (w *Writing) key(r *transform.Record) [][]byte {
	return [][]byte{decimal(int64(w.claim.Stream)), r.CreatedAt.UTC().AppendFormat(nil, time.RFC3339Nano), []byte(r.LogID)}
}

func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// bytesOf is a text as a parameter; nil is null.
func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}
