create table logferry.field_drift (
  source text not null,
  json_path text collate "C" not null,
  json_type text not null,
  is_known boolean not null,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  seen_count bigint not null default 1,
  vanished_at timestamptz,
  primary key (source, json_path, json_type)
);

comment on table logferry.field_drift is
  'Every field path and type seen in upstream documents; names only, never values.';
comment on column logferry.field_drift.source is 'Log product.';
comment on column logferry.field_drift.json_path is 'Path, array positions and free metadata keys folded.';
comment on column logferry.field_drift.json_type is 'string, number, boolean, object, array or null.';
comment on column logferry.field_drift.is_known is 'True when logferry maps it.';
comment on column logferry.field_drift.first_seen_at is 'First seen.';
comment on column logferry.field_drift.last_seen_at is 'Last seen.';
comment on column logferry.field_drift.seen_count is 'How often, counted per run.';
comment on column logferry.field_drift.vanished_at is
  'When a run found that a field which nearly every document had is in none any more; null while it comes.';
