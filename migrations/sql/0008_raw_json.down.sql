drop function logferry_private.raw_json(bytea);
