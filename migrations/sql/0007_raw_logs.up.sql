create table logferry_private.raw_logs (
  stream_id integer not null,
  created_at timestamptz not null,
  log_id text collate "C" not null,
  raw_sha256 bytea not null,
  api_shape text not null,
  raw bytea not null,
  fetched_at timestamptz not null,
  run_id bigint not null,
  constraint raw_logs_pkey primary key (stream_id, created_at, log_id, raw_sha256),
  constraint raw_logs_sha_check check (octet_length(raw_sha256) = 32)
) partition by range (created_at);

comment on table logferry_private.raw_logs is
  'Every distinct version of every upstream document. Append only. Read it with logferry_private.raw_json(raw).';
comment on column logferry_private.raw_logs.stream_id is 'Feed.';
comment on column logferry_private.raw_logs.created_at is 'Same value as in requests.';
comment on column logferry_private.raw_logs.log_id is 'Same value as in requests.';
comment on column logferry_private.raw_logs.raw_sha256 is 'SHA-256 of the document as stored.';
comment on column logferry_private.raw_logs.api_shape is 'Which endpoint and response form it came from.';
comment on column logferry_private.raw_logs.raw is
  'The document as received, including fields logferry does not know, less what payload, user and metadata settings withhold.';
comment on column logferry_private.raw_logs.fetched_at is 'When this version was fetched.';
comment on column logferry_private.raw_logs.run_id is 'Run that fetched it.';

-- lz4 loads faster than pglz at the same size; a server built without it keeps pglz.
do $$
begin
  alter table logferry_private.raw_logs alter column raw set compression lz4;
exception when feature_not_supported then
  null;
end $$;
