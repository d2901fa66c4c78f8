create table logferry.dirty_hours (
  stream_id integer not null,
  hour_at timestamptz not null,
  marked_at timestamptz not null default now(),
  run_id bigint not null,
  primary key (stream_id, hour_at)
);

comment on table logferry.dirty_hours is
  'Hours whose facts changed after their rollups were computed.';
comment on column logferry.dirty_hours.stream_id is 'Feed.';
comment on column logferry.dirty_hours.hour_at is 'Start of the hour, UTC.';
comment on column logferry.dirty_hours.marked_at is 'Last mark.';
comment on column logferry.dirty_hours.run_id is 'Run that marked it.';
