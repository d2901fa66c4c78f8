drop view llm.usage_daily;
