create view llm.load_audit as
select
  w.window_start, w.window_end, s.source, s.stream_name, w.kind, w.status, w.attested_by,
  w.source_total, w.distinct_rows, w.inserted_rows, w.changed_rows, w.unchanged_rows,
  w.quarantined_rows, w.missing_upstream_rows, w.walks, w.requests, w.run_id, w.finished_at, w.detail
from logferry.windows w
join logferry.streams s using (stream_id);

comment on view llm.load_audit is
  'The ledger: every attempt to bring one span of one stream into agreement with its source.';
comment on column llm.load_audit.window_start is 'First instant of the span.';
comment on column llm.load_audit.window_end is 'First instant after the span.';
comment on column llm.load_audit.source is 'Log product: cloudflare_ai_gateway or keywords_ai. Not the model vendor.';
comment on column llm.load_audit.stream_name is 'Feed: cloudflare/<account>/<gateway> or keywordsai/<dataset>.';
comment on column llm.load_audit.kind is
  'sync, tail, recheck, reread, backfill or verify; notice: nothing was read, the detail says what changed at the source.';
comment on column llm.load_audit.status is
  'claimed, attested, accepted, mismatch, split, failed, expired or loaded (tail).';
comment on column llm.load_audit.attested_by is 'total, two_walks or empty_proven; null unless attested.';
comment on column llm.load_audit.source_total is
  'Entries the source announced, the same in every answer; null when it gives none.';
comment on column llm.load_audit.distinct_rows is 'Different logs read.';
comment on column llm.load_audit.inserted_rows is 'New requests.';
comment on column llm.load_audit.changed_rows is 'Requests rewritten.';
comment on column llm.load_audit.unchanged_rows is 'Requests already equal.';
comment on column llm.load_audit.quarantined_rows is 'Logs put aside.';
comment on column llm.load_audit.missing_upstream_rows is 'Stored requests the source no longer lists.';
comment on column llm.load_audit.walks is 'How often it was paged through.';
comment on column llm.load_audit.requests is 'Requests used, retries included.';
comment on column llm.load_audit.run_id is 'Run.';
comment on column llm.load_audit.finished_at is 'End of the attempt; null while it is claimed.';
comment on column llm.load_audit.detail is 'Why it did not attest, or what was odd; no payload.';
