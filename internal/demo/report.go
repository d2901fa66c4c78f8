package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/ferry"
)

// report prints what the syncs left behind: the ledger, what it cost in
// requests, and what can be asked now.
func (s *show) report(ctx context.Context) error {
	conn, err := connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := s.ledger(ctx, conn); err != nil {
		return err
	}
	s.requests()
	return s.questions(ctx, conn)
}

// ledgerSQL counts, for each stream, what the source announced for the attested
// windows, and the rows there.
const ledgerSQL = `
select stream_name as stream, l.windows, l.announced,
       count(r.log_id) filter (where r.created_at < f.watermark_at) as rows,
       count(r.log_id) filter (where r.created_at >= f.watermark_at) as tail
from llm.freshness f
join (select stream_name, count(*) as windows, sum(source_total) as announced
      from llm.load_audit where status = 'attested' group by stream_name) l using (stream_name)
left join llm.requests r using (stream_name)
where stream_name = any($1)
group by 1, 2, 3 order by 1`

func (s *show) ledger(ctx context.Context, conn *pgx.Conn) error {
	rows, err := ask(ctx, conn, ledgerSQL, s.world.streams())
	if err != nil {
		return err
	}
	s.print.heading("The proof: attested windows, from the ledger")
	s.print.table(rows)
	s.print.text(`
A window is attested when it holds exactly as many different logs as its source
announced. The tail is what is younger than 10 minutes, to which a source may
still add: it is loaded, but vouched for only when it is older.`)
	return nil
}

// An account is what the first sync asked with one credential.
type account struct {
	name     string
	budget   ferry.Budget // the default one
	page     int          // logs that the provider serves at once
	requests int
	logs     int
}

// wait is how long n requests wait for the budget: the first ones go at once.
func (a account) wait(n int) time.Duration {
	return time.Duration(max(0, n-1)/a.budget.Requests) * a.budget.Per
}

func (s *show) requests() {
	s.print.heading("What it took, and what real accounts would make of it")
	rows := [][]string{{"source", "logs", "requests", "real budget", "waits", "a million logs"}}
	for _, a := range s.accounts() {
		rows = append(rows, []string{
			a.name, strconv.Itoa(a.logs), strconv.Itoa(a.requests), fmt.Sprintf("%d/%.0fm", a.budget.Requests, a.budget.Per.Minutes()),
			spoken(a.wait(a.requests)), spoken(a.wait(1_000_000 / a.page)),
		})
	}
	s.print.table(rows)
	s.print.text(`
So long would the same requests, and those for a million logs, have to wait for
the default budgets, which are a little below what the providers allow. The demo
raises them: its providers are its own.`)
}

func (s *show) accounts() []account {
	cloudflare := account{"Cloudflare AI Gateway", ferry.Budget{Requests: 1000, Per: 5 * time.Minute}, 50, s.cloudflare, 0}
	keywordsAI := account{"Keywords AI", ferry.Budget{Requests: 50, Per: time.Minute}, 100, s.keywordsAI, 0}
	for _, f := range s.world.feeds {
		if f.dataset {
			keywordsAI.logs += len(f.calls)
		} else {
			cloudflare.logs += len(f.calls)
		}
	}
	return []account{cloudflare, keywordsAI}
}

// spoken is a span in hours and minutes.
func spoken(d time.Duration) string {
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	switch {
	case d < time.Minute:
		return "none"
	case hours == 0:
		return fmt.Sprintf("%dm", minutes)
	}
	return fmt.Sprintf("%dh%02dm", hours, minutes)
}

// next says what to do now.
func (s *show) next() {
	s.print.heading("Your own logs next")
	s.print.text(strings.TrimPrefix(`
  export DATABASE_URL=postgres://…      # Postgres 15 or later
  export CLOUDFLARE_ACCOUNT_ID=… CLOUDFLARE_API_TOKEN=…
  export KEYWORDSAI_API_KEY=…           # either source, or both
  logferry check && logferry migrate up && logferry sync

README.md has it under "The first real sync, in five minutes".`, "\n"))
}
