drop function logferry.ensure_partitions(timestamptz, timestamptz);
