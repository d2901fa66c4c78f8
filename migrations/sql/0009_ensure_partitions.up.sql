-- A month is made apart and then attached: ATTACH lets readers and writers of the parent
-- go on, PARTITION OF would not, and the CHECK spares it the scan. Session settings
-- must not decide where a month begins, so the function brings its own.
create function logferry.ensure_partitions(p_from timestamptz, p_to timestamptz) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' as $f$
declare
  v_parent record;
  v_month timestamptz;
  v_next timestamptz;
  v_name text;
  v_made integer := 0;
begin
  if p_from is null or p_to is null or not isfinite(p_from) or not isfinite(p_to) then
    raise exception 'ensure_partitions needs two finite instants' using errcode = 'invalid_parameter_value';
  end if;
  v_month := date_trunc('month', p_from, 'UTC');
  while v_month < p_to loop
    v_next := date_trunc('month', v_month + interval '32 days', 'UTC');
    for v_parent in
      select * from (values ('logferry', 'requests'), ('logferry_private', 'payloads'), ('logferry_private', 'raw_logs')) v (s, rel)
    loop
      v_name := v_parent.rel || to_char(v_month, '"_y"YYYY"m"MM');
      -- One maker at a time, and nobody looks before the last one is done: a partition is
      -- to be seen a moment before other sessions are told to route rows to it, which
      -- they are by the time the maker's locks go. In pg_class itself: what to_regclass
      -- answers may have been cached before the wait.
      perform pg_advisory_xact_lock(hashtext('logferry.ensure_partitions'));
      continue when exists (select from pg_class where relnamespace = v_parent.s::regnamespace and relname = v_name);

      execute format('create table %I.%I (like %I.%I including defaults including constraints including storage including compression)',
        v_parent.s, v_name, v_parent.s, v_parent.rel);
      execute format('comment on table %I.%I is %L', v_parent.s, v_name,
        format('Rows of %s.%s of the month %s, UTC.', v_parent.s, v_parent.rel, to_char(v_month, 'YYYY-MM')));
      execute format('alter table %I.%I add constraint bounds check (created_at >= %L and created_at < %L)',
        v_parent.s, v_name, v_month, v_next);
      execute format('alter table %I.%I attach partition %I.%I for values from (%L) to (%L)',
        v_parent.s, v_parent.rel, v_parent.s, v_name, v_month, v_next);
      execute format('alter table %I.%I drop constraint bounds', v_parent.s, v_name);
      v_made := v_made + 1;
    end loop;
    v_month := v_next;
  end loop;
  return v_made;
end $f$;

revoke execute on function logferry.ensure_partitions(timestamptz, timestamptz) from public;

comment on function logferry.ensure_partitions(timestamptz, timestamptz) is
  'Makes the monthly partitions (UTC) that hold instants in [p_from, p_to) where they are missing, and returns how many it made. Call it for months that rows need, in a short transaction of its own; never for a wanted span.';
