drop table logferry.requests;
