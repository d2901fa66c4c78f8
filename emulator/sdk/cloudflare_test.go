package sdk

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v6/ai_gateway"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/shared"
	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
)

const (
	account = "0123456789abcdef0123456789abcdef"
	token   = "canary-token-sdk"
)

var (
	from = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	to   = from.Add(48 * time.Hour)
)

// served starts an emulator with three gateways, the first full of logs, and
// returns the vendor's client for it, and the logs.
func served(t *testing.T) (*ai_gateway.AIGatewayService, []emulator.Log) {
	t.Helper()
	e := emulator.New(emulator.Options{CloudflareToken: token, CloudflareBudget: emulator.Unlimited})
	prod := e.AddGateway(account, "prod")
	for _, call := range emulator.Synthetic(1, 430, from, to) {
		prod.Insert(emulator.CloudflareLog(call))
	}
	e.AddGateway(account, "staging")
	e.AddGateway(account, "empty")
	base, stop, err := e.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return ai_gateway.NewAIGatewayService(
		option.WithBaseURL(emulator.CloudflareBase(base)), option.WithAPIToken(token), option.WithMaxRetries(0)), prod.Logs()
}

// set fills a parameter. The SDK's own way, cloudflare.F, links all of the SDK,
// which takes minutes to compile.
func set[T any](value *T, present *bool, to T) { *value, *present = to, true }

func TestVendorSDKListsGateways(t *testing.T) {
	gateways, _ := served(t)
	var ids []string
	var params ai_gateway.AIGatewayListParams
	set(&params.AccountID.Value, &params.AccountID.Present, account)
	set(&params.PerPage.Value, &params.PerPage.Present, 2)
	pages := gateways.ListAutoPaging(t.Context(), params)
	for pages.Next() {
		g := pages.Current()
		ids = append(ids, g.ID)
		for name, field := range map[string]interface{ IsMissing() bool }{
			"collect_logs": g.JSON.CollectLogs, "created_at": g.JSON.CreatedAt, "modified_at": g.JSON.ModifiedAt, "cache_ttl": g.JSON.CacheTTL,
			"cache_invalidate_on_update": g.JSON.CacheInvalidateOnUpdate,
			"rate_limiting_interval":     g.JSON.RateLimitingInterval, "rate_limiting_limit": g.JSON.RateLimitingLimit,
		} {
			if field.IsMissing() {
				t.Errorf("gateway %s has no %s, which the vendor requires", g.ID, name)
			}
		}
		if !g.CollectLogs || g.CreatedAt.Year() != 2025 {
			t.Errorf("gateway %s: collects logs %t, created at %s", g.ID, g.CollectLogs, g.CreatedAt)
		}
	}
	if err := pages.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prod", "staging", "empty"}, ids); diff != "" {
		t.Error(diff)
	}
}

// A log is what the SDK reads of a log that counts, and what was served of it.
type log struct {
	ID, CreatedAt, Provider, Model, Path    string
	Duration, StatusCode, Step              int64
	TokensIn, TokensOut                     int64
	Success, Cached, CustomCost             bool
	Cost                                    float64
	ModelType, RequestType                  string
	RequestContentType, ResponseContentType string
	Metadata                                string
}

