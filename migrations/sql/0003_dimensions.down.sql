drop table logferry.endpoints;
drop table logferry.models;
