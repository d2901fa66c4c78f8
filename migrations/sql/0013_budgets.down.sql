drop table logferry.budget_slots;
drop table logferry.budgets;
