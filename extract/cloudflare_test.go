package extract

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noting answers every request with body and keeps the last one's URL.
func noting(body string, last *url.URL) *script {
	return &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
		*last = *r.URL
		return said(200, body), nil
	}}
}

func TestCloudflareQuery(t *testing.T) {
	from := time.Date(2026, 11, 1, 1, 2, 3, 456_789_000, time.FixedZone("", 3600))
	to := from.Add(time.Hour)
	const order = "order_by=created_at&order_by_direction="
	for _, c := range []struct {
		name string
		ask  Ask
		want []string
	}{
		{"no filter, newest first", Ask{Newest: true}, []string{order + "desc", "page=2&per_page=50"}},
		{"filters", Ask{From: from, To: to, Dialect: Dialect{Filter: "filters", Tick: time.Millisecond}}, []string{
			`filters=[{"key":"created_at","operator":"gt","value":["2026-11-01T00:02:03.456Z"]},` +
				`{"key":"created_at","operator":"lt","value":["2026-11-01T01:02:03.456Z"]}]`,
			order + "asc", "page=2&per_page=50"}},
		{"whole seconds", Ask{From: from, To: to, Dialect: Dialect{Filter: "filters", Tick: time.Second}}, []string{
			`filters=[{"key":"created_at","operator":"gt","value":["2026-11-01T00:02:03Z"]},` +
				`{"key":"created_at","operator":"lt","value":["2026-11-01T01:02:03Z"]}]`,
			order + "asc", "page=2&per_page=50"}},
		{"start and end", Ask{From: from, To: to, Dialect: Dialect{Filter: FilterStartEndDate, Tick: time.Millisecond}}, []string{
			"end_date=2026-11-01T01:02:03.456Z", order + "asc", "page=2&per_page=50", "start_date=2026-11-01T00:02:03.456Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got url.URL
			cf := cloudflareVia(noting(emptyPage, &got), Options{})
			c.ask.Container, c.ask.Page, c.ask.Size = "a/b c", 2, 50
			if _, err := cf.Page(t.Context(), c.ask); err != nil {
				t.Fatal(err)
			}
			if want := "/v4/accounts/acc/ai-gateway/gateways/a%2Fb%20c/logs"; got.EscapedPath() != want {
				t.Errorf("path %s, want %s", got.EscapedPath(), want)
			}
			text, err := url.QueryUnescape(got.RawQuery)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(c.want, "&"), text); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCloudflareAnswers(t *testing.T) {
	for _, c := range []struct {
		name, body string
		docs       []string
		total      int64
		size       int
	}{
		{"as documented", `{"result":[{"id":"a","cost":4.3e-06},{"id":"b"}],"result_info":{"total_count":7,"per_page":50,"page":1},"success":true}`,
			[]string{`{"id":"a","cost":4.3e-06}`, `{"id":"b"}`}, 7, 50},
		{"bytes stay as they are", "{\"success\" : true , \"result\": [ {\"id\" :\"\\u0000\xff\",\n \"id\":1 } , null ] }",
			[]string{"{\"id\" :\"\\u0000\xff\",\n \"id\":1 }", "null"}, -1, 0},
		{"extra members", `{"success":true,"result":[],"messages":[],"errors":[],"x":{"result":[1]}}`, nil, -1, 0},
		{"result_info null", `{"success":true,"result":[],"result_info":null}`, nil, -1, 0},
		{"total as text", `{"success":true,"result":[],"result_info":{"total_count":"12"}}`, nil, 12, 0},
		{"total of another kind", `{"success":true,"result":[],"result_info":{"total_count":{},"per_page":"x"}}`, nil, -1, 0},
		{"total negative", `{"success":true,"result":[],"result_info":{"total_count":-3}}`, nil, -1, 0},
		{"total null", `{"success":true,"result":[],"result_info":{"total_count":null}}`, nil, -1, 0},
		{"names are exact", `{"Result":[1],"success":true,"result":[2],"RESULT":[3],"result_info":{"Total_Count":9}}`, []string{"2"}, -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last url.URL
			a, err := cloudflareVia(noting(c.body, &last), Options{}).Page(t.Context(), firstPage)
			if err != nil {
				t.Fatal(err)
			}
			var docs []string
			for _, d := range a.Docs {
				docs = append(docs, string(d))
			}
			if diff := cmp.Diff(c.docs, docs); diff != "" {
				t.Errorf("docs (-want +got):\n%s", diff)
			}
			if a.Total != c.total || a.Size != c.size || a.Shape != "result" {
				t.Errorf("total %d, size %d, shape %s; want %d, %d, result", a.Total, a.Size, a.Shape, c.total, c.size)
			}
		})
	}
}

// With status 200, and no page all the same.
func TestP07CloudflareBodiesThatAreNoAnswer(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `"text"`, `<html></html>`, `plain`,
		`{"success":true}`, `{"result":[]}`, `{"success":true,"result":null}`, `{"success":true,"result":{}}`,
		`{"success":"true","result":[]}`, `{"success":1,"result":[]}`, `{"success":null,"result":[]}`,
		`{"Success":true,"result":[]}`, `{"success":true,"Result":[]}`,
		`{"success":false,"result":[]}`, `{"success":false,"errors":[{"code":"x"}],"result":[{"id":"a"}]}`,
		"\uFEFF" + emptyPage, emptyPage + `{}`, emptyPage + `,`, emptyPage[:len(emptyPage)-1],
		`{"success":true,"result":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`,
	} {
		t.Run(fmt.Sprintf("%.40s", body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
					if n == 1 {
						return said(200, body), nil
					}
					return said(200, `{"success":true,"result":[1],"result_info":{"total_count":1}}`), nil
				}}
				a, err := cloudflareVia(s, Options{}).Page(t.Context(), firstPage)
				if err != nil || len(s.sent) != 2 || len(a.Docs) != 1 {
					t.Errorf("%d docs after %d requests, %v; want it asked again", len(a.Docs), len(s.sent), err)
				}
			})
		})
	}
}

