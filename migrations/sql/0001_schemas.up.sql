-- The wrapper has made schema logferry and its two bookkeeping tables already. The
-- other two may have been made by an administrator for a role that may not.
do $$
begin
  if to_regnamespace('logferry_private') is null then
    create schema logferry_private;
  end if;
  if to_regnamespace('llm') is null then
    create schema llm;
  end if;
end $$;

revoke all on schema llm, logferry, logferry_private from public;

comment on schema llm is 'What analysts read: views and functions over the requests that LLM gateways logged.';
comment on schema logferry is 'Facts, dimensions and the ledger of logferry. Read them through the views of schema llm.';
comment on schema logferry_private is
  'Prompts and answers, raw documents, quarantine: personal data, with grants and retention of its own.';

comment on table logferry.schema_migrations is 'Version of these schemas, kept by the migration library: one row, or none before the first.';
comment on column logferry.schema_migrations.version is 'Number of the newest applied migration file.';
comment on column logferry.schema_migrations.dirty is
  'True while a file is being applied, and after a migration was killed; the next logferry migrate up mends it.';

comment on table logferry.applied is 'Migration files that are applied. Each row is committed together with what its file did.';
comment on column logferry.applied.version is 'Number of the file.';
comment on column logferry.applied.sha256 is 'SHA-256 of the file as applied; a file that was edited afterwards is refused.';
comment on column logferry.applied.applied_at is 'When it was applied.';
