drop table logferry.runs;
