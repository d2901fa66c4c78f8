create table logferry.model_prices (
  price_id bigint primary key,
  provider_name text not null,
  model text not null,
  min_input_tokens integer not null default 0,
  valid_from timestamptz not null,
  valid_to timestamptz not null default 'infinity',
  input_usd_per_mtok numeric(18,9),
  output_usd_per_mtok numeric(18,9),
  cache_read_usd_per_mtok numeric(18,9),
  cache_write_usd_per_mtok numeric(18,9),
  request_usd numeric(18,9),
  price_source text not null,
  price_source_version text not null default '',
  loaded_at timestamptz not null default now(),
  unique (provider_name, model, min_input_tokens, valid_from),
  check (valid_from < valid_to)
);

comment on table logferry.model_prices is
  'List prices with validity, used only where a source gives no cost and for list_cost_usd.';
comment on column logferry.model_prices.price_id is 'Number of the price row, stored with every estimate.';
comment on column logferry.model_prices.provider_name is 'Provider in the same values as models.provider_name.';
comment on column logferry.model_prices.model is 'Canonical model name.';
comment on column logferry.model_prices.min_input_tokens is 'Tier: applies from this many input tokens in one request.';
comment on column logferry.model_prices.valid_from is 'First instant the price applies.';
comment on column logferry.model_prices.valid_to is 'First instant it no longer applies.';
comment on column logferry.model_prices.input_usd_per_mtok is 'Dollars per million uncached input tokens.';
comment on column logferry.model_prices.output_usd_per_mtok is 'Dollars per million output tokens.';
comment on column logferry.model_prices.cache_read_usd_per_mtok is
  'Dollars per million input tokens read from the provider''s prompt cache.';
comment on column logferry.model_prices.cache_write_usd_per_mtok is
  'Dollars per million input tokens written to the provider''s prompt cache.';
comment on column logferry.model_prices.request_usd is 'Dollars per request, where charged.';
comment on column logferry.model_prices.price_source is 'List the price came from, or manual.';
comment on column logferry.model_prices.price_source_version is 'Version or date of that list.';
comment on column logferry.model_prices.loaded_at is 'When the row was imported.';
