package migrations

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// small fills a warehouse by hand: two streams, three models (two spellings of
// one), seven logs in three hours of two UTC days.
func small(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := migrated(t)
	run(t, conn, `
set timezone = 'Asia/Kathmandu';
select logferry.ensure_partitions('2026-08-31Z', '2026-09-02Z');
insert into logferry.streams (stream_id, source, container_ref, stream_name, environment) values
  (1, 'cloudflare_ai_gateway', 'main', 'cloudflare/acc/main', ''),
  (2, 'keywords_ai', 'ds', 'keywordsai/ds', 'staging');
insert into logferry.models (model_id, source, provider_raw, model_raw, provider_name, model, model_family, mapping_rule, mapping_version) values
  (1, 'cloudflare_ai_gateway', 'openai', 'gpt-4o', 'openai', 'gpt-4o', 'gpt-4o', 'none', 1),
  (2, 'cloudflare_ai_gateway', 'compat', 'openai/gpt-4o', 'openai', 'gpt-4o', 'gpt-4o', 'prefix', 1),
  (3, 'keywords_ai', '', 'claude-x', 'anthropic', 'claude-x', 'claude-x', 'none', 1);
insert into logferry.endpoints (endpoint_id, source, url_path, operation_name) values
  (1, 'cloudflare_ai_gateway', 'v1/chat/completions', 'chat');
insert into logferry.requests (stream_id, created_at, log_id, model_id, endpoint_id, run_id, content_hash, outcome, status_code, is_cache_hit,
  input_tokens, output_tokens, duration_ms, time_to_first_token_ms, cost_usd, list_cost_usd, cost_basis, feedback, environment) values
  (1, '2026-08-31 23:10Z', 'a', 1, 1, 1, '\x00000000000000000000000000000000', 'success', 200, false, 100, 10, 500, 100, 0.000000000001, 0.5, 'reported', 1, 'prod'),
  (1, '2026-08-31 23:59:59.999999Z', 'b', 1, 1, 1, '\x00000000000000000000000000000000', 'success', 200, false, 50, null, null, null, 0.3, null, 'reported', -1, 'prod'),
  (1, '2026-09-01 00:00Z', 'c', 1, 1, 1, '\x00000000000000000000000000000000', 'success', 200, true, 7, 3, 20, null, 0, 0.25, 'cache_hit', 0, null),
  (1, '2026-09-01 00:10Z', 'd', 2, 1, 1, '\x00000000000000000000000000000000', 'error', 429, false, null, null, 30, null, null, null, 'unpriced', null, null),
  (1, '2026-09-01 01:30Z', 'e', 1, 1, 1, '\x00000000000000000000000000000000', 'success', 200, true, 7, 3, 20, null, 0, 0.25, 'cache_hit', null, null),
  (2, '2026-09-01 00:30Z', 'f', 3, 0, 1, '\x00000000000000000000000000000000', 'unknown', null, false, 2147483647, 2147483647, null, null, null, null, 'unpriced', null, null),
  (2, '2026-09-01 00:40Z', 'g', 3, 0, 1, '\x00000000000000000000000000000000', 'unknown', null, false, 1, 1, null, null, null, null, 'unpriced', null, null);
`)
	return conn
}

func TestRequestsView(t *testing.T) {
	got := lines(t, small(t), `select log_id, source, model, operation_name, total_tokens, output_tokens_per_second::text, cache_savings_usd::text, environment, metadata::text
		from llm.requests order by created_at`)
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], "<nil>", "-")
	}
	want := []string{
		"a | cloudflare_ai_gateway | gpt-4o | chat | 110 | 25.00 | - | prod | {}",
		"b | cloudflare_ai_gateway | gpt-4o | chat | 50 | - | - | prod | {}",
		"c | cloudflare_ai_gateway | gpt-4o | chat | 10 | 150.00 | 0.250000000000 | - | {}",
		"d | cloudflare_ai_gateway | gpt-4o | chat | 0 | - | - | - | {}",
		"f | keywords_ai | claude-x | unknown | 4294967294 | - | - | staging | {}",
		"g | keywords_ai | claude-x | unknown | 2 | - | - | staging | {}",
		"e | cloudflare_ai_gateway | gpt-4o | chat | 10 | 150.00 | 0.250000000000 | - | {}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("llm.requests (-want +got):\n%s", diff)
	}
}

