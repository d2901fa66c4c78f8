drop table logferry_private.payloads;
