-- Without tiers: the price of a short request, valid now.
create view llm.models as
select
  m.source, m.provider_raw, m.model_raw, m.provider_name, m.model, m.model_family, m.model_vendor,
  m.mapping_rule, m.is_manual, m.first_seen_at,
  p.input_usd_per_mtok, p.output_usd_per_mtok, p.valid_from as price_valid_from, p.price_source
from logferry.models m
left join logferry.model_prices p
  on p.provider_name = m.provider_name and p.model = m.model and p.min_input_tokens = 0
  and now() >= p.valid_from and now() < p.valid_to
where m.model_id <> 0;

comment on view llm.models is
  'One row per raw spelling of provider and model, with its canonical reading and its list price of today.';
comment on column llm.models.source is 'Log product the spelling was seen in.';
comment on column llm.models.provider_raw is 'Provider exactly as logged; empty when absent.';
comment on column llm.models.model_raw is 'Model exactly as logged; empty when absent.';
comment on column llm.models.provider_name is
  'Who served the call, in OTel gen_ai.provider.name values where one exists.';
comment on column llm.models.model is
  'Canonical model name, lower case, without gateway or vendor prefix; keeps a dated suffix.';
comment on column llm.models.model_family is 'Canonical name without date or revision.';
comment on column llm.models.model_vendor is 'Who made the model, when the spelling tells; empty otherwise.';
comment on column llm.models.mapping_rule is 'Name of the rule that produced the canonical reading.';
comment on column llm.models.is_manual is 'True when a person set the reading; automatic remapping skips it.';
comment on column llm.models.first_seen_at is 'When the spelling was first loaded.';
comment on column llm.models.input_usd_per_mtok is 'Dollars per million uncached input tokens.';
comment on column llm.models.output_usd_per_mtok is 'Dollars per million output tokens.';
comment on column llm.models.price_valid_from is 'First instant the list price applies; null when no price is known.';
comment on column llm.models.price_source is 'List the price came from, or manual.';
