-- Repeated texts of requests, one row per raw spelling: a better reading of a
-- spelling changes a few rows here, never a fact. Numbers are given by the loader
-- (highest plus one), not by a sequence. Row 0 stands for none given.

create table logferry.models (
  model_id integer primary key,
  source text not null,
  provider_raw text collate "C" not null default '',
  model_raw text collate "C" not null default '',
  provider_name text not null,
  model text not null,
  model_family text not null,
  model_vendor text not null default '',
  model_version text not null default '',
  mapping_rule text not null,
  mapping_version integer not null,
  is_manual boolean not null default false,
  first_seen_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (source, provider_raw, model_raw)
);

comment on table logferry.models is
  'One row per raw spelling of provider and model seen in a source, with its canonical reading.';
comment on column logferry.models.model_id is 'Number of the spelling; 0 means no model given.';
comment on column logferry.models.source is 'Log product the spelling was seen in.';
comment on column logferry.models.provider_raw is 'Provider exactly as logged; empty when absent.';
comment on column logferry.models.model_raw is 'Model exactly as logged; empty when absent.';
comment on column logferry.models.provider_name is
  'Who served the call, in OTel gen_ai.provider.name values where one exists.';
comment on column logferry.models.model is
  'Canonical model name, lower case, without gateway or vendor prefix; keeps a dated suffix.';
comment on column logferry.models.model_family is 'Canonical name without date or revision.';
comment on column logferry.models.model_vendor is 'Who made the model, when the spelling tells; empty otherwise.';
comment on column logferry.models.model_version is 'Date or revision suffix; empty when none.';
comment on column logferry.models.mapping_rule is 'Name of the rule that produced the canonical reading.';
comment on column logferry.models.mapping_version is 'Version of the rule set.';
comment on column logferry.models.is_manual is 'True when a person set the reading; automatic remapping skips it.';
comment on column logferry.models.first_seen_at is 'When the spelling was first loaded.';
comment on column logferry.models.updated_at is 'When the reading last changed.';

create table logferry.endpoints (
  endpoint_id integer primary key,
  source text not null,
  url_path text collate "C" not null default '',
  request_type text not null default '',
  model_type text not null default '',
  request_content_type text not null default '',
  response_content_type text not null default '',
  operation_name text not null,
  is_streaming boolean,
  first_seen_at timestamptz not null default now(),
  unique (source, url_path, request_type, model_type, request_content_type, response_content_type)
);

comment on table logferry.endpoints is
  'Low-cardinality description of a call: path, types, content types and what they mean.';
comment on column logferry.endpoints.endpoint_id is
  'Number of the combination; 0 means none given or too many different paths.';
comment on column logferry.endpoints.source is 'Log product the combination was seen in.';
comment on column logferry.endpoints.url_path is 'Path as logged, query string removed, identifiers folded.';
comment on column logferry.endpoints.request_type is 'Request type as logged.';
comment on column logferry.endpoints.model_type is 'Model type as logged.';
comment on column logferry.endpoints.request_content_type is 'Content type of the request as logged.';
comment on column logferry.endpoints.response_content_type is 'Content type of the response as logged.';
comment on column logferry.endpoints.operation_name is
  'OTel gen_ai.operation.name: chat, text_completion, embeddings, generate_content, or another value.';
comment on column logferry.endpoints.is_streaming is 'True when the response was an event stream; null when unknown.';
comment on column logferry.endpoints.first_seen_at is 'When the combination was first loaded.';

insert into logferry.models (model_id, source, provider_name, model, model_family, mapping_rule, mapping_version)
values (0, '', 'unknown', 'unknown', 'unknown', 'none', 0);
insert into logferry.endpoints (endpoint_id, source, operation_name) values (0, '', 'unknown');
