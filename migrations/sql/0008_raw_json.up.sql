-- Three attempts, each only when the one before failed:
--   1. the document as it is;
--   2. with bytes that are no UTF-8, and NUL bytes, replaced by U+FFFD one by one;
--   3. with NUL escapes and lone surrogate escapes, which jsonb refuses, replaced too.
-- What is no JSON even then is returned as a JSON string of the text, so that nothing is
-- hidden from the reader. A document that Postgres cannot render for another reason
-- (nested too deeply, a number beyond numeric, too large) comes as a string as well, or
-- as null when not even that fits.
create function logferry_private.raw_json(raw bytea) returns jsonb
language plpgsql immutable strict set search_path = pg_catalog, pg_temp as $f$
declare
  v_text text;
  v_clean text;
begin
  begin
    v_text := convert_from(raw, 'UTF8');
    return v_text::jsonb;
  exception when others then
    null;
  end;

  if v_text is null then
    -- Cut the hexadecimal form into runs of well-formed UTF-8 and single other bytes.
    select convert_from(decode(coalesce(string_agg(coalesce(piece[1], 'efbfbd'), '' order by position), ''), 'hex'), 'UTF8')
    into v_text
    from regexp_matches(encode(raw, 'hex'), '((?:' ||
      '0[1-9a-f]|[1-7].|(?:c[2-9a-f]|d.)[89ab].|' ||
      'e0[ab].[89ab].|e[1-9abcef][89ab].[89ab].|ed[89].[89ab].|' ||
      'f0[9ab].[89ab].[89ab].|f[123][89ab].[89ab].[89ab].|f48.[89ab].[89ab].' ||
      ')+)|..', 'g') with ordinality as pieces (piece, position);
  end if;

  -- An escaped backslash may stand before the letter u: hide such pairs behind a
  -- character that no JSON text holds as it is, while the escapes are looked at.
  if strpos(v_text, E'\x01') > 0 then
    return to_jsonb(v_text);
  end if;
  v_clean := replace(v_text, '\\', E'\x01');
  v_clean := replace(v_clean, '\u0000', '\ufffd');
  v_clean := regexp_replace(v_clean, '\\u[dD][89abAB][[:xdigit:]]{2}(?!\\u[dD][c-fC-F][[:xdigit:]]{2})', '\\ufffd', 'g');
  v_clean := regexp_replace(v_clean, '(?<!\\u[dD][89abAB][[:xdigit:]]{2})\\u[dD][c-fC-F][[:xdigit:]]{2}', '\\ufffd', 'g');
  begin
    return replace(v_clean, E'\x01', '\\')::jsonb;
  exception when others then
    return to_jsonb(v_text);
  end;
exception when others then
  return null;
end $f$;

revoke execute on function logferry_private.raw_json(bytea) from public;

comment on function logferry_private.raw_json(bytea) is
  'Renders a raw document for people: NUL, lone surrogates and bytes that are no UTF-8 come as U+FFFD, and what is no JSON comes as a JSON string. Never fails.';
