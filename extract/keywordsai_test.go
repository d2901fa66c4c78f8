package extract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeywordsAIRequest(t *testing.T) {
	from := time.Date(2026, 11, 1, 1, 2, 3, 456_789_000, time.FixedZone("", 3600))
	to := from.Add(time.Hour)
	for _, c := range []struct {
		name        string
		ask         Ask
		query, body string
	}{
		{"no filter, nothing known yet, newest first", Ask{Newest: true},
			"page=3&page_size=100&sort_by=-timestamp",
			`{"filters":{},"page":3,"page_size":100,"sort_by":"-timestamp"}`},
		{"range", Ask{From: from, To: to, Dialect: Dialect{Filter: FilterRange, TimeField: "created_at", Tick: time.Millisecond}},
			"page=3&page_size=100&sort_by=created_at",
			`{"filters":{"created_at":{"gte":"2026-11-01T00:02:03.456Z","lte":"2026-11-01T01:02:03.456Z"}},"page":3,"page_size":100,"sort_by":"created_at"}`},
		{"conditions, whole seconds", Ask{From: from, To: to, Dialect: Dialect{Filter: FilterConditions, TimeField: "start_time", Tick: time.Second}},
			"page=3&page_size=100&sort_by=start_time",
			`{"filters":{"start_time":[{"operator":"gte","value":["2026-11-01T00:02:03Z"]},{"operator":"lte","value":["2026-11-01T01:02:03Z"]}]},` +
				`"page":3,"page_size":100,"sort_by":"start_time"}`},
		{"by another name", Ask{From: from, To: to, Dialect: Dialect{Filter: FilterRange, TimeField: "timestamp", FilterBy: "created_at", Tick: time.Second}},
			"page=3&page_size=100&sort_by=created_at",
			`{"filters":{"created_at":{"gte":"2026-11-01T00:02:03Z","lte":"2026-11-01T01:02:03Z"}},"page":3,"page_size":100,"sort_by":"created_at"}`},
		{"bundle", Ask{From: from, To: to, Dialect: Dialect{Filter: FilterBundle, TimeField: "timestamp", Tick: time.Millisecond}},
			"page=3&page_size=100&sort_by=timestamp",
			`{"filters":{"timestamp":{"operator":"gte","value":["2026-11-01T00:02:03.456Z"]},` +
				`"until":{"connector":"AND","filter_params":{"timestamp":{"operator":"lte","value":["2026-11-01T01:02:03.456Z"]}}}},` +
				`"page":3,"page_size":100,"sort_by":"timestamp"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				if diff := cmp.Diff(c.body, string(body)); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
				want := "https://api.test/api/datasets/d%2F1/logs/list/?" + c.query
				if diff := cmp.Diff(want, r.URL.String()); diff != "" {
					t.Errorf("URL (-want +got):\n%s", diff)
				}
				if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s of %s", r.Method, r.Header.Get("Content-Type"))
				}
				return said(200, `{"count":0,"results":[]}`), nil
			}}
			c.ask.Container, c.ask.Page, c.ask.Size = "d/1", 3, 100
			if _, err := keywordsVia(s).Page(t.Context(), c.ask); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestKeywordsAIShapes(t *testing.T) {
	type result struct {
		Docs  []string
		Total int64
		Size  int
		Shape string
	}
	for _, c := range []struct {
		name, body string
		want       result
	}{
		{"logs", `{"logs":[{"id":"log_1"}],"total":9,"page":1,"page_size":50,"total_pages":1}`, result{[]string{`{"id":"log_1"}`}, 9, 50, "logs"}},
		{"logs without a total", `{"logs":[{"id":"log_1"}]}`, result{[]string{`{"id":"log_1"}`}, -1, 0, "logs"}},
		{"results", `{"count":9,"next":"https://evil.test/?page=2","previous":null,"results":[{"id":1}],"filters_data":{}}`, result{[]string{`{"id":1}`}, 9, 0, "results"}},
		{"results with a total of null", `{"count":null,"results":[]}`, result{nil, -1, 0, "results"}},
		{"array", ` [{"id":1}, {"id":2}] `, result{[]string{`{"id":1}`, `{"id":2}`}, -1, 0, "array"}},
		{"empty array", `[]`, result{nil, -1, 0, "array"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last url.URL
			a, err := keywordsVia(noting(c.body, &last)).Page(t.Context(), firstPage)
			if err != nil {
				t.Fatal(err)
			}
			got := result{Total: a.Total, Size: a.Size, Shape: a.Shape}
			for _, d := range a.Docs {
				got.Docs = append(got.Docs, string(d))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestP07KeywordsAIBodiesThatAreNoAnswer(t *testing.T) {
	for _, body := range []string{
		``, `null`, `{}`, `<html>`, `{"logs":null,"total":0}`, `{"results":{}}`, `{"Results":[]}`, `{"detail":"x"}`,
		`[`, `[1,`, `[]x`, `{"results":[]} {"results":[]}`, `{"results":[1]`, `"text"`, `[1 2]`, "\uFEFF[]",
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), "[\"\x00\"]",
	} {
		t.Run(fmt.Sprintf("%.40q", body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
					if n == 1 {
						return said(200, body), nil
					}
					return said(200, `[1]`), nil
				}}
				a, err := keywordsVia(s).Page(t.Context(), firstPage)
				if err != nil || len(s.sent) != 2 || len(a.Docs) != 1 {
					t.Errorf("%d docs after %d requests, %v; want it asked again", len(a.Docs), len(s.sent), err)
				}
			})
		})
	}
}

func TestKeywordsAIDatasets(t *testing.T) {
	rows := `[{"id":"d1","status":"ready"},{"id":"d2","status":"loading"},{"id":"d3","status":"failed"},{"id":4}]`
	want := []Stream{
		{Container: "d1", Name: "keywordsai/d1"},
		{Container: "d2", Name: "keywordsai/d2", Note: "this dataset is still being filled"},
		{Container: "d3", Name: "keywordsai/d3", Note: "filling this dataset has failed"},
		{Container: "4", Name: "keywordsai/4"},
	}
	for name, form := range map[string]string{
		"results":  `{"count":4,"next":null,"previous":null,"results":%s}`,
		"datasets": `{"datasets":%s,"total":4}`,
		"logs":     `{"logs":%s,"total":4}`,
		"array":    `%s`,
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodGet || r.URL.Path != "/api/datasets/" || r.URL.Query().Get("page_size") != "100" {
					t.Errorf("asked %s %s", r.Method, r.URL)
				}
				return said(200, fmt.Sprintf(form, rows)), nil
			}}
			got, err := keywordsVia(s).Streams(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("streams (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDialects(t *testing.T) {
	spelt := func(fields, by []string) (list []string) {
		for i, field := range fields {
			for _, filter := range []string{FilterRange, FilterConditions, FilterBundle} {
				list = append(list, filter+", "+field+" by "+by[i])
			}
		}
		return list
	}
	for _, c := range []struct {
		api  API
		want []string
	}{
		{keywordsVia(nil), append(
			spelt([]string{"created_at", "timestamp", "start_time"}, []string{"created_at", "timestamp", "start_time"}),
			spelt([]string{"created_at", "created_at", "timestamp", "timestamp", "start_time", "start_time"},
				[]string{"timestamp", "start_time", "created_at", "start_time", "created_at", "timestamp"})...)},
		{cloudflareVia(nil, Options{}), []string{FilterFilters + ", created_at by created_at", FilterStartEndDate + ", created_at by created_at"}},
	} {
		var got []string
		for _, d := range c.api.Dialects() {
			got = append(got, d.Filter+", "+d.TimeField+" by "+d.field())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.api, diff)
		}
	}
}

func FuzzReadKeywordsAI(f *testing.F) {
	f.Add([]byte(`{"logs":[{"id":"a"}],"total":1}`))
	f.Add([]byte(`{"count":1,"results":[{"id":"a"}]}`))
	f.Add([]byte(`[{"id":"a"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := readKeywordsAI(body)
		checkListing(t, body, l, err)
	})
}

// checkListing holds what is true of every body: only a whole JSON text is an
// answer, and every entry is a piece of it, unchanged.
func checkListing(t *testing.T, body []byte, l listing, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if !json.Valid(body) {
		t.Errorf("accepted %q", body)
	}
	for _, e := range l.entries {
		if !bytes.Contains(body, e) || !json.Valid(e) {
			t.Errorf("entry %q is not a piece of %q", e, body)
		}
	}
	if l.total < -1 || l.size < 0 {
		t.Errorf("total %d, size %d", l.total, l.size)
	}
}
