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

// Filters for (day+3s … day+6s) in each grammar, %[1]s being the time member.
var (
	bounds = fmt.Sprintf(`{"%%[1]s":{"gte":%q,"lte":%q}}`, after(3), after(6))
	list   = fmt.Sprintf(`{"%%[1]s":[{"operator":"gte","value":%q},{"operator":"lt","value":[%q]}]}`, after(3), after(6))
	bundle = fmt.Sprintf(`{"%%[1]s":{"operator":"gt","value":%q},"rest":{"connector":"AND","filter_params":{"%%[1]s":{"operator":"lte","value":%q}}}}`, after(3), after(6))
)

func body(filters, timeField, more string) string {
	return `{"filters":` + fmt.Sprintf(filters, timeField) + more + `}`
}

func TestKeywordsAIDialects(t *testing.T) {
	const created, stamp = "created_at", "timestamp"
	array := emulator.Dialect{Shape: emulator.ShapeArray, TimeField: "start_time"}
	tests := map[string]struct {
		dialect     emulator.Dialect
		query, body string
		ids         []string
		total       int // -1: none
		status      int // 0: 200
	}{
		"seed: order of ids, 50 a page":        {body: `{}`, ids: ids(0, 49), total: 120},
		"seed: body paging":                    {body: `{"page":2,"page_size":100}`, ids: ids(100, 119), total: 120},
		"seed: page in the query is not seen":  {query: "page=2", body: `{"page_size":3}`, ids: ids(0, 2), total: 120},
		"seed: page size clamped to 100":       {body: `{"page_size":1000}`, ids: ids(0, 99), total: 120},
		"seed: empty past the end":             {body: `{"page":9}`, total: 120},
		"seed: gte and lte":                    {body: body(bounds, created, `,"sort_by":"-created_at"`), ids: ids(6, 3), total: 4},
		"seed: other grammar ignored":          {body: body(list, created, `,"page_size":1`), ids: ids(0, 0), total: 120},
		"seed: sort in the query":              {query: "sort_by=-created_at", body: `{"page_size":2}`, ids: ids(119, 118), total: 120},
		"seed: by id":                          {body: body(`{"id":"a009"%.0s}`, created, ""), ids: ids(9, 9), total: 1},
		"seed: not JSON":                       {body: `{`, status: 400},
		"seed: a bound that is no time":        {body: `{"filters":{"created_at":{"gte":"soon"}}}`, status: 400},
		"live: query paging":                   {dialect: emulator.LiveDialect, query: "page=2&page_size=100", body: `{"page":7}`, ids: ids(100, 119), total: 120},
		"live: 404 past the end":               {dialect: emulator.LiveDialect, query: "page=3&page_size=100", status: 404},
		"live: a list of conditions":           {dialect: emulator.LiveDialect, query: "sort_by=timestamp", body: body(list, stamp, ""), ids: ids(3, 5), total: 3},
		"live: bounds ignored":                 {dialect: emulator.LiveDialect, query: "page_size=1", body: body(bounds, stamp, ""), ids: ids(0, 0), total: 120},
		"live: bundle is not read":             {dialect: emulator.LiveDialect, query: "page_size=100", body: body(bundle, stamp, ""), ids: ids(4, 103), total: 116},
		"live: another time member is ignored": {dialect: emulator.LiveDialect, query: "page_size=1", body: body(list, created, ""), ids: ids(0, 0), total: 120},
		"bundle": {
			dialect: emulator.Dialect{Grammar: emulator.GrammarBundle}, body: body(bundle, created, ""), ids: ids(4, 6), total: 3,
		},
		"bundle: a list is not read": {
			dialect: emulator.Dialect{Grammar: emulator.GrammarBundle, OtherGrammar: emulator.MatchesNothing}, body: body(list, created, ""),
		},
		"other grammar refused": {
			dialect: emulator.Dialect{OtherGrammar: emulator.Refused}, body: body(list, created, ""), status: 400,
		},
		"a filter by another name": {
			dialect: emulator.Dialect{TimeField: stamp, FilterField: created}, body: body(bounds, created, `,"sort_by":"created_at"`), ids: ids(3, 6), total: 4,
		},
		"sort ignored":       {dialect: emulator.Dialect{SortFrom: emulator.Nowhere}, query: "sort_by=-created_at", body: `{"page_size":2}`, ids: ids(0, 1), total: 120},
		"sort only on GET":   {dialect: emulator.Dialect{SortFrom: emulator.OnGet}, query: "sort_by=-created_at", body: `{"page_size":2}`, ids: ids(0, 1), total: 120},
		"array":              {dialect: array, query: "page_size=2&page=2", body: `{}`, ids: ids(2, 3), total: -1},
		"array past the end": {dialect: array, query: "page=9", body: `{}`, total: -1},
		"results with an empty page past the end": {
			dialect: emulator.Dialect{Shape: emulator.ShapeResults, PastEnd: emulator.EmptyPage}, query: "page=9", body: `{}`, total: 120,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, emulator.Options{KeywordsAI: test.dialect})
			s.fill(120, cmp.Or(test.dialect.TimeField, created))
			got := s.datasetPage(test.query, test.body)
			if got.status != cmp.Or(test.status, 200) {
				t.Fatalf("status %d, want %d", got.status, cmp.Or(test.status, 200))
			}
			if diff := gocmp.Diff(test.ids, got.ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if test.status == 0 && totalOf(got) != test.total {
				t.Errorf("total %d, want %d", totalOf(got), test.total)
			}
			if test.status != 0 && got.detail == "" {
				t.Error("an error without detail")
			}
		})
	}
}

