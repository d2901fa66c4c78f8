-- A window is doubtful while no later readings hold all of its span. A recheck of one
-- hour does not clear a doubtful day, a day's worth of rechecked hours does.
create view llm.freshness as
with s as (
  select st.stream_id, st.source, st.stream_name, ss.starts_at, ss.coverage, ss.retention_floor_at,
    ss.retention_risk, ss.retention_risk_at, st.is_enabled, st.is_gone,
    ss.configured_at > max(ss.configured_at) over (partition by st.source, st.account_ref) - interval '1 day' as is_configured,
    logferry.watermark(ss.starts_at, ss.coverage) as watermark_at
  from logferry.streams st
  join logferry.stream_state ss using (stream_id)
), ages as (
  select stream_id, seconds, late, sum(logs) over (partition by stream_id order by seconds) as upto,
    sum(logs) over (partition by stream_id) as logs
  from (
    select stream_id, seconds, sum(logs) as logs, sum(late_logs)::bigint as late
    from logferry.lateness
    where met_on > (now() at time zone 'UTC')::date - 30
    group by stream_id, seconds) by_age
), lateness as (
  select stream_id, max(logs)::bigint as measured_logs, sum(late)::bigint as late_logs, make_interval(secs => max(seconds)) as most,
    make_interval(secs => min(seconds) filter (where upto >= logs * 0.5)) as half,
    make_interval(secs => min(seconds) filter (where upto >= logs * 0.99)) as nearly_all
  from ages
  group by stream_id
)
select
  s.source, s.stream_name, s.starts_at as complete_from, s.watermark_at,
  now() - s.watermark_at as lag,
  date_trunc('hour', s.watermark_at, 'UTC') as complete_through,
  (select count(*)
   from unnest(tstzmultirange(tstzrange(s.starts_at, greatest(s.starts_at, upper(s.coverage)))) - s.coverage) as gap) as gaps,
  (select count(*)
   from logferry.windows w
   where w.stream_id = s.stream_id and w.status in ('mismatch', 'accepted')
     and (select tstzrange(w.window_start, w.window_end) <@ range_agg(tstzrange(v.window_start, v.window_end))
          from logferry.windows v
          where v.stream_id = w.stream_id and v.window_id > w.window_id
            and v.status in ('attested', 'mismatch', 'accepted')
            and v.window_start < w.window_end and v.window_end > w.window_start) is not true) as doubtful_windows,
  (select count(*) from logferry.dirty_hours d where d.stream_id = s.stream_id) as pending_hours,
  (select max(w.finished_at)
   from logferry.windows w
   where w.stream_id = s.stream_id and w.status = 'attested') as last_attested_at,
  (select count(*)
   from logferry_private.quarantine q
   where q.stream_id = s.stream_id and q.resolved_at is null) as quarantined_rows,
  s.retention_floor_at,
  l.half as lateness_p50, l.nearly_all as lateness_p99, l.most as lateness_max, l.measured_logs, l.late_logs,
  s.retention_risk, s.retention_risk_at,
  s.is_enabled as enabled, s.is_gone as gone, s.is_configured as configured
from s
left join lateness l using (stream_id);

comment on view llm.freshness is
  'One row per stream: how far its logs are complete, and what is doubtful, pending or put aside.';
comment on column llm.freshness.source is 'Log product: cloudflare_ai_gateway or keywords_ai. Not the model vendor.';
comment on column llm.freshness.stream_name is 'Feed: cloudflare/<account>/<gateway> or keywordsai/<dataset>.';
comment on column llm.freshness.complete_from is 'Where the promise of the stream begins.';
comment on column llm.freshness.watermark_at is
  'End of the stretch of coverage that begins at complete_from: every log between the two that the source served is here, as last read, or in quarantine.';
comment on column llm.freshness.lag is 'Age of the watermark.';
comment on column llm.freshness.complete_through is
  'The watermark cut down to the hour (UTC): hours and days before it are whole. Exact, never final: a late log may still come.';
comment on column llm.freshness.gaps is 'Uncovered stretches between complete_from and the end of coverage.';
comment on column llm.freshness.doubtful_windows is
  'Windows whose latest reading did not agree with the source, or was accepted by hand.';
comment on column llm.freshness.pending_hours is 'Hours whose facts changed after their rollups were computed.';
comment on column llm.freshness.last_attested_at is 'When a window of the stream was last proven whole.';
comment on column llm.freshness.quarantined_rows is 'Upstream documents put aside and not dealt with yet.';
comment on column llm.freshness.retention_floor_at is
  'Facts before this instant have been dropped; nothing before it is wanted, rollups there are frozen.';
comment on column llm.freshness.lateness_p50 is
  'How long after created_at half of the logs of the last 30 days had been met, at most: it includes the wait for the pass. Only of logs in time that was being watched; null when none was.';
comment on column llm.freshness.lateness_p99 is 'The same for 99 of 100 logs.';
comment on column llm.freshness.lateness_max is 'The same for all of them.';
comment on column llm.freshness.measured_logs is 'How many logs of the last 30 days that is known of; null when none.';
comment on column llm.freshness.late_logs is
  'Logs of the last 30 days that came later than LOGFERRY_SETTLE allows: their time was covered already. A recheck found them. Null when lateness was not measured.';
comment on column llm.freshness.retention_risk is
  'How the source is about to lose logs before they are read, or has lost them, as of the last pass. fills: the gateway will be full and then store no new ones. full: it stores none any more. deletes: the oldest unread log will be deleted. deleted: unread logs have been deleted, in the last 30 days. off: the gateway does not collect logs. Null: nothing of that kind is known.';
comment on column llm.freshness.retention_risk_at is
  'fills and deletes: when, at the present rate. full and off: newest log stored. deleted: everything older that was unread is lost.';
comment on column llm.freshness.enabled is 'False: an operator stopped the feed, so its lag only grows.';
comment on column llm.freshness.gone is 'True: the source no longer has the feed, so its lag only grows.';
comment on column llm.freshness.configured is
  'False: for a day, runs that read the same account were told to leave the feed out, so its lag only grows. Alert on lag where enabled and configured and not gone.';