func TestVendorSDKPagesThroughLogs(t *testing.T) {
	gateways, all := served(t)
	within := func(l emulator.Log) bool {
		return l.At.After(from.Add(6*time.Hour)) && l.At.Before(from.Add(30*time.Hour))
	}
	start, end := from.Add(6*time.Hour), from.Add(30*time.Hour)
	size := func(p *ai_gateway.LogListParams, n int64) { set(&p.PerPage.Value, &p.PerPage.Present, n) }
	between := func(p *ai_gateway.LogListParams) {
		p.Filters.Value = append(p.Filters.Value,
			filter("created_at", "gt", start.Format(time.RFC3339)), filter("created_at", "lt", end.Format(time.RFC3339)))
		p.Filters.Present = true
	}
	for _, c := range []struct {
		name string
		ask  func(*ai_gateway.LogListParams)
		keep func(emulator.Log) bool
	}{
		{"all, by pages of the default size", func(*ai_gateway.LogListParams) {}, nil},
		{"all, newest first", func(p *ai_gateway.LogListParams) {
			size(p, 50)
			set(&p.OrderByDirection.Value, &p.OrderByDirection.Present, ai_gateway.LogListParamsOrderByDirectionDesc)
		}, nil},
		{"filters of time", func(p *ai_gateway.LogListParams) {
			size(p, 50)
			between(p)
		}, within},
		{"start and end", func(p *ai_gateway.LogListParams) {
			size(p, 7)
			set(&p.StartDate.Value, &p.StartDate.Present, start)
			set(&p.EndDate.Value, &p.EndDate.Present, end)
		}, within},
		{"filter of a model", func(p *ai_gateway.LogListParams) {
			between(p)
			p.Filters.Value = append(p.Filters.Value, filter("model", "eq", "gpt-4o-mini"))
		}, func(l emulator.Log) bool { return within(l) && read(t, l.Doc).Model == "gpt-4o-mini" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[string]log{}
			for _, l := range all {
				if c.keep == nil || c.keep(l) {
					want[l.ID] = read(t, l.Doc)
				}
			}
			if len(want) < 5 {
				t.Fatalf("only %d logs are wanted", len(want))
			}
			var params ai_gateway.LogListParams
			set(&params.AccountID.Value, &params.AccountID.Present, account)
			set(&params.OrderBy.Value, &params.OrderBy.Present, ai_gateway.LogListParamsOrderByCreatedAt)
			c.ask(&params)
			got := map[string]log{}
			pages := gateways.Logs.ListAutoPaging(t.Context(), "prod", params)
			for pages.Next() {
				l := pages.Current()
				if _, twice := got[l.ID]; twice {
					t.Errorf("log %s came twice", l.ID)
				}
				got[l.ID] = log{
					l.ID, l.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), l.Provider, l.Model, l.Path,
					l.Duration, l.StatusCode, l.Step, l.TokensIn, l.TokensOut, l.Success, l.Cached, l.CustomCost, l.Cost,
					l.ModelType, l.RequestType, l.RequestContentType, l.ResponseContentType,
					l.JSON.Metadata.Raw(), // a text by the schema, an object live
				}
			}
			if err := pages.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the SDK reads differs from what is served (-served +read):\n%s", diff)
			}
		})
	}
}

func filter(key, operator, value string) ai_gateway.LogListParamsFilter {
	var f ai_gateway.LogListParamsFilter
	set(&f.Key.Value, &f.Key.Present, ai_gateway.LogListParamsFiltersKey(key))
	set(&f.Operator.Value, &f.Operator.Present, ai_gateway.LogListParamsFiltersOperator(operator))
	set(&f.Value.Value, &f.Value.Present, []ai_gateway.LogListParamsFiltersValueUnion{shared.UnionString(value)})
	return f
}

// read is a served document, by the names of the schema.
func read(t *testing.T, doc []byte) log {
	t.Helper()
	var d struct {
		ID, Provider, Model, Path string
		CreatedAt                 string `json:"created_at"`
		Duration, Step            int64
		StatusCode                int64 `json:"status_code"`
		TokensIn                  int64 `json:"tokens_in"`
		TokensOut                 int64 `json:"tokens_out"`
		Success, Cached           bool
		CustomCost                bool `json:"custom_cost"`
		Cost                      float64
		ModelType                 string `json:"model_type"`
		RequestType               string `json:"request_type"`
		RequestContentType        string `json:"request_content_type"`
		ResponseContentType       string `json:"response_content_type"`
		Metadata                  json.RawMessage
	}
	if err := json.Unmarshal(doc, &d); err != nil {
		t.Fatal(fmt.Errorf("a served document: %w", err))
	}
	return log{
		d.ID, d.CreatedAt, d.Provider, d.Model, d.Path, d.Duration, d.StatusCode, d.Step, d.TokensIn, d.TokensOut,
		d.Success, d.Cached, d.CustomCost, d.Cost, d.ModelType, d.RequestType, d.RequestContentType, d.ResponseContentType, string(d.Metadata),
	}
}
