create table logferry.budgets (
  credential_hash bytea primary key,
  blocked_until timestamptz,
  pass_until timestamptz,
  longest interval not null default '0'
);

comment on table logferry.budgets is
  'One row per credential: when the provider wants to be left alone.';
comment on column logferry.budgets.credential_hash is 'SHA-256 of source and credential; never the credential.';
comment on column logferry.budgets.blocked_until is 'No permits before this instant.';
comment on column logferry.budgets.pass_until is
  'A pass of this credential drew permits less than a minute before this instant; until then everything else keeps to four fifths of the budget.';
comment on column logferry.budgets.longest is
  'The longest span over which a process counted this credential''s permits; slots are kept for it.';

create table logferry.budget_slots (
  credential_hash bytea not null,
  slot_at timestamptz not null,
  used integer not null default 0,
  primary key (credential_hash, slot_at)
);

comment on table logferry.budget_slots is
  'Permits drawn per credential and slot of time, shared by every process. The database clock decides.';
comment on column logferry.budget_slots.credential_hash is 'Credential.';
comment on column logferry.budget_slots.slot_at is 'Start of the slot, a hundredth of the length of the budget drawn by.';
comment on column logferry.budget_slots.used is 'Permits drawn in it.';
