create table logferry_private.payloads (
  stream_id integer not null,
  created_at timestamptz not null,
  log_id text collate "C" not null,
  input_messages jsonb,
  output_messages jsonb,
  parameters jsonb,
  request_head text,
  request_head_complete boolean,
  response_head text,
  response_head_complete boolean,
  is_redacted boolean not null default false,
  erased_at timestamptz,
  loaded_at timestamptz not null default now(),
  constraint payloads_pkey primary key (stream_id, created_at, log_id)
) partition by range (created_at);

comment on table logferry_private.payloads is
  'What was said: prompts, answers, parameters. Personal data; own grants, own retention.';
comment on column logferry_private.payloads.stream_id is 'Feed.';
comment on column logferry_private.payloads.created_at is 'Same value as in requests.';
comment on column logferry_private.payloads.log_id is 'Same value as in requests.';
comment on column logferry_private.payloads.input_messages is
  'Messages sent, NUL and lone surrogates replaced by U+FFFD.';
comment on column logferry_private.payloads.output_messages is 'Messages received, same cleaning.';
comment on column logferry_private.payloads.parameters is 'Call parameters that have no column of their own.';
comment on column logferry_private.payloads.request_head is 'First part of the request body as the source keeps it.';
comment on column logferry_private.payloads.request_head_complete is 'True when request_head is the whole body.';
comment on column logferry_private.payloads.response_head is 'First part of the response body as the source keeps it.';
comment on column logferry_private.payloads.response_head_complete is 'True when response_head is the whole body.';
comment on column logferry_private.payloads.is_redacted is 'True when the loader masked parts.';
comment on column logferry_private.payloads.erased_at is
  'When the content was erased on request; other columns are null then.';
comment on column logferry_private.payloads.loaded_at is 'Last change.';