func TestCloudflareGateways(t *testing.T) {
	s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
		if got := r.URL.Query().Get("per_page"); got != "100" || r.URL.Path != "/v4/accounts/acc/ai-gateway/gateways" {
			t.Errorf("asked %s", r.URL)
		}
		return said(200, `{"success":true,"result":[
			{"id":"plain","collect_logs":true,"log_management":null,"log_management_strategy":null},
			{"id":"off","collect_logs":false},
			{"id":"full","collect_logs":true,"log_management":100000,"log_management_strategy":"STOP_INSERTING"},
			{"id":"rolling","log_management_strategy":"DELETE_OLDEST"}],
			"result_info":{"total_count":4,"per_page":100}}`), nil
	}}
	got, err := cloudflareVia(s, Options{}).Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Stream{
		{Container: "plain", Name: "cloudflare/acc/plain"},
		{Container: "off", Name: "cloudflare/acc/off", Keeps: Retention{Off: true}},
		{Container: "full", Name: "cloudflare/acc/full", Keeps: Retention{Limit: 100_000, AtFull: StopInserting}},
		{Container: "rolling", Name: "cloudflare/acc/rolling", Keeps: Retention{AtFull: DeleteOldest}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
	if len(s.sent) != 1 {
		t.Errorf("%d requests, want one", len(s.sent))
	}
}

// However a server pages its list of gateways, all are found, and it ends.
func TestCloudflareGatewayPages(t *testing.T) {
	for _, c := range []struct {
		name         string
		all, cap     int
		total        func(all, page int) string // result_info
		pastEnd      int                        // status of a page past the end
		stuck        bool                       // every page is page 1
		want, asking int                        // gateways found, requests
	}{
		{"none", 0, 100, counted, 200, false, 0, 1},
		{"one page", 3, 100, counted, 200, false, 3, 1},
		{"several pages", 250, 100, counted, 200, false, 250, 3},
		{"a full last page", 200, 100, counted, 200, false, 200, 3},
		{"a smaller page than asked", 60, 25, counted, 200, false, 60, 3},
		{"no total", 3, 100, uncounted, 200, false, 3, 2},
		{"no total, smaller pages", 60, 25, uncounted, 200, false, 60, 4},
		{"no total, past the end refused", 60, 25, uncounted, 400, false, 60, 4},
		{"a total of 0, smaller pages", 60, 25, zeroed, 200, false, 60, 4},
		{"the page number is ignored", 60, 25, counted, 200, true, 25, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
				var page int
				if _, err := fmt.Sscan(r.URL.Query().Get("page"), &page); err != nil {
					t.Error(err)
				}
				var ids []string
				first := (page - 1) * c.cap
				if c.stuck {
					first = 0
				}
				for i := first; i < min(first+c.cap, c.all); i++ {
					ids = append(ids, fmt.Sprintf(`{"id":"g%d"}`, i))
				}
				if len(ids) == 0 && c.pastEnd != 200 {
					return said(c.pastEnd, ""), nil
				}
				return said(200, fmt.Sprintf(`{"success":true,"result":[%s]%s}`, strings.Join(ids, ","), c.total(c.all, page))), nil
			}}
			got, err := cloudflareVia(s, Options{}).Streams(t.Context())
			if err != nil || len(got) != c.want || len(s.sent) != c.asking {
				t.Errorf("%d gateways after %d requests, %v; want %d after %d", len(got), len(s.sent), err, c.want, c.asking)
			}
		})
	}
}

func counted(all, page int) string {
	return fmt.Sprintf(`,"result_info":{"total_count":%d,"page":%d}`, all, page)
}

// zeroed is a total as another log list of Cloudflare's was seen to give it.
func zeroed(int, int) string { return `,"result_info":{"total_count":0}` }

func uncounted(int, int) string { return "" }

func TestGatewayWithoutIDIsSaid(t *testing.T) {
	var last url.URL
	_, err := cloudflareVia(noting(`{"success":true,"result":[{"name":"x"}]}`, &last), Options{}).Streams(t.Context())
	if KindOf(err) != Unavailable || !strings.Contains(err.Error(), "entry 1 of page 1 has no id") {
		t.Errorf("Streams: %v", err)
	}
}

func TestUnknownFilterIsSaid(t *testing.T) {
	ask := Ask{Container: "gw", Page: 1, Size: 50, From: time.Unix(0, 0), To: time.Unix(1, 0), Dialect: Dialect{Filter: "later"}}
	for _, api := range []API{cloudflareVia(failing(0, 0), Options{}), keywordsVia(failing(0, 0))} {
		if _, err := api.Page(t.Context(), ask); KindOf(err) != Config || !strings.Contains(err.Error(), `"later"`) {
			t.Errorf("%T: %v", api, err)
		}
	}
}

func FuzzReadCloudflare(f *testing.F) {
	f.Add([]byte(emptyPage))
	f.Add([]byte(`{"success":false,"errors":[{"code":7001}]}`))
	f.Add([]byte(`{"success":true,"result":[{"id":"\ud800"}],"result_info":{"total_count":1e3}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := readCloudflare(body)
		checkListing(t, body, l, err)
		readFailure(body)
	})
}
