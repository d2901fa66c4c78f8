drop view llm.models;
