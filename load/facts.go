package load

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/transform"
)

// A column of the facts: its name, the type its value is cast to when it
// travels as a parameter, and whether it is null where the source says nothing.
type column struct {
	name, cast string
	optional   bool
}

// factColumns are the columns that loading writes. list_cost_usd, price_id and
// missing_upstream_at belong to other deeds. error_type is null unless a call
// failed, which is no want of a value.
var factColumns = []column{
	{"created_at", "timestamptz", false}, {"source_updated_at", "timestamptz", true},
	{"first_loaded_at", "timestamptz", false}, {"loaded_at", "timestamptz", false},
	{"run_id", "bigint", false}, {"stream_id", "integer", false}, {"model_id", "integer", false}, {"endpoint_id", "integer", false},
	{"duration_ms", "integer", true}, {"time_to_first_token_ms", "integer", true},
	{"input_tokens", "integer", true}, {"output_tokens", "integer", true},
	{"cache_read_input_tokens", "integer", true}, {"cache_creation_input_tokens", "integer", true}, {"reasoning_output_tokens", "integer", true},
	{"request_bytes", "integer", true}, {"response_bytes", "integer", true}, {"request_max_tokens", "integer", true},
	{"request_temperature", "real", true}, {"request_top_p", "real", true},
	{"status_code", "smallint", true}, {"attempt_step", "smallint", true}, {"feedback", "smallint", true},
	{"is_cache_hit", "boolean", false}, {"log_id", "text", false}, {"outcome", "text", false}, {"error_type", "text", false},
	{"cost_usd", "text::numeric", true}, {"reported_cost_usd", "text::numeric", true}, {"cost_basis", "text", false}, {"feedback_score", "float8", true},
	{"user_id", "text", true}, {"conversation_id", "text", true}, {"trace_id", "text", true}, {"environment", "text", true},
	{"metadata", "text::jsonb", false}, {"load_issues", "text[]", false}, {"content_hash", "bytea", false},
}

// fact is one row in the order of factColumns.
func (w *Writing) fact(r *transform.Record, now time.Time) []any {
	return []any{
		r.CreatedAt, r.SourceUpdatedAt, now, now,
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

// copyFacts appends new rows.
func (w *Writing) copyFacts(ctx context.Context, tx pgx.Tx, fresh []*transform.Record, now time.Time) error {
	if len(fresh) == 0 {
		return nil
	}
	names := make([]string, len(factColumns))
	for i, c := range factColumns {
		names[i] = c.name
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"logferry", "requests"}, names, pgx.CopyFromSlice(len(fresh), func(i int) ([]any, error) {
		return w.fact(fresh[i], now), nil
	}))
	return err
}

// upsertFact rewrites a row in every column but its key and its first load.
// The latest reading wins, also when a value became null; that is an issue,
// which stays out of the content hash: the next reading finds the row unchanged.
// A row that holds the very content already, because the answer to an earlier
// commit was lost, keeps its issues.
var upsertFact = func() string {
	var names, values, sets []string
	for i, c := range factColumns {
		names = append(names, c.name)
		values = append(values, "$"+strconv.Itoa(i+1)+"::"+c.cast)
		switch c.name {
		case "created_at", "stream_id", "log_id", "first_loaded_at":
		case "load_issues":
			sets = append(sets, "load_issues = case when stored.content_hash = excluded.content_hash then stored.load_issues"+
				" when "+withdrawn("stored", "excluded")+" then array_append(excluded.load_issues, 'value_withdrawn')"+
				" else excluded.load_issues end")
		default:
			sets = append(sets, c.name+" = excluded."+c.name)
		}
	}
	return "insert into logferry.requests as stored (" + strings.Join(names, ", ") + ") values (" + strings.Join(values, ", ") +
		") on conflict (stream_id, created_at, log_id) do update set " + strings.Join(sets, ", ")
}()

// withdrawn is true where the row named was has a value that the row named is
// has not.
func withdrawn(was, is string) string {
	var lost []string
	for _, c := range factColumns {
		if c.optional {
			lost = append(lost, was+"."+c.name+" is not null and "+is+"."+c.name+" is null")
		}
	}
	return "(" + strings.Join(lost, " or ") + ")"
}

func (w *Writing) queueUpserts(b *pgx.Batch, changed []*transform.Record, now time.Time) {
	for _, r := range changed {
		b.Queue(upsertFact, w.fact(r, now)...)
	}
}