func TestKeywordsAIGet(t *testing.T) {
	s := newScene(t, emulator.Options{KeywordsAI: emulator.Dialect{SortFrom: emulator.OnGet}})
	s.fill(10, "created_at")
	for _, path := range []string{datasetLogs, "/api/datasets/ds/logs/"} {
		got := s.ask("GET", path+"?page=2&page_size=3&sort_by=-created_at", "")
		if diff := gocmp.Diff(ids(6, 4), got.ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestKeywordsAILinks(t *testing.T) {
	s := newScene(t, emulator.Options{KeywordsAI: emulator.LiveDialect})
	s.fill(5, "timestamp")
	if got := s.datasetPage("page_size=3", "{}"); got.next != s.base+datasetLogs+"?page=2&page_size=3" {
		t.Errorf("next: %q", got.next)
	}
	if got := s.datasetPage("page_size=3&page=2", "{}"); got.next != "" {
		t.Errorf("next of the last page: %q", got.next)
	}
	s.dataset.SetFaults(emulator.Faults{NextHost: "http://elsewhere.example"})
	if got := s.datasetPage("page_size=3", "{}"); got.next != "http://elsewhere.example"+datasetLogs+"?page=2&page_size=3" {
		t.Errorf("next on another host: %q", got.next)
	}
}

func TestDatasetList(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.api.AddDataset("other", "Other")
	want := []string{"ds", "other"}
	for _, request := range [][2]string{{"GET", "/api/datasets/"}, {"GET", "/api/datasets/list/"}, {"POST", "/api/datasets/list/"}} {
		if got := s.ask(request[0], request[1], ""); !gocmp.Equal(want, got.ids) || totalOf(got) != 2 {
			t.Errorf("%v: %v, total %d", request, got.ids, totalOf(got))
		}
	}
	if got := s.ask("GET", "/api/datasets/?page=2&page_size=1", ""); !gocmp.Equal(want[1:], got.ids) {
		t.Errorf("second page: %v", got.ids)
	}
	if got := s.ask("GET", "/api/datasets/?page=3&page_size=1", ""); got.status != 404 {
		t.Errorf("past the end: status %d", got.status)
	}
}

func TestKeywordsAIErrors(t *testing.T) {
	s := newScene(t, emulator.Options{KeywordsAIKey: "token"})
	r, err := http.NewRequest("GET", s.base+datasetLogs, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer wrong")
	if response, _, err := s.send(r); err != nil || response.StatusCode != 401 {
		t.Errorf("a wrong key: %v, %v", response, err)
	}
	for path, status := range map[string]int{
		"/api/datasets/none/logs/list/": 404, "/api/datasets/ds/other/": 404, "/elsewhere": 404, datasetLogs: 200,
	} {
		if got := s.ask("GET", path, ""); got.status != status {
			t.Errorf("%s: status %d, want %d", path, got.status, status)
		}
	}
	if got := s.ask("DELETE", datasetLogs, ""); got.status != 405 {
		t.Errorf("DELETE: status %d", got.status)
	}
}

func TestSlashRedirect(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.fill(3, "created_at")
	got := s.ask("POST", "/api/datasets/ds/logs/list?page_size=2", `{}`)
	if got.status != 301 || got.header.Get("Location") != datasetLogs+"?page_size=2" {
		t.Errorf("status %d, Location %q", got.status, got.header.Get("Location"))
	}
	s.dataset.SetDialect(emulator.Dialect{SlashOptional: true})
	if got := s.ask("POST", "/api/datasets/ds/logs/list", `{"page_size":2}`); got.status != 200 || len(got.ids) != 2 {
		t.Errorf("slash optional: status %d, %v", got.status, got.ids)
	}
}

func TestKeywordsAIBudget(t *testing.T) {
	clock := newClock(day)
	s := newScene(t, emulator.Options{Now: clock.now})
	for i := range 60 {
		if got := s.datasetPage("", "{}"); got.status != 200 {
			t.Fatalf("request %d: status %d", i+1, got.status)
		}
	}
	clock.advance(15 * time.Second)
	got := s.datasetPage("", "{}")
	if got.status != 429 || !contains(got.body, `"retry_after":45`) || got.header.Get("Retry-After") != "" {
		t.Errorf("status %d, body %s, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
	}
	clock.advance(45 * time.Second)
	if got := s.datasetPage("", "{}"); got.status != 200 {
		t.Errorf("after the wait: status %d", got.status)
	}
}
