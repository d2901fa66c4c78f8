drop table logferry_private.raw_logs;
