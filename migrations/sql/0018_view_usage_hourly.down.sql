drop view llm.usage_hourly;