func TestUsageViews(t *testing.T) {
	conn := small(t)
	const columns = ` stream_name, model, coalesce(status_code, 0), outcome, is_cache_hit, coalesce(environment, '-'), request_count,
		input_tokens, output_tokens, total_tokens, cost_usd::text, list_cost_usd::text, cache_savings_usd::text, unpriced_count,
		duration_ms_sum, duration_count, ttft_ms_sum, ttft_count, feedback_up, feedback_down from llm.usage_`
	const (
		hit   = "cloudflare/acc/main | gpt-4o | 200 | success | true | - | "
		first = "cloudflare/acc/main | gpt-4o | 200 | success | false | prod | 2 | 150 | 10 | 160 | 0.300000000001 | 0.500000000000 | 0 | 0 | 500 | 1 | 100 | 1 | 1 | 1"
		limit = "cloudflare/acc/main | gpt-4o | 429 | error | false | - | 1 | 0 | 0 | 0 | 0.000000000000 | 0.000000000000 | 0 | 1 | 30 | 1 | 0 | 0 | 0 | 0"
		data  = "keywordsai/ds | claude-x | 0 | unknown | false | staging | 2 | 2147483648 | 2147483648 | 4294967296 | 0.000000000000 | 0.000000000000 | 0 | 2 | 0 | 0 | 0 | 0 | 0 | 0"
		one   = "1 | 7 | 3 | 10 | 0.000000000000 | 0.250000000000 | 0.250000000000 | 0 | 20 | 1 | 0 | 0 | 0 | 0"
		two   = "2 | 14 | 6 | 20 | 0.000000000000 | 0.500000000000 | 0.500000000000 | 0 | 40 | 2 | 0 | 0 | 0 | 0"
	)
	hours := lines(t, conn, `select to_char(hour_at at time zone 'UTC', 'DD HH24:MI'),`+columns+`hourly order by 1, 2, 4`)
	want := []string{"31 23:00 | " + first, "01 00:00 | " + hit + one, "01 00:00 | " + limit, "01 00:00 | " + data, "01 01:00 | " + hit + one}
	want = append(want[1:], want[0]) // by text, 01 comes before 31
	if diff := cmp.Diff(want, hours); diff != "" {
		t.Errorf("llm.usage_hourly (-want +got):\n%s", diff)
	}
	days := lines(t, conn, `select day::text,`+columns+`daily order by 1, 2, 4`)
	want = []string{"2026-08-31 | " + first, "2026-09-01 | " + hit + two, "2026-09-01 | " + limit, "2026-09-01 | " + data}
	if diff := cmp.Diff(want, days); diff != "" {
		t.Errorf("llm.usage_daily (-want +got):\n%s", diff)
	}
	if got := lines(t, conn, `select count(*) from llm.usage_daily where environment = ''`); got[0] != "0" {
		t.Errorf("%s rows with an empty environment", got[0])
	}
}

// Logs as dear as a column can hold don't take the dashboards away.
func TestUsageOfDearLogs(t *testing.T) {
	conn := small(t)
	run(t, conn, `update logferry.requests set cost_usd = 99999999.999999999999 where log_id in ('a', 'b')`)
	run(t, conn, `update logferry.requests set list_cost_usd = cost_usd`)
	for _, view := range []string{"hourly", "daily"} {
		got := lines(t, conn, `select cost_usd::text, list_cost_usd::text from llm.usage_`+view+` where cost_usd > 0`)
		want := []string{"199999999.999999999998 | 199999999.999999999998"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("llm.usage_%s (-want +got):\n%s", view, diff)
		}
	}
}

func TestModelsView(t *testing.T) {
	conn := small(t)
	run(t, conn, `insert into logferry.model_prices (price_id, provider_name, model, min_input_tokens, valid_from, valid_to, input_usd_per_mtok, price_source) values
		(1, 'openai', 'gpt-4o', 0, '-infinity', now() - interval '1 day', 9, 'old'),
		(2, 'openai', 'gpt-4o', 0, now() - interval '1 day', 'infinity', 2.5, 'list'),
		(3, 'openai', 'gpt-4o', 200000, now() - interval '1 day', 'infinity', 5, 'list')`)
	want := []string{"claude-x | claude-x | -", "gpt-4o | gpt-4o | 2.500000000", "openai/gpt-4o | gpt-4o | 2.500000000"}
	if diff := cmp.Diff(want, lines(t, conn, `select model_raw, model, coalesce(input_usd_per_mtok::text, '-') from llm.models order by 1`)); diff != "" {
		t.Errorf("llm.models (-want +got):\n%s", diff)
	}
}

