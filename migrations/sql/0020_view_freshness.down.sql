drop view llm.freshness;
