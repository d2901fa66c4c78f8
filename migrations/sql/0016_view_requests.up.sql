-- Columns are named one by one, so that a new storage column never appears by accident.
create view llm.requests as
select
  r.created_at, s.source, s.stream_name,
  m.provider_name, m.model, m.model_family, m.model_vendor, e.operation_name, e.is_streaming,
  r.outcome, r.status_code, r.error_type, r.is_cache_hit, r.attempt_step,
  r.input_tokens, r.output_tokens,
  coalesce(r.input_tokens, 0)::bigint + coalesce(r.output_tokens, 0) as total_tokens,
  r.cache_read_input_tokens, r.cache_creation_input_tokens, r.reasoning_output_tokens,
  r.duration_ms, r.time_to_first_token_ms,
  case when r.output_tokens > 0 and r.duration_ms > coalesce(r.time_to_first_token_ms, 0)
    then round(1000.0 * r.output_tokens / (r.duration_ms - coalesce(r.time_to_first_token_ms, 0)), 2)
  end as output_tokens_per_second,
  r.cost_usd, r.cost_basis, r.reported_cost_usd, r.list_cost_usd,
  case when r.is_cache_hit then r.list_cost_usd - coalesce(r.cost_usd, 0) end as cache_savings_usd,
  r.user_id, r.conversation_id, r.trace_id,
  coalesce(r.environment, nullif(s.environment, '')) as environment, r.metadata,
  r.feedback, r.feedback_score,
  r.request_max_tokens, r.request_temperature, r.request_top_p, r.request_bytes, r.response_bytes,
  e.url_path, e.request_type, e.model_type, e.request_content_type, e.response_content_type,
  m.provider_raw, m.model_raw,
  r.stream_id, r.log_id, r.load_issues, r.missing_upstream_at, r.source_updated_at,
  r.first_loaded_at, r.loaded_at, r.run_id
from logferry.requests r
join logferry.streams s using (stream_id)
join logferry.models m using (model_id)
join logferry.endpoints e using (endpoint_id);

comment on view llm.requests is
  'One row per upstream log entry: one attempt to call a model, or one answer from the gateway cache. Retries and fallbacks are rows of their own.';
comment on column llm.requests.created_at is
  'Time of the entry as the source gives it, cut to microseconds, never changed afterwards. Partition key.';
comment on column llm.requests.source is 'Log product: cloudflare_ai_gateway or keywords_ai. Not the model vendor.';
comment on column llm.requests.stream_name is 'Feed: cloudflare/<account>/<gateway> or keywordsai/<dataset>.';
comment on column llm.requests.provider_name is
  'Who served the call, in OTel gen_ai.provider.name values where one exists.';
comment on column llm.requests.model is
  'Canonical model name, lower case, without gateway or vendor prefix; keeps a dated suffix.';
comment on column llm.requests.model_family is 'Canonical name without date or revision.';
comment on column llm.requests.model_vendor is 'Who made the model, when the spelling tells; empty otherwise.';
comment on column llm.requests.operation_name is
  'OTel gen_ai.operation.name: chat, text_completion, embeddings, generate_content, or another value.';
comment on column llm.requests.is_streaming is 'True when the response was an event stream; null when unknown.';
comment on column llm.requests.outcome is 'success, error, or unknown when the source does not say.';
comment on column llm.requests.status_code is 'HTTP status, where logged.';
comment on column llm.requests.error_type is
  'Low-cardinality class of error: the status code, a named class, or _OTHER. Null unless outcome is error.';
comment on column llm.requests.is_cache_hit is
  'True when the gateway answered from its own cache; not the provider''s prompt cache.';
comment on column llm.requests.attempt_step is 'Position in the gateway''s fallback chain, 0 is the first choice.';
comment on column llm.requests.input_tokens is 'All input tokens including cached ones.';
comment on column llm.requests.output_tokens is 'All output tokens including reasoning.';
comment on column llm.requests.total_tokens is 'Input and output tokens together, missing counted as 0.';
comment on column llm.requests.cache_read_input_tokens is
  'Part of input_tokens read from the provider''s prompt cache.';
comment on column llm.requests.cache_creation_input_tokens is
  'Part of input_tokens written to the provider''s prompt cache.';
comment on column llm.requests.reasoning_output_tokens is 'Part of output_tokens spent on reasoning.';
comment on column llm.requests.duration_ms is 'Whole request duration in milliseconds, rounded half up.';
comment on column llm.requests.time_to_first_token_ms is
  'Milliseconds until the first streamed token; null when not streamed or not logged.';
comment on column llm.requests.output_tokens_per_second is
  'Output tokens over the time after the first token; null when either is not known.';
comment on column llm.requests.cost_usd is 'Best known cost in dollars; null when unknown, see cost_basis.';
comment on column llm.requests.cost_basis is
  'Where cost_usd comes from: reported, custom (negotiated price), estimated, cache_hit, unpriced.';
comment on column llm.requests.reported_cost_usd is 'Cost exactly as the source reported it.';
comment on column llm.requests.list_cost_usd is
  'What the tokens cost at list price, also for cache hits; null when no price is known.';
comment on column llm.requests.cache_savings_usd is
  'What an answer from the gateway cache saved: its list cost less its cost. Null for other entries and when no price is known.';
comment on column llm.requests.user_id is
  'End user according to the configured metadata keys; may be pseudonymised by the loader.';
comment on column llm.requests.conversation_id is 'Conversation, session or thread.';
comment on column llm.requests.trace_id is
  'Groups entries of one client call when the source sends such an identifier.';
comment on column llm.requests.environment is
  'Deployment environment of the entry, else of the feed; null when neither is known.';
comment on column llm.requests.metadata is 'Custom tags of the entry after the configured drop and hash rules.';
comment on column llm.requests.feedback is 'Human verdict: 1 good, -1 bad, 0 explicitly neutral, null unknown.';
comment on column llm.requests.feedback_score is 'Numeric score given by people or evaluators, in the source''s scale.';
comment on column llm.requests.request_max_tokens is 'Output limit asked for.';
comment on column llm.requests.request_temperature is 'Temperature asked for.';
comment on column llm.requests.request_top_p is 'Top-p asked for.';
comment on column llm.requests.request_bytes is 'Size of the request body, where logged.';
comment on column llm.requests.response_bytes is 'Size of the response body, where logged.';
comment on column llm.requests.url_path is 'Path as logged, query string removed, identifiers folded.';
comment on column llm.requests.request_type is 'Request type as logged.';
comment on column llm.requests.model_type is 'Model type as logged.';
comment on column llm.requests.request_content_type is 'Content type of the request as logged.';
comment on column llm.requests.response_content_type is 'Content type of the response as logged.';
comment on column llm.requests.provider_raw is 'Provider exactly as logged; empty when absent.';
comment on column llm.requests.model_raw is 'Model exactly as logged; empty when absent.';
comment on column llm.requests.stream_id is 'Feed the entry came from.';
comment on column llm.requests.log_id is 'Identifier of the entry in its stream.';
comment on column llm.requests.load_issues is
  'Codes of everything the loader had to guess, change or leave out for this entry.';
comment on column llm.requests.missing_upstream_at is
  'When an attested reading first found the entry missing upstream; it still counts. Null again when listed again.';
comment on column llm.requests.source_updated_at is 'Last change according to the source, where it says so.';
comment on column llm.requests.first_loaded_at is 'When logferry first stored the entry.';
comment on column llm.requests.loaded_at is 'When logferry last changed the stored entry.';
comment on column llm.requests.run_id is 'Run that last changed the entry.';
