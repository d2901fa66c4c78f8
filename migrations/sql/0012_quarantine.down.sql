drop table logferry_private.quarantine;