func TestFreshnessView(t *testing.T) {
	conn := small(t)
	const query = `select to_char(complete_from at time zone 'UTC', 'DD HH24:MI'), to_char(watermark_at at time zone 'UTC', 'DD HH24:MI'),
		to_char(complete_through at time zone 'UTC', 'DD HH24:MI'), lag > '0', gaps, doubtful_windows, pending_hours, quarantined_rows,
		coalesce(to_char(last_attested_at at time zone 'UTC', 'DD HH24:MI'), '-') from llm.freshness`
	check := func(what, want string) {
		t.Helper()
		if diff := cmp.Diff([]string{want}, lines(t, conn, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	window := func(status, from, to string) {
		t.Helper()
		run(t, conn, `insert into logferry.windows (stream_id, run_id, kind, status, window_start, window_end, finished_at)
			values (1, 1, 'sync', '`+status+`', '2025-09-01 `+from+`Z', '2025-09-01 `+to+`Z', '2025-09-02 `+to+`Z')`)
	}
	run(t, conn, `insert into logferry.runs (run_id, command, status, logferry_version, schema_version, mapping_version) values (1, 'sync', 'running', 'x', 1, 1)`)
	run(t, conn, `insert into logferry.stream_state (stream_id, starts_at) values (1, '2025-09-01 00:20Z')`)
	check("nothing covered", "01 00:20 | 01 00:20 | 01 00:00 | true | 0 | 0 | 0 | 0 | -")

	run(t, conn, `update logferry.stream_state set coverage = '{[2025-08-01 00:00Z, 2025-08-02 00:00Z)}'`)
	check("only earlier spans covered", "01 00:20 | 01 00:20 | 01 00:00 | true | 0 | 0 | 0 | 0 | -")

	run(t, conn, `update logferry.stream_state set coverage =
		'{[2025-09-01 00:20Z, 2025-09-01 04:40Z), [2025-09-01 06:00Z, 2025-09-01 08:00Z), [2025-09-01 09:00Z, 2025-09-01 10:00Z)}'`)
	check("two gaps", "01 00:20 | 01 04:40 | 01 04:00 | true | 2 | 0 | 0 | 0 | -")

	window("attested", "00:20", "04:40")
	window("mismatch", "04:40", "06:00")
	window("mismatch", "04:40", "06:00")
	window("accepted", "09:00", "10:00")
	check("a window that mismatched twice, and an accepted one", "01 00:20 | 01 04:40 | 01 04:00 | true | 2 | 2 | 0 | 0 | 02 04:40")
	window("attested", "04:30", "05:00")
	window("claimed", "05:00", "06:00")
	check("a part of it attested", "01 00:20 | 01 04:40 | 01 04:00 | true | 2 | 2 | 0 | 0 | 02 05:00")
	window("attested", "05:00", "06:00")
	check("the rest attested too", "01 00:20 | 01 04:40 | 01 04:00 | true | 2 | 1 | 0 | 0 | 02 06:00")

	run(t, conn, `insert into logferry.dirty_hours (stream_id, hour_at, run_id) values (1, '2025-09-01 01:00Z', 1), (2, '2025-09-01 01:00Z', 1)`)
	run(t, conn, `insert into logferry_private.quarantine (stream_id, raw_sha256, reason_code, run_id, resolved_at) values
		(1, '\x01', 'too_large', 1, null), (1, '\x02', 'no_id', 1, now()), (2, '\x01', 'no_id', 1, null)`)
	check("marks and quarantine of the stream", "01 00:20 | 01 04:40 | 01 04:00 | true | 2 | 1 | 1 | 1 | 02 06:00")
}

// What an alert on lag leaves out: an account's streams that are stopped, gone,
// or were not configured for a day while others were. Passes that stop leave
// nothing out.
func TestFreshnessForAlerts(t *testing.T) {
	conn := small(t)
	run(t, conn, `insert into logferry.streams (stream_id, source, account_ref, container_ref, stream_name, is_enabled, is_gone) values
		(3, 'cloudflare_ai_gateway', '', 'old', 'cloudflare/acc/old', true, false), (4, 'cloudflare_ai_gateway', '', 'off', 'cloudflare/acc/off', false, false),
		(5, 'cloudflare_ai_gateway', '', 'left', 'cloudflare/acc/left', true, true), (6, 'cloudflare_ai_gateway', 'b', 'main', 'cloudflare/b/main', true, false)`)
	run(t, conn, `insert into logferry.stream_state (stream_id, starts_at, configured_at)
		select s, now(), now() - age from (values (1, interval '3 days'), (2, '90 days'), (3, '5 days'), (4, '3 days'), (5, '3 days 1 hour'), (6, '4 days 1 hour')) v (s, age)`)
	want := []string{
		"cloudflare/acc/left | true | true | true | <nil>", "cloudflare/acc/main | true | false | true | <nil>", "cloudflare/acc/off | false | false | true | <nil>",
		"cloudflare/acc/old | true | false | false | <nil>", "cloudflare/b/main | true | false | true | <nil>", "keywordsai/ds | true | false | true | <nil>",
	}
	got := lines(t, conn, `select stream_name, enabled, gone, configured, late_logs from llm.freshness order by 1`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("llm.freshness (-want +got):\n%s", diff)
	}
}

func TestLoadAuditView(t *testing.T) {
	conn := small(t)
	run(t, conn, `insert into logferry.runs (run_id, command, status, logferry_version, schema_version, mapping_version) values (1, 'sync', 'running', 'x', 1, 1)`)
	run(t, conn, `insert into logferry.windows (stream_id, run_id, kind, status, attested_by, window_start, window_end, source_total, distinct_rows)
		values (2, 1, 'backfill', 'attested', 'total', '2026-09-01Z', '2026-09-02Z', 7, 7)`)
	want := []string{"keywordsai/ds | backfill | attested | total | 7 | 7 | 0 | 1"}
	if diff := cmp.Diff(want, lines(t, conn, `select stream_name, kind, status, attested_by, source_total, distinct_rows, walks, run_id from llm.load_audit`)); diff != "" {
		t.Errorf("llm.load_audit (-want +got):\n%s", diff)
	}
}
