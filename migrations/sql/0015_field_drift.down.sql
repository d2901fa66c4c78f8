drop table logferry.field_drift;
