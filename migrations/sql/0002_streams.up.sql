-- The feeds, and what is known and covered of each. What changes with every window
-- (stream_state) is kept apart from what views join with facts (streams).

create table logferry.streams (
  stream_id integer primary key,
  source text not null,
  account_ref text not null default '',
  container_ref text not null,
  stream_name text not null unique,
  environment text not null default '',
  user_id_keys text[] not null default '{user_id,user,userId,customer_identifier}',
  conversation_id_keys text[] not null default '{conversation_id,session_id,sessionId,thread_id,thread_identifier}',
  is_enabled boolean not null default true,
  is_gone boolean not null default false,
  registered_at timestamptz not null default now(),
  unique (source, account_ref, container_ref),
  check (source in ('cloudflare_ai_gateway', 'keywords_ai'))
);

comment on table logferry.streams is
  'One configured feed of logs: a Cloudflare gateway or a Keywords AI dataset.';
comment on column logferry.streams.stream_id is 'Stable number of the feed, allocated once.';
comment on column logferry.streams.source is 'Log product: cloudflare_ai_gateway or keywords_ai. Not the model vendor.';
comment on column logferry.streams.account_ref is 'Cloudflare account id or Keywords AI organisation, never a secret.';
comment on column logferry.streams.container_ref is 'Gateway id or dataset id.';
comment on column logferry.streams.stream_name is 'Name people see in dashboards.';
comment on column logferry.streams.environment is 'Environment of the feed when rows do not say; empty when unknown.';
comment on column logferry.streams.user_id_keys is 'Metadata keys tried in order for user_id.';
comment on column logferry.streams.conversation_id_keys is 'Metadata keys tried in order for conversation_id.';
comment on column logferry.streams.is_enabled is 'False stops syncing, rows stay.';
comment on column logferry.streams.is_gone is 'True when the source no longer has the feed; rows stay.';
comment on column logferry.streams.registered_at is 'When the feed was added.';

create table logferry.stream_state (
  stream_id integer primary key references logferry.streams,
  starts_at timestamptz not null,
  coverage tstzmultirange not null default '{}',
  reread_until timestamptz,
  head jsonb,
  dialect jsonb,
  retention_floor_at timestamptz,
  source_oldest_at timestamptz,
  outside_rows bigint,
  retention_risk text,
  retention_risk_at timestamptz,
  retention_found_at timestamptz,
  configured_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table logferry.stream_state is
  'What is known and covered of a stream. Changes with every window; no analyst view joins it with facts.';
comment on column logferry.stream_state.stream_id is 'Feed.';
comment on column logferry.stream_state.starts_at is 'Where the promise begins; written once.';
comment on column logferry.stream_state.coverage is 'Instants in attested or accepted windows.';
comment on column logferry.stream_state.reread_until is 'How far the reading of what leaves the lookback has come.';
comment on column logferry.stream_state.head is
  'What the source showed without a time filter at the last pass: newest log, total, when.';
comment on column logferry.stream_state.dialect is
  'What was proven of the source''s time filter, paging, shape, time field and page size; null until proven.';
comment on column logferry.stream_state.retention_floor_at is
  'Facts before this instant have been dropped; nothing before it is wanted, rollups there are frozen.';
comment on column logferry.stream_state.source_oldest_at is 'Oldest log the source still served when last asked.';
comment on column logferry.stream_state.outside_rows is
  'Logs the source counts outside the spans read, when last asked.';
comment on column logferry.stream_state.retention_risk is
  'How the source is about to lose logs, or has lost them, before they are read: fills, full, deletes, deleted or off; null: nothing of that kind is known.';
comment on column logferry.stream_state.retention_risk_at is
  'fills and deletes: when, at the present rate. full and off: newest log. deleted: what is older was deleted unread.';
comment on column logferry.stream_state.configured_at is
  'When a run last found the feed named by its settings or listed by its source, within an hour.';
comment on column logferry.stream_state.retention_found_at is 'When that was first seen; a loss is told for 30 days from then.';
comment on column logferry.stream_state.updated_at is 'Last change.';

create function logferry.watermark(starts_at timestamptz, coverage tstzmultirange) returns timestamptz
language sql immutable parallel safe
return coalesce((select upper(r) from unnest(coverage) as r where r @> starts_at), starts_at);

comment on function logferry.watermark(timestamptz, tstzmultirange) is
  'The end of the stretch of coverage that begins at starts_at; starts_at itself while that instant is not covered.';
