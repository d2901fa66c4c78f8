create table logferry.lateness (
  stream_id integer not null references logferry.streams,
  met_on date not null,
  seconds integer not null,
  logs bigint not null,
  late_logs bigint not null,
  primary key (stream_id, met_on, seconds)
);

comment on table logferry.lateness is
  'How long after their time logs first appeared, counted by day and age. Only of logs in time that had been looked at before, that followed the end of coverage, or that was as young as the tail: a backlog''s age says nothing of its source.';
comment on column logferry.lateness.stream_id is 'Feed.';
comment on column logferry.lateness.met_on is 'Day (UTC) on which the logs were first met.';
comment on column logferry.lateness.seconds is
  'Age at most, at the first meeting: from created_at to then, rounded up to two significant digits. It includes the wait for the pass that met them.';
comment on column logferry.lateness.logs is 'Logs first met at that age.';
comment on column logferry.lateness.late_logs is 'Of those, logs in time that was covered already: they came later than settle allows.';
