package load

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
)

// factColumns are the columns that loading writes, with the type each value is
// cast to when it travels as a parameter. list_cost_usd, price_id and
// missing_upstream_at belong to other deeds.
var factColumns = [][2]string{
	{"created_at", "timestamptz"}, {"source_updated_at", "timestamptz"}, {"first_loaded_at", "timestamptz"}, {"loaded_at", "timestamptz"},
	{"run_id", "bigint"}, {"stream_id", "integer"}, {"model_id", "integer"}, {"endpoint_id", "integer"},
	{"duration_ms", "integer"}, {"time_to_first_token_ms", "integer"}, {"input_tokens", "integer"}, {"output_tokens", "integer"},
	{"cache_read_input_tokens", "integer"}, {"cache_creation_input_tokens", "integer"}, {"reasoning_output_tokens", "integer"},
	{"request_bytes", "integer"}, {"response_bytes", "integer"}, {"request_max_tokens", "integer"},
	{"request_temperature", "real"}, {"request_top_p", "real"}, {"status_code", "smallint"}, {"attempt_step", "smallint"}, {"feedback", "smallint"},
	{"is_cache_hit", "boolean"}, {"log_id", "text"}, {"outcome", "text"}, {"error_type", "text"},
	{"cost_usd", "text::numeric"}, {"reported_cost_usd", "text::numeric"}, {"cost_basis", "text"}, {"feedback_score", "float8"},
	{"user_id", "text"}, {"conversation_id", "text"}, {"trace_id", "text"}, {"environment", "text"},
	{"metadata", "text::jsonb"}, {"load_issues", "text[]"}, {"content_hash", "bytea"},
}

