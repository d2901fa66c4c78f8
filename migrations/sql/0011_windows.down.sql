drop table logferry.windows;
