drop view llm.load_audit;
