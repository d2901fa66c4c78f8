package emulator_test

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"logferry/emulator"
)

func createdAt(operator string, seconds float64) string {
	return fmt.Sprintf(`{"key":"created_at","operator":%q,"value":[%q]}`, operator, after(seconds))
}

func TestCloudflareLogs(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.fill(120, "created_at")
	tests := map[string]struct {
		query  []string
		status int
		code   int
		ids    []string
		total  int
	}{
		"newest first by default": {query: []string{"per_page", "2"}, ids: ids(119, 118), total: 120},
		"ascending":               {query: []string{"per_page", "2", "order_by", "created_at", "order_by_direction", "asc"}, ids: ids(0, 1), total: 120},
		"the older spelling":      {query: []string{"per_page", "2", "direction", "asc"}, ids: ids(0, 1), total: 120},
		"the second page":         {query: []string{"per_page", "2", "page", "2"}, ids: ids(117, 116), total: 120},
		"the last page":           {query: []string{"per_page", "50", "page", "3"}, ids: ids(19, 0), total: 120},
		"past the end":            {query: []string{"per_page", "50", "page", "4"}, total: 120},
		"gt and lt are strict": {
			query: []string{"order_by_direction", "asc", "filters", "[" + createdAt("gt", 3) + "," + createdAt("lt", 6) + "]"},
			ids:   ids(4, 5), total: 2,
		},
		"between two logs": {query: []string{"filters", "[" + createdAt("gt", 3.5) + "," + createdAt("lt", 4.5) + "]"}, ids: ids(4, 4), total: 1},
		"nothing":          {query: []string{"filters", "[" + createdAt("gt", 3) + "," + createdAt("lt", 4) + "]"}},
		"by id":            {query: []string{"filters", `[{"key":"id","operator":"eq","value":["a007"]}]`}, ids: ids(7, 7), total: 1},
		"not by id": {
			query: []string{"filters", `[{"key":"id","operator":"neq","value":["a007"]},` + createdAt("lt", 8) + "," + createdAt("gt", 5) + "]"},
			ids:   ids(6, 6), total: 1,
		},
		"dates are inclusive": {
			query: []string{"direction", "asc", "start_date", after(3), "end_date", after(6)}, ids: ids(3, 6), total: 4,
		},
		"unknown parameters are tolerated": {query: []string{"per_page", "1", "limit", "7"}, ids: ids(119, 119), total: 120},
		"too many a page":                  {query: []string{"per_page", "51"}, status: 400, code: 7001},
		"page 0":                           {query: []string{"page", "0"}, status: 400, code: 7001},
		"an unknown direction":             {query: []string{"order_by_direction", "up"}, status: 400, code: 7001},
		"an order that is not served":      {query: []string{"order_by", "model"}, status: 400, code: 7001},
		"filters that are no array":        {query: []string{"filters", `{}`}, status: 400, code: 7001},
		"there is no gte":                  {query: []string{"filters", "[" + createdAt("gte", 3) + "]"}, status: 400, code: 7001},
		"a bound that is no time":          {query: []string{"start_date", "yesterday"}, status: 400, code: 7001},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := s.logs(test.query...)
			if got.status != cmp.Or(test.status, 200) || got.code != test.code {
				t.Fatalf("status %d, code %d; want %d, %d", got.status, got.code, cmp.Or(test.status, 200), test.code)
			}
			if diff := gocmp.Diff(test.ids, got.ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if test.status == 0 && totalOf(got) != test.total {
				t.Errorf("total %d, want %d", totalOf(got), test.total)
			}
		})
	}
}

