-- Schema logferry stays: it holds the record of what is applied.
drop schema llm;
drop schema logferry_private;