// fact is one row in the order of factColumns.
func (w *Writing) fact(r *transform.Record, born, now time.Time) []any {
	return []any{
		r.CreatedAt, r.SourceUpdatedAt, born, now,
		w.claim.Run, w.claim.Stream, w.store.modelID(w.source, r.Model), w.store.endpointID(w.source, r.Endpoint),
		r.DurationMS, r.TimeToFirstTokenMS, r.InputTokens, r.OutputTokens,
		r.CacheReadInputTokens, r.CacheCreationInputTokens, r.ReasoningOutputTokens,
		r.RequestBytes, r.ResponseBytes, r.RequestMaxTokens,
		r.RequestTemperature, r.RequestTopP, r.StatusCode, r.AttemptStep, r.Feedback,
		r.IsCacheHit, r.LogID, r.Outcome, orNull(r.ErrorType),
		orNull(r.CostUSD), orNull(r.ReportedCostUSD), r.CostBasis, r.FeedbackScore,
		orNull(r.UserID), orNull(r.ConversationID), orNull(r.TraceID), orNull(r.Environment),
		string(r.Metadata), r.Issues, r.Hash[:],
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// copyFacts appends new rows. born holds the first load of rows that moved.
func (w *Writing) copyFacts(ctx context.Context, tx pgx.Tx, fresh []*transform.Record, born map[string]time.Time, now time.Time) error {
	if len(fresh) == 0 {
		return nil
	}
	names := make([]string, len(factColumns))
	for i, c := range factColumns {
		names[i] = c[0]
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"logferry", "requests"}, names, pgx.CopyFromSlice(len(fresh), func(i int) ([]any, error) {
		first, moved := born[fresh[i].LogID]
		if !moved {
			first = now
		}
		return w.fact(fresh[i], first, now), nil
	}))
	return err
}

// upsertFact rewrites a row in every column but its key and its first load.
// The latest reading wins, also when a value became null.
var upsertFact = func() string {
	var names, values, sets []string
	for i, c := range factColumns {
		names = append(names, c[0])
		values = append(values, "$"+strconv.Itoa(i+1)+"::"+c[1])
		if c[0] != "created_at" && c[0] != "stream_id" && c[0] != "log_id" && c[0] != "first_loaded_at" {
			sets = append(sets, c[0]+" = excluded."+c[0])
		}
	}
	return "insert into logferry.requests (" + strings.Join(names, ", ") + ") values (" + strings.Join(values, ", ") +
		") on conflict (stream_id, created_at, log_id) do update set " + strings.Join(sets, ", ")
}()

func (w *Writing) queueUpserts(b *pgx.Batch, changed []*transform.Record, now time.Time) {
	for _, r := range changed {
		b.Queue(upsertFact, w.fact(r, now, now)...)
	}
}

func (w *Writing) queueRaws(b *pgx.Batch, raws []*transform.Record) {
	for _, r := range raws {
		b.Queue(`
			insert into logferry_private.raw_logs (stream_id, created_at, log_id, raw_sha256, api_shape, raw, fetched_at, run_id)
			values ($1::integer, $2::timestamptz, $3::text, sha256($5::bytea), $4::text, $5::bytea, now(), $6::bigint)
			on conflict do nothing`,
			w.claim.Stream, r.CreatedAt, r.LogID, w.keep.Shape, r.Raw, w.claim.Run)
	}
}

func (w *Writing) queuePayloads(b *pgx.Batch, records []*transform.Record) {
	for _, r := range records {
		p := r.Payload
		if p == nil {
			continue
		}
		b.Queue(`
			insert into logferry_private.payloads
			       (stream_id, created_at, log_id, input_messages, output_messages, parameters, request_head, response_head, loaded_at)
			values ($1::integer, $2::timestamptz, $3::text, $4::text::jsonb, $5::text::jsonb, $6::text::jsonb, $7::text, $8::text, now())
			on conflict (stream_id, created_at, log_id) do update set
			       input_messages = excluded.input_messages, output_messages = excluded.output_messages, parameters = excluded.parameters,
			       request_head = excluded.request_head, response_head = excluded.response_head, loaded_at = excluded.loaded_at`,
			w.claim.Stream, r.CreatedAt, r.LogID, jsonOrNull(p.InputMessages), jsonOrNull(p.OutputMessages), jsonOrNull(p.Parameters), p.RequestHead, p.ResponseHead)
	}
}

func jsonOrNull(doc []byte) *string {
	if doc == nil {
		return nil
	}
	s := string(doc)
	return &s
}

func (w *Writing) queueRejects(b *pgx.Batch, rejects []*transform.Reject) {
	for _, r := range rejects {
		b.Queue(`
			insert into logferry_private.quarantine as q
			       (stream_id, raw_sha256, reason_code, reason_detail, log_id, claimed_created_at, raw, run_id, window_id, span)
			values ($1::integer, $2::bytea, $3::text, $4::text, $5::text, $6::text, $7::bytea, $8::bigint, $9::bigint, tstzrange($10::timestamptz, $11::timestamptz))
			on conflict (stream_id, raw_sha256, reason_code) do update set
			       seen_count = q.seen_count + 1, last_seen_at = excluded.last_seen_at, window_id = excluded.window_id, span = excluded.span,
			       resolved_at = case when q.resolution = 'superseded' then null else q.resolved_at end,
			       resolution = case when q.resolution = 'superseded' then null else q.resolution end`,
			w.claim.Stream, r.SHA256[:], r.Code, r.Detail, cleanOrNull(r.LogID), cleanOrNull(r.ClaimedCreatedAt), nonNil(r.Raw),
			w.claim.Run, w.claim.ID, w.claim.From, w.claim.To)
	}
}

// cleanOrNull makes any text fit for a text column: what is in quarantine came
// as it came.
func cleanOrNull(s string) *string {
	return orNull(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"))
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// selectOpenRejects notes which ids met in this span still wait in quarantine.
func (w *Writing) selectOpenRejects(ctx context.Context) error {
	w.open = map[string]struct{}{}
	rows, err := w.store.pool.Query(ctx, `
		select log_id from logferry_private.quarantine
		 where stream_id = $1::integer and log_id is not null and resolved_at is null and span && tstzrange($2::timestamptz, $3::timestamptz)`,
		w.claim.Stream, w.claim.From, w.claim.To)
	if err != nil {
		return err
	}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		w.open[id] = struct{}{}
		return nil
	})
	return err
}

// queueResolved closes quarantine cases whose log can be read now.
func (w *Writing) queueResolved(b *pgx.Batch, c *chunk) {
	var ids []string
	for _, r := range slices.Concat(c.fresh, c.changed) {
		if _, waits := w.open[r.LogID]; waits {
			ids = append(ids, r.LogID)
		}
	}
	if len(ids) > 0 {
		b.Queue(`
			update logferry_private.quarantine set resolved_at = now(), resolution = 'superseded'
			 where stream_id = $1::integer and log_id = any($2::text[]) and resolved_at is null`, w.claim.Stream, ids)
	}
}
