drop table logferry.dirty_hours;
