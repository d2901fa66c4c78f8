drop table logferry.lateness;
