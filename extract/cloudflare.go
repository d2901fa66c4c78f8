package extract

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Names of the time filter's spellings on Cloudflare, in Dialect.Filter.
const (
	FilterFilters      = "filters"                 // filters=[{key, operator gt or lt, value}], the documented way
	FilterStartEndDate = "start_date and end_date" // start_date and end_date, deprecated but honoured in September 2026
)

// CloudflareNewAccounts is what to tell somebody whose account lists no
// gateway or no log (Cloudflare's own notice on its Legacy Logs).
const CloudflareNewAccounts = "accounts created on or after 2026-09-24 log into Cloudflare's Workers Observability, " +
	"which the AI Gateway logs API does not list"

// Most rows a page: 51 logs a page are refused with 400, code 7001.
const (
	cloudflareLogs     = 50
	cloudflareGateways = 100
)

// CloudflareConfig says which account to read.
type CloudflareConfig struct {
	Token     string // an API token with the permission AI Gateway Read
	AccountID string
	BaseURL   string // https://api.cloudflare.com/client/v4 or another; /accounts/… is appended
	Options
}

// Cloudflare is an account's AI Gateway log lists.
type Cloudflare struct {
	client  *client
	account string
}

// NewCloudflare makes no request.
func NewCloudflare(cfg CloudflareConfig) *Cloudflare {
	c := newClient(sourceCloudflare, cfg.Token, "CLOUDFLARE_API_TOKEN", cfg.BaseURL, cfg.Options)
	// Going over the limit blocks every call of the token for five minutes.
	c.blind = func(int) time.Duration { return longestWait }
	return &Cloudflare{client: c, account: cfg.AccountID}
}

// Stats counts the requests made so far; it may be called at any time.
func (c *Cloudflare) Stats() Stats { return c.client.stats() }

// Streams lists the account's gateways.
func (c *Cloudflare) Streams(ctx context.Context) ([]Stream, error) {
	const op = "list gateways"
	gateways, err := c.client.listAll(op, cloudflareGateways, func(page int) (listing, error) {
		l, _, err := c.client.list(ctx, readCloudflare, &call{
			op:   op,
			page: page,
			path: c.path("gateways"),
			query: url.Values{
				"page":     {strconv.Itoa(page)},
				"per_page": {strconv.Itoa(cloudflareGateways)},
			},
		})
		return l, err
	})
	if err != nil {
		return nil, err
	}
	var streams []Stream
	for _, g := range gateways {
		id := text(g["id"])
		streams = append(streams, Stream{Container: id, Name: c.Name(id), Keeps: Retention{
			Off: string(g["collect_logs"]) == "false", Limit: number(g["log_management"], 0), AtFull: text(g["log_management_strategy"]),
		}})
	}
	return streams, nil
}

// Name is how a gateway's stream is shown: cloudflare/<account>/<gateway>.
func (c *Cloudflare) Name(gateway string) string {
	return "cloudflare/" + c.account + "/" + gateway
}

// Page asks for one page of a gateway's logs.
func (c *Cloudflare) Page(ctx context.Context, ask Ask) (Answer, error) {
	direction := "asc"
	if ask.Newest {
		direction = "desc"
	}
	query := url.Values{
		"page":               {strconv.Itoa(ask.Page)},
		"per_page":           {strconv.Itoa(ask.Size)},
		"order_by":           {"created_at"},
		"order_by_direction": {direction},
	}
	if err := cloudflareBounds(query, ask); err != nil {
		return Answer{}, err
	}
	l, r, err := c.client.list(ctx, readCloudflare, &call{
		op:        "list logs",
		container: ask.Container,
		page:      ask.Page,
		room:      ask.room,
		path:      c.path("gateways", ask.Container, "logs"),
		query:     query,
	})
	return l.answer(r), err
}

// Dialects are the two spellings of the time filter.
func (c *Cloudflare) Dialects() []Dialect {
	var out []Dialect
	for _, filter := range []string{FilterFilters, FilterStartEndDate} {
		out = append(out, Dialect{
			Filter: filter, Shape: "result", TimeField: "created_at",
			Tick: time.Millisecond, PageSize: cloudflareLogs,
		})
	}
	return out
}

func (c *Cloudflare) path(parts ...string) string {
	escaped := []string{"/accounts", url.PathEscape(c.account), "ai-gateway"}
	for _, part := range parts {
		escaped = append(escaped, url.PathEscape(part))
	}
	return strings.Join(escaped, "/")
}

// cloudflareBounds adds the time filter. Only gt and lt exist, there is no
// gte and no lte.
func cloudflareBounds(query url.Values, ask Ask) error {
	if ask.From.IsZero() && ask.To.IsZero() {
		return nil
	}
	from, to := bound(ask.From, ask.Dialect.Tick), bound(ask.To, ask.Dialect.Tick)
	switch ask.Dialect.Filter {
	case FilterStartEndDate:
		query.Set("start_date", from)
		query.Set("end_date", to)
	case FilterFilters:
		type condition struct {
			Key      string   `json:"key"`
			Operator string   `json:"operator"`
			Value    []string `json:"value"`
		}
		text, err := json.Marshal([]condition{
			{"created_at", "gt", []string{from}},
			{"created_at", "lt", []string{to}},
		})
		if err != nil {
			return err
		}
		query.Set("filters", string(text))
	default:
		return unknownFilter(sourceCloudflare, ask)
	}
	return nil
}

// bound writes a filter's instant in UTC, with as many digits as the tick has.
func bound(t time.Time, tick time.Duration) string {
	if tick >= time.Second {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// unknownFilter is the error of an Ask whose dialect this version can't speak.
func unknownFilter(source string, ask Ask) error {
	return &Error{
		Kind: Config, Source: source, Container: ask.Container, Op: "list logs",
		Err: fmt.Errorf("the time filter %q is not one this version of logferry knows", ask.Dialect.Filter),
	}
}
