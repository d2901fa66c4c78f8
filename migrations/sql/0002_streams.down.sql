drop function logferry.watermark(timestamptz, tstzmultirange);
drop table logferry.stream_state;
drop table logferry.streams;
