package migrations

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEverythingHasAComment(t *testing.T) {
	conn := migrated(t)
	run(t, conn, `select logferry.ensure_partitions('2026-09-01Z', '2026-09-02Z')`)
	const query = `
with ours as (select oid, nspname from pg_namespace where nspname in ('llm', 'logferry', 'logferry_private')),
relations as (select c.oid, c.relispartition from pg_class c join ours on ours.oid = c.relnamespace where relkind in ('r', 'p', 'v'))
select 'schema ' || nspname as missing from ours where obj_description(oid, 'pg_namespace') is null
union all
select 'relation ' || oid::regclass from relations where obj_description(oid, 'pg_class') is null
union all
select 'column ' || r.oid::regclass || '.' || a.attname
from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
where not r.relispartition and col_description(r.oid, a.attnum) is null
union all
select 'function ' || p.oid::regprocedure from pg_proc p join ours on ours.oid = p.pronamespace
where obj_description(p.oid, 'pg_proc') is null
order by 1`
	if missing := lines(t, conn, query); len(missing) > 0 {
		t.Errorf("without a comment:\n%s", strings.Join(missing, "\n"))
	}
	// The query must be able to find something.
	run(t, conn, `create table logferry.bare (x int); create function llm.bare() returns int language sql as 'select 1';
		create view llm.plain as select 1 as y`)
	want := []string{"column llm.plain.y", "column logferry.bare.x", "function llm.bare()", "relation llm.plain", "relation logferry.bare"}
	if diff := cmp.Diff(want, lines(t, conn, query)); diff != "" {
		t.Errorf("bare objects found (-want +got):\n%s", diff)
	}
}

// A distributed engine must be able to take the facts over as they are.
func TestFactsStayDistributable(t *testing.T) {
	conn := migrated(t)
	const facts = `('logferry.requests'::regclass, 'logferry_private.payloads'::regclass, 'logferry_private.raw_logs'::regclass)`
	for what, query := range map[string]string{
		"foreign keys": `select conname from pg_constraint where contype = 'f' and (conrelid in ` + facts + ` or confrelid in ` + facts + `)`,
		"triggers":     `select tgname from pg_trigger where tgrelid in ` + facts,
		"generated columns and sequences": `select attname from pg_attribute where attrelid in ` + facts + `
			and (attidentity <> '' or attgenerated <> '')`,
		"unique keys without log_id and created_at": `select indexrelid::regclass::text from pg_index where indrelid in ` + facts + ` and indisunique
			and (select count(*) from pg_attribute where attrelid = indrelid and attnum = any(indkey) and attname in ('log_id', 'created_at')) < 2`,
		"default partitions":                      `select partrelid::regclass::text from pg_partitioned_table where partdefid <> 0`,
		"security definers without a search_path": `select p.oid::regprocedure::text from pg_proc p where prosecdef and not coalesce(proconfig::text, '') like '%search_path%'`,
	} {
		if got := lines(t, conn, query); len(got) > 0 {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// The views are an interface: columns are only ever added, at the end.
func TestViewColumns(t *testing.T) {
	conn := migrated(t)
	for view, want := range map[string]string{
		"requests": `created_at timestamptz, source text, stream_name text, provider_name text, model text, model_family text,
			model_vendor text, operation_name text, is_streaming bool, outcome text, status_code int2, error_type text, is_cache_hit bool,
			attempt_step int2, input_tokens int4, output_tokens int4, total_tokens int8, cache_read_input_tokens int4,
			cache_creation_input_tokens int4, reasoning_output_tokens int4, duration_ms int4, time_to_first_token_ms int4,
			output_tokens_per_second numeric, cost_usd numeric(20,12), cost_basis text, reported_cost_usd numeric(20,12),
			list_cost_usd numeric(20,12), cache_savings_usd numeric, user_id text, conversation_id text, trace_id text,
			environment text, metadata jsonb, feedback int2, feedback_score float8, request_max_tokens int4, request_temperature float4,
			request_top_p float4, request_bytes int4, response_bytes int4, url_path text, request_type text, model_type text,
			request_content_type text, response_content_type text, provider_raw text, model_raw text, stream_id int4, log_id text,
			load_issues text[], missing_upstream_at timestamptz, source_updated_at timestamptz, first_loaded_at timestamptz,
			loaded_at timestamptz, run_id int8`,
		"models": `source text, provider_raw text, model_raw text, provider_name text, model text, model_family text, model_vendor text,
			mapping_rule text, is_manual bool, first_seen_at timestamptz, input_usd_per_mtok numeric(18,9),
			output_usd_per_mtok numeric(18,9), price_valid_from timestamptz, price_source text`,
		"usage_hourly": "hour_at timestamptz, " + usageColumns,
		"usage_daily":  "day date, " + usageColumns,
		"freshness": `source text, stream_name text, complete_from timestamptz, watermark_at timestamptz, lag interval,
			complete_through timestamptz, gaps int8, doubtful_windows int8, pending_hours int8, last_attested_at timestamptz,
			quarantined_rows int8, retention_floor_at timestamptz, lateness_p50 interval, lateness_p99 interval, lateness_max interval,
			measured_logs int8, late_logs int8, retention_risk text, retention_risk_at timestamptz, enabled bool, gone bool, configured bool`,
		"load_audit": `window_start timestamptz, window_end timestamptz, source text, stream_name text, kind text, status text,
			attested_by text, source_total int8, distinct_rows int8, inserted_rows int8, changed_rows int8, unchanged_rows int8,
			quarantined_rows int8, missing_upstream_rows int8, walks int2, requests int4, run_id int8, finished_at timestamptz, detail text`,
	} {
		got := lines(t, conn, `select attname || ' ' || format_type(atttypid, atttypmod) from pg_attribute
			where attrelid = ('llm.' || $1)::regclass and attnum > 0 order by attnum`, view)
		if diff := cmp.Diff(strings.FieldsFunc(longTypes.Replace(want), func(r rune) bool { return r == ';' }), got); diff != "" {
			t.Errorf("llm.%s (-want +got):\n%s", view, diff)
		}
	}
}

const usageColumns = `source text, stream_name text, provider_name text, model text, model_family text, operation_name text,
	status_code int2, outcome text, is_cache_hit bool, environment text, request_count int8, input_tokens int8, output_tokens int8,
	total_tokens int8, cache_read_input_tokens int8, cache_creation_input_tokens int8, reasoning_output_tokens int8,
	cost_usd numeric(38,12), list_cost_usd numeric(38,12), cache_savings_usd numeric, unpriced_count int8, duration_ms_sum int8,
	duration_count int8, ttft_ms_sum int8, ttft_count int8, feedback_up int8, feedback_down int8`

// longTypes spells types as Postgres prints them, and lists with semicolons.
var longTypes = strings.NewReplacer(
	"\n", "", "\t", "", ", ", ";", ",\n", ";",
	" int2", " smallint", " int4", " integer", " int8", " bigint", " bool", " boolean",
	" float4", " real", " float8", " double precision", " timestamptz", " timestamp with time zone")
