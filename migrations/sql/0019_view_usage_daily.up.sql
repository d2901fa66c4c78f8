-- Typed as the columns of a rollup table, so that one can be put underneath without a change
-- of the view: bigint counts, and numeric(38,12) sums, which any number of costs fits.
create view llm.usage_daily as
with u as (
  select
    (r.created_at at time zone 'UTC')::date as day,
    r.stream_id, r.model_id, r.endpoint_id,
    coalesce(r.status_code, 0::smallint) as status_code, r.outcome, r.is_cache_hit,
    coalesce(r.environment, '') as environment,
    count(*) as request_count,
    coalesce(sum(r.input_tokens), 0) as input_tokens,
    coalesce(sum(r.output_tokens), 0) as output_tokens,
    coalesce(sum(r.cache_read_input_tokens), 0) as cache_read_input_tokens,
    coalesce(sum(r.cache_creation_input_tokens), 0) as cache_creation_input_tokens,
    coalesce(sum(r.reasoning_output_tokens), 0) as reasoning_output_tokens,
    coalesce(sum(r.cost_usd), 0)::numeric(38,12) as cost_usd,
    coalesce(sum(r.list_cost_usd), 0)::numeric(38,12) as list_cost_usd,
    count(*) filter (where r.cost_basis = 'unpriced') as unpriced_count,
    coalesce(sum(r.duration_ms), 0) as duration_ms_sum,
    count(r.duration_ms) as duration_count,
    coalesce(sum(r.time_to_first_token_ms), 0) as ttft_ms_sum,
    count(r.time_to_first_token_ms) as ttft_count,
    count(*) filter (where r.feedback > 0) as feedback_up,
    count(*) filter (where r.feedback < 0) as feedback_down
  from logferry.requests r
  group by 1, 2, 3, 4, 5, 6, 7, 8
)
select
  u.day, s.source, s.stream_name, m.provider_name, m.model, m.model_family, e.operation_name,
  nullif(u.status_code, 0) as status_code, u.outcome, u.is_cache_hit,
  coalesce(nullif(u.environment, ''), nullif(s.environment, '')) as environment,
  u.request_count, u.input_tokens, u.output_tokens, u.input_tokens + u.output_tokens as total_tokens,
  u.cache_read_input_tokens, u.cache_creation_input_tokens, u.reasoning_output_tokens,
  u.cost_usd, u.list_cost_usd,
  case when u.is_cache_hit then u.list_cost_usd - u.cost_usd else 0 end as cache_savings_usd,
  u.unpriced_count, u.duration_ms_sum, u.duration_count, u.ttft_ms_sum, u.ttft_count,
  u.feedback_up, u.feedback_down
from u
join logferry.streams s using (stream_id)
join logferry.models m using (model_id)
join logferry.endpoints e using (endpoint_id);

comment on view llm.usage_daily is
  'Sums of requests per UTC day, stream, model spelling, endpoint, status, outcome, cache hit and environment. Means are sum over count.';
comment on column llm.usage_daily.day is 'UTC calendar day.';
comment on column llm.usage_daily.source is 'Log product: cloudflare_ai_gateway or keywords_ai. Not the model vendor.';
comment on column llm.usage_daily.stream_name is 'Feed: cloudflare/<account>/<gateway> or keywordsai/<dataset>.';
comment on column llm.usage_daily.provider_name is
  'Who served the call, in OTel gen_ai.provider.name values where one exists.';
comment on column llm.usage_daily.model is
  'Canonical model name, lower case, without gateway or vendor prefix; keeps a dated suffix.';
comment on column llm.usage_daily.model_family is 'Canonical name without date or revision.';
comment on column llm.usage_daily.operation_name is
  'OTel gen_ai.operation.name: chat, text_completion, embeddings, generate_content, or another value.';
comment on column llm.usage_daily.status_code is 'HTTP status; null when not logged.';
comment on column llm.usage_daily.outcome is 'success, error or unknown.';
comment on column llm.usage_daily.is_cache_hit is 'Answered from the gateway cache.';
comment on column llm.usage_daily.environment is
  'Deployment environment of the entries, else of the feed; null when neither is known.';
comment on column llm.usage_daily.request_count is 'Entries.';
comment on column llm.usage_daily.input_tokens is
  'Sum of all input tokens including cached ones, missing counted as 0.';
comment on column llm.usage_daily.output_tokens is
  'Sum of all output tokens including reasoning, missing counted as 0.';
comment on column llm.usage_daily.total_tokens is 'Input and output tokens together.';
comment on column llm.usage_daily.cache_read_input_tokens is
  'Sum of the input tokens read from the provider''s prompt cache.';
comment on column llm.usage_daily.cache_creation_input_tokens is
  'Sum of the input tokens written to the provider''s prompt cache.';
comment on column llm.usage_daily.reasoning_output_tokens is 'Sum of the output tokens spent on reasoning.';
comment on column llm.usage_daily.cost_usd is 'Sum of known costs in dollars; see unpriced_count.';
comment on column llm.usage_daily.list_cost_usd is 'Sum of known list costs in dollars.';
comment on column llm.usage_daily.cache_savings_usd is
  'What answers from the gateway cache saved: list cost less cost; 0 for other entries.';
comment on column llm.usage_daily.unpriced_count is 'Entries whose cost is unknown.';
comment on column llm.usage_daily.duration_ms_sum is
  'Sum of durations in milliseconds; divide by duration_count for the mean.';
comment on column llm.usage_daily.duration_count is 'Entries with a duration.';
comment on column llm.usage_daily.ttft_ms_sum is
  'Sum of times to first token in milliseconds; divide by ttft_count for the mean.';
comment on column llm.usage_daily.ttft_count is 'Entries with a time to first token.';
comment on column llm.usage_daily.feedback_up is 'Good verdicts.';
comment on column llm.usage_daily.feedback_down is 'Bad verdicts.';
