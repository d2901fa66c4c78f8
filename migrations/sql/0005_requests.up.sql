-- The facts. No foreign key, trigger or sequence, and every unique key holds log_id
-- and created_at: a distributed engine can take the table over as it is. There is no
-- default partition: logferry.ensure_partitions makes the months that rows need.

create table logferry.requests (
  created_at timestamptz not null,
  source_updated_at timestamptz,
  first_loaded_at timestamptz not null default now(),
  loaded_at timestamptz not null default now(),
  missing_upstream_at timestamptz,
  run_id bigint not null,
  price_id bigint,
  stream_id integer not null,
  model_id integer not null default 0,
  endpoint_id integer not null default 0,
  duration_ms integer,
  time_to_first_token_ms integer,
  input_tokens integer,
  output_tokens integer,
  cache_read_input_tokens integer,
  cache_creation_input_tokens integer,
  reasoning_output_tokens integer,
  request_bytes integer,
  response_bytes integer,
  request_max_tokens integer,
  request_temperature real,
  request_top_p real,
  status_code smallint,
  attempt_step smallint,
  feedback smallint,
  is_cache_hit boolean not null default false,
  log_id text collate "C" not null,
  outcome text not null,
  error_type text,
  cost_usd numeric(20,12),
  reported_cost_usd numeric(20,12),
  list_cost_usd numeric(20,12),
  cost_basis text not null,
  feedback_score double precision,
  user_id text,
  conversation_id text,
  trace_id text,
  environment text,
  metadata jsonb not null default '{}',
  load_issues text[],
  content_hash bytea not null,
  constraint requests_pkey primary key (stream_id, created_at, log_id),
  constraint requests_outcome_check check (outcome in ('success', 'error', 'unknown')),
  constraint requests_cost_basis_check check (cost_basis in ('reported', 'custom', 'estimated', 'cache_hit', 'unpriced')),
  constraint requests_counts_check check (duration_ms >= 0 and time_to_first_token_ms >= 0 and input_tokens >= 0 and output_tokens >= 0),
  constraint requests_hash_check check (octet_length(content_hash) = 16)
) partition by range (created_at);

comment on table logferry.requests is
  'One upstream log entry: one attempt to call a model, or one answer from the gateway cache. Retries and fallbacks are entries of their own.';
comment on column logferry.requests.created_at is
  'Time of the entry as the source gives it, cut to microseconds, never changed afterwards. Partition key.';
comment on column logferry.requests.source_updated_at is 'Last change according to the source, where it says so.';
comment on column logferry.requests.first_loaded_at is 'When logferry first stored the entry.';
comment on column logferry.requests.loaded_at is 'When logferry last changed the stored entry.';
comment on column logferry.requests.missing_upstream_at is
  'When an attested reading first found the entry missing upstream; it still counts. Null again when listed again.';
comment on column logferry.requests.run_id is 'Run that last changed the entry.';
comment on column logferry.requests.price_id is 'Price row behind cost_usd or list_cost_usd when they are estimates.';
comment on column logferry.requests.stream_id is 'Feed the entry came from.';
comment on column logferry.requests.model_id is 'Spelling of provider and model.';
comment on column logferry.requests.endpoint_id is 'Path and types of the call.';
comment on column logferry.requests.duration_ms is 'Whole request duration in milliseconds, rounded half up.';
comment on column logferry.requests.time_to_first_token_ms is
  'Milliseconds until the first streamed token; null when not streamed or not logged.';
comment on column logferry.requests.input_tokens is 'All input tokens including cached ones.';
comment on column logferry.requests.output_tokens is 'All output tokens including reasoning.';
comment on column logferry.requests.cache_read_input_tokens is
  'Part of input_tokens read from the provider''s prompt cache.';
comment on column logferry.requests.cache_creation_input_tokens is
  'Part of input_tokens written to the provider''s prompt cache.';
comment on column logferry.requests.reasoning_output_tokens is 'Part of output_tokens spent on reasoning.';
comment on column logferry.requests.request_bytes is 'Size of the request body, where logged.';
comment on column logferry.requests.response_bytes is 'Size of the response body, where logged.';
comment on column logferry.requests.request_max_tokens is 'Output limit asked for.';
comment on column logferry.requests.request_temperature is 'Temperature asked for.';
comment on column logferry.requests.request_top_p is 'Top-p asked for.';
comment on column logferry.requests.status_code is 'HTTP status, where logged.';
comment on column logferry.requests.attempt_step is 'Position in the gateway''s fallback chain, 0 is the first choice.';
comment on column logferry.requests.feedback is 'Human verdict: 1 good, -1 bad, 0 explicitly neutral, null unknown.';
comment on column logferry.requests.is_cache_hit is
  'True when the gateway answered from its own cache; not the provider''s prompt cache.';
comment on column logferry.requests.log_id is 'Identifier of the entry in its stream.';
comment on column logferry.requests.outcome is 'success, error, or unknown when the source does not say.';
comment on column logferry.requests.error_type is
  'Low-cardinality class of error: the status code, a named class, or _OTHER. Null unless outcome is error.';
comment on column logferry.requests.cost_usd is 'Best known cost in dollars; null when unknown, see cost_basis.';
comment on column logferry.requests.reported_cost_usd is 'Cost exactly as the source reported it.';
comment on column logferry.requests.list_cost_usd is
  'What the tokens cost at list price, also for cache hits; null when no price is known.';
comment on column logferry.requests.cost_basis is
  'Where cost_usd comes from: reported, custom (negotiated price), estimated, cache_hit, unpriced.';
comment on column logferry.requests.feedback_score is
  'Numeric score given by people or evaluators, in the source''s scale.';
comment on column logferry.requests.user_id is
  'End user according to the configured metadata keys; may be pseudonymised by the loader.';
comment on column logferry.requests.conversation_id is 'Conversation, session or thread.';
comment on column logferry.requests.trace_id is
  'Groups entries of one client call when the source sends such an identifier.';
comment on column logferry.requests.environment is
  'Deployment environment from metadata; the stream''s one applies when null.';
comment on column logferry.requests.metadata is 'Custom tags of the entry after the configured drop and hash rules.';
comment on column logferry.requests.load_issues is
  'Codes of everything the loader had to guess, change or leave out for this entry.';
comment on column logferry.requests.content_hash is
  '16-byte hash of the normalised values, payload digests and mapping version; equal hash means nothing to write.';

create index requests_created_at_brin on logferry.requests
  using brin (created_at timestamptz_minmax_multi_ops) with (pages_per_range = 32, autosummarize = on);
