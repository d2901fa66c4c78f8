package demo

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// A question is one that an analyst would ask, and its SQL.
type question struct{ text, sql string }

var questions = []question{
	{"What does each model cost, whoever serves it?", `
select model_family, sum(request_count) as requests,
       sum(total_tokens) as tokens, round(sum(cost_usd), 2) as usd,
       round(100 * sum(cost_usd) / sum(sum(cost_usd)) over (), 1) as percent
from llm.usage_daily group by 1 order by usd desc limit 5`},

	{"Which team spends it? (the callers' own tags)", `
select metadata->>'team' as team, count(*) as requests,
       count(distinct user_id) as users, round(sum(cost_usd), 2) as usd
from llm.requests where metadata ? 'team'
group by 1 order by usd desc limit 5`},

	{"How long do people wait for an answer?", `
select provider_name, count(*) as answers,
       percentile_disc(0.5) within group (order by duration_ms) as p50_ms,
       percentile_disc(0.95) within group (order by duration_ms) as p95_ms
from llm.requests where outcome = 'success' and not is_cache_hit
group by 1 order by p95_ms desc limit 5`},

	{"What fails, and where?", `
select provider_name, status_code, sum(request_count) as errors
from llm.usage_daily where outcome = 'error'
group by 1, 2 order by errors desc, 1, 2 limit 5`},

	{"Up to when are the numbers exact?", `
select stream_name, complete_through, gaps, doubtful_windows as doubtful
from llm.freshness order by 1`},
}

// questions asks them all, over everything in the database.
func (s *show) questions(ctx context.Context, conn *pgx.Conn) error {
	s.print.heading("What an analyst can ask now: schema llm, every column commented")
	for i, q := range questions {
		rows, err := ask(ctx, conn, q.sql)
		if err != nil {
			return err
		}
		if i > 0 {
			s.print.line("")
		}
		s.print.line("%s", q.text)
		s.print.line("")
		s.print.indented(q.sql + ";")
		s.print.line("")
		s.print.table(rows)
	}
	return nil
}

// connect opens a connection that spells times in UTC.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["timezone"] = "UTC"
	return pgx.ConnectConfig(ctx, config)
}

// ask returns the answer as text, after a row of the columns' names.
func ask(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([][]string, error) {
	// The simple protocol answers in text.
	rows, err := conn.Query(ctx, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for _, column := range rows.FieldDescriptions() {
		names = append(names, column.Name)
	}
	answer := [][]string{names}
	for rows.Next() {
		var cells []string
		for _, value := range rows.RawValues() {
			cells = append(cells, string(value))
		}
		answer = append(answer, cells)
	}
	return answer, rows.Err()
}