func TestCloudflareErrors(t *testing.T) {
	s := newScene(t, emulator.Options{CloudflareToken: "token"})
	s.api.AddAccount("empty")
	const accounts = "/client/v4/accounts/"
	tests := map[string]struct {
		path, token  string
		status, code int
	}{
		"a wrong token":       {gatewayLogs, "Bearer other", 401, 10000},
		"another scheme":      {gatewayLogs, "Basic abc", 400, 6003},
		"an unknown gateway":  {accounts + "acc/ai-gateway/gateways/none/logs", "", 404, 7002},
		"an unknown account":  {accounts + "none/ai-gateway/gateways", "", 400, 7003},
		"another product":     {accounts + "acc/workers", "", 404, 7000},
		"an empty account":    {accounts + "empty/ai-gateway/gateways", "", 200, 0},
		"too many gateways":   {accounts + "acc/ai-gateway/gateways?per_page=101", "", 400, 7001},
		"the right one works": {gatewayLogs, "Bearer token", 200, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest("GET", s.base+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", test.token)
			response, body, err := s.send(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := decodeAnswer(response, body); got.status != test.status || got.code != test.code {
				t.Errorf("status %d, code %d; want %d, %d", got.status, got.code, test.status, test.code)
			}
		})
	}
}

func TestGatewayList(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.api.AddGateway("acc", "other")
	s.api.AddGateway("elsewhere", "theirs")
	gone := s.api.AddGateway("acc", "gone")
	s.api.Remove(gone)
	const list = "/client/v4/accounts/acc/ai-gateway/gateways"
	for path, want := range map[string][]string{
		list:                          {"gw", "other"},
		list + "?search=oth":          {"other"},
		list + "?per_page=1&page=2":   {"other"},
		list + "?per_page=100&page=2": nil,
		"/client/v4/accounts/elsewhere/ai-gateway/gateways": {"theirs"},
	} {
		if got := s.ask("GET", path, ""); !gocmp.Equal(want, got.ids) || got.status != 200 {
			t.Errorf("%s: status %d, %v; want %v", path, got.status, got.ids, want)
		}
	}
	s.gateway.SetEntry([]byte(`{"id":"gw","collect_logs":false}`))
	if got := s.ask("GET", list, ""); !gocmp.Equal([]string{"gw", "other"}, got.ids) || !contains(got.body, `"collect_logs":false`) {
		t.Errorf("the entry that was set is not listed: %s", got.body)
	}
}

func TestCloudflareBudget(t *testing.T) {
	clock := newClock(day)
	s := newScene(t, emulator.Options{
		Now:              clock.now,
		CloudflareBudget: emulator.Budget{Requests: 3, Window: 5 * time.Minute, Block: 5 * time.Minute},
	})
	step := func(wait time.Duration, status int, ratelimit, retryAfter string) {
		t.Helper()
		clock.advance(wait)
		got := s.logs()
		if got.status != status || got.header.Get("Ratelimit") != ratelimit || got.header.Get("Retry-After") != retryAfter {
			t.Errorf("after %s: status %d, Ratelimit %q, Retry-After %q; want %d, %q, %q", clock.now().Sub(day),
				got.status, got.header.Get("Ratelimit"), got.header.Get("Retry-After"), status, ratelimit, retryAfter)
		}
		if policy := got.header.Get("Ratelimit-Policy"); policy != `"default";q=3;w=300` {
			t.Errorf("Ratelimit-Policy: %q", policy)
		}
	}
	step(0, 200, `"default";r=2;t=300`, "")
	step(4*time.Minute, 200, `"default";r=1;t=60`, "")
	step(time.Minute, 200, `"default";r=1;t=240`, "") // the first has left the window
	step(time.Second, 200, `"default";r=0;t=239`, "")
	step(time.Second, 429, `"default";r=0;t=300`, "300") // the block begins
	step(4*time.Minute, 429, `"default";r=0;t=60`, "60") // the window has room; the block stands
	step(time.Minute-time.Second, 429, `"default";r=0;t=1`, "1")
	step(time.Second, 200, `"default";r=2;t=300`, "")
	if got := s.api.MaxInWindow("token", 5*time.Minute); got != 4 {
		t.Errorf("MaxInWindow: %d", got)
	}
	if got := s.api.MaxInWindow("somebody else", time.Hour); got != 0 {
		t.Errorf("MaxInWindow of another credential: %d", got)
	}
}

func TestBudgetIsPerCredential(t *testing.T) {
	s := newScene(t, emulator.Options{CloudflareBudget: emulator.Budget{Requests: 1, Window: time.Hour}})
	if got := s.logs(); got.status != 200 {
		t.Fatalf("first request: status %d", got.status)
	}
	if got := s.logs(); got.status != 429 || got.code != 10429 {
		t.Errorf("second request: status %d, code %d", got.status, got.code)
	}
	r, err := http.NewRequest("GET", s.base+gatewayLogs, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer another")
	if response, _, err := s.send(r); err != nil || response.StatusCode != 200 {
		t.Errorf("another credential: %v, %v", response, err)
	}
}
