drop view llm.requests;
