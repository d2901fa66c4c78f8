package emulator_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
)

func TestFaultsOfPages(t *testing.T) {
	between := "[" + createdAt("gt", 3) + "," + createdAt("lt", 6) + "]"
	oldest := []string{"order_by_direction", "asc", "per_page", "4"}
	filtered := append([]string{"filters", between}, oldest...)
	tests := map[string]struct {
		faults emulator.Faults
		query  []string
		ids    []string
		total  int // -1: none
		status int // 0: 200
	}{
		"filters ignored":          {emulator.Faults{Filters: emulator.Ignored}, filtered, ids(0, 3), 20, 0},
		"filters refused":          {emulator.Faults{Filters: emulator.Refused}, filtered, nil, -1, 400},
		"filters match nothing":    {emulator.Faults{Filters: emulator.MatchesNothing}, filtered, nil, 0, 0},
		"dates ignored":            {emulator.Faults{Dates: emulator.Ignored}, append([]string{"end_date", after(1)}, oldest...), ids(0, 3), 20, 0},
		"inclusive bounds":         {emulator.Faults{LowBound: emulator.Inclusive, TopBound: emulator.Inclusive}, filtered, ids(3, 6), 4, 0},
		"strict dates":             {emulator.Faults{LowBound: emulator.Strict, TopBound: emulator.Strict}, append([]string{"start_date", after(3), "end_date", after(6)}, oldest...), ids(4, 5), 2, 0},
		"order ignored":            {emulator.Faults{Order: emulator.Newest}, oldest, ids(19, 16), 20, 0},
		"clamped":                  {emulator.Faults{MaxRows: 2}, append([]string{"page", "2"}, oldest...), ids(2, 3), 20, 0},
		"a short page":             {emulator.Faults{PageRows: map[int]int{1: 1}}, oldest, ids(0, 0), 20, 0},
		"after a short page":       {emulator.Faults{PageRows: map[int]int{1: 1}}, append([]string{"page", "2"}, oldest...), ids(1, 4), 20, 0},
		"an empty page":            {emulator.Faults{PageRows: map[int]int{2: 0}}, append([]string{"page", "2"}, oldest...), nil, 20, 0},
		"after an empty page":      {emulator.Faults{PageRows: map[int]int{2: 0}}, append([]string{"page", "3"}, oldest...), ids(4, 7), 20, 0},
		"rows withheld":            {emulator.Faults{Withhold: func(int, emulator.Request) int { return 3 }}, oldest, ids(0, 0), 20, 0},
		"rows repeated":            {emulator.Faults{RepeatRows: 1}, append([]string{"page", "2"}, oldest...), ids(3, 6), 20, 0},
		"total off":                {emulator.Faults{TotalOff: 1}, oldest, ids(0, 3), 21, 0},
		"total off, nothing there": {emulator.Faults{TotalOff: 1, Filters: emulator.MatchesNothing}, filtered, nil, 0, 0},
		"total capped":             {emulator.Faults{TotalCap: 10}, oldest, ids(0, 3), 10, 0},
		"total moving":             {emulator.Faults{TotalMoves: true}, oldest, ids(0, 3), 21, 0},
		"total zero":               {emulator.Faults{TotalZero: true}, oldest, ids(0, 3), 0, 0},
		"total missing":            {emulator.Faults{TotalMissing: true}, oldest, ids(0, 3), -1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, emulator.Options{})
			s.fill(20, "created_at")
			s.gateway.SetFaults(test.faults)
			got := s.logs(test.query...)
			if got.status != max(test.status, 200) {
				t.Fatalf("status %d", got.status)
			}
			if diff := cmp.Diff(test.ids, got.ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if totalOf(got) != test.total {
				t.Errorf("total %d, want %d", totalOf(got), test.total)
			}
		})
	}
}

func TestPrecision(t *testing.T) {
	s := newScene(t, emulator.Options{})
	for i, at := range []float64{2.9, 3.0, 3.4, 3.9, 4.0, 4.5} {
		s.gateway.Insert(plainLog(fmt.Sprintf("a%03d", i), day.Add(time.Duration(at*1000)*time.Millisecond), "created_at"))
	}
	s.api.SetFaults(emulator.Faults{Precision: time.Second})
	got := s.logs("direction", "asc", "filters", "["+createdAt("gt", 2.95)+","+createdAt("lt", 4.3)+"]")
	if diff := cmp.Diff(ids(1, 3), got.ids); diff != "" { // cut: after 2, before 4
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestUnstableTies(t *testing.T) {
	s := newScene(t, emulator.Options{})
	for i := range 60 {
		s.gateway.Insert(plainLog(fmt.Sprintf("a%03d", i), day, "created_at"))
	}
	walk := func(seed uint64) (first, second []string) {
		s.gateway.SetFaults(emulator.Faults{Seed: seed, UnstableTies: true})
		return s.logs("per_page", "50").ids, s.logs("per_page", "50").ids
	}
	first, second := walk(1)
	if cmp.Equal(first, second) {
		t.Error("two requests in the same order")
	}
	seen := map[string]bool{}
	for _, id := range first {
		seen[id] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d distinct ids on a page of 50", len(seen))
	}
}

func TestVisibility(t *testing.T) {
	clock := newClock(day)
	s := newScene(t, emulator.Options{Now: clock.now})
	s.gateway.SetFaults(emulator.Faults{
		Latency:   func(l emulator.Log) time.Duration { return map[string]time.Duration{"a001": time.Minute}[l.ID] },
		FillAfter: 2 * time.Minute,
	})
	s.gateway.Insert(
		emulator.Log{ID: "a000", At: day, Doc: []byte(`{"id":"a000","cost":0.5,"tokens_in":7,"usage_metadata":{"input_tokens":7}}`)},
		emulator.Log{ID: "a001", At: day, Doc: []byte(`{"id":"a001"}`)},
		emulator.Log{ID: "a002", At: day, VisibleAt: day.Add(3 * time.Minute), Doc: []byte(`{"id":"a002"}`)},
	)
	for _, step := range []struct {
		wait time.Duration
		ids  []string
		cost string
	}{{0, ids(0, 0), `"cost":null,"tokens_in":null,"usage_metadata":null`}, {time.Minute, ids(0, 1), `"cost":null`}, {2 * time.Minute, ids(0, 2), `"cost":0.5,"tokens_in":7`}} {
		clock.advance(step.wait)
		got := s.logs("direction", "asc")
		if !cmp.Equal(step.ids, got.ids) || !contains(got.body, step.cost) || totalOf(got) != len(step.ids) || s.gateway.Len() != len(step.ids) {
			t.Errorf("%s: %v, total %d: %s", clock.now().Sub(day), got.ids, totalOf(got), got.body)
		}
		if !strings.Contains(string(s.gateway.Logs()[0].Doc), step.cost) {
			t.Errorf("Logs: %s", s.gateway.Logs()[0].Doc)
		}
	}
}

func TestOnRequest(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.fill(4, "created_at")
	var seen []emulator.Request
	s.gateway.SetFaults(emulator.Faults{OnRequest: func(n int, r emulator.Request) {
		seen = append(seen, r)
		switch n {
		case 1:
			s.gateway.Insert(plainLog("a009", day.Add(9*time.Second), "created_at"))
		case 2:
			s.gateway.DeleteOldest(1)
		case 3:
			s.gateway.Edit("a002", func([]byte) []byte { return []byte(`{"id":"edited"}`) })
		}
	}})
	query := []string{"direction", "asc", "per_page", "2", "page", "2", "filters", "[" + createdAt("gt", 0.5) + "]"}
	for i, want := range [][]string{{"a003", "a009"}, {"a003", "a009"}, {"a003", "a009"}} {
		if got := s.logs(query...); !cmp.Equal(want, got.ids) {
			t.Errorf("request %d: %v", i+1, got.ids)
		}
	}
	if got := s.logs("direction", "asc"); !cmp.Equal([]string{"a001", "edited", "a003", "a009"}, got.ids) {
		t.Errorf("in the end: %v", got.ids)
	}
	want := emulator.Request{
		Method: "GET", Path: gatewayLogs, Credential: "token", Stream: "cloudflare/acc/gw",
		Page: 2, Size: 2, Filtered: true, From: day.Add(500*time.Millisecond + 1),
	}
	seen[0].At = time.Time{}
	if diff := cmp.Diff(want, seen[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestFailures(t *testing.T) {
	for failure, want := range map[emulator.Failure]struct{ cloudflare, keywordsAI int }{
		emulator.ServerError: {502, 502},
		emulator.Unavailable: {503, 503},
		emulator.Throttled:   {429, 429},
		emulator.NotSuccess:  {200, 200},
		emulator.NotAllowed:  {403, 403},
		emulator.Redirected:  {307, 307},
		emulator.SlowBody:    {200, 200},
	} {
		s := newScene(t, emulator.Options{})
		s.fill(2, "created_at")
		s.api.SetFaults(emulator.Faults{
			Fail: emulator.At(failure, 1), RedirectTo: "http://elsewhere.example", SlowTime: time.Millisecond,
		})
		cloudflare, keywordsAI := s.logs(), s.datasetPage("", "{}")
		if cloudflare.status != want.cloudflare || keywordsAI.status != want.keywordsAI {
			t.Errorf("failure %d: status %d and %d", failure, cloudflare.status, keywordsAI.status)
		}
		if whole := failure == emulator.SlowBody; (len(cloudflare.ids) == 2) != whole || (len(keywordsAI.ids) == 2) != whole {
			t.Errorf("failure %d: ids %v and %v", failure, cloudflare.ids, keywordsAI.ids)
		}
		if failure == emulator.NotSuccess && (cloudflare.code == 0 || !contains(cloudflare.body, `"success":false`)) {
			t.Errorf("not success: %s", cloudflare.body)
		}
		if failure == emulator.Redirected && cloudflare.header.Get("Location") != "http://elsewhere.example"+gatewayLogs+"?" {
			t.Errorf("redirected to %q", cloudflare.header.Get("Location"))
		}
		if failure == emulator.ServerError && cloudflare.header.Get("Content-Type") != "text/html" {
			t.Errorf("server error: %q", cloudflare.header.Get("Content-Type"))
		}
		if got := s.logs(); len(got.ids) != 2 {
			t.Errorf("failure %d: the next request is not served: %d", failure, got.status)
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	for failure, want := range map[emulator.Failure]error{emulator.CutBody: io.ErrUnexpectedEOF, emulator.HungUp: io.EOF} {
		s := newScene(t, emulator.Options{})
		s.fill(2, "created_at")
		s.dataset.SetFaults(emulator.Faults{Fail: func(int, emulator.Request) emulator.Failure { return failure }})
		r, err := http.NewRequest("POST", s.base+datasetLogs, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.send(r); !errors.Is(err, want) {
			t.Errorf("failure %d: %v, want %v", failure, err, want)
		}
	}
}

func TestSometimes(t *testing.T) {
	draw := func(seed uint64) (drawn []emulator.Failure) {
		fail := emulator.Sometimes(seed, 0.3, emulator.ServerError, emulator.CutBody)
		for n := range 200 {
			drawn = append(drawn, fail(n, emulator.Request{}))
		}
		return drawn
	}
	first := draw(7)
	if !cmp.Equal(first, draw(7)) || cmp.Equal(first, draw(8)) {
		t.Error("the failures do not follow the seed")
	}
	count := map[emulator.Failure]int{}
	for _, f := range first {
		count[f]++
	}
	if count[emulator.ServerError] < 15 || count[emulator.CutBody] < 15 || count[emulator.None] < 100 {
		t.Errorf("seed 7: %v", count)
	}
}

func TestRetryHints(t *testing.T) {
	clock := newClock(day)
	date := day.Add(time.Second).Format(http.TimeFormat)
	for hint, want := range map[emulator.RetryHint]struct {
		cloudflare, keywordsAI string
		inBody                 bool
	}{
		"":                   {"1", "", true},
		emulator.HintSeconds: {"1", "1", false},
		emulator.HintDate:    {date, date, false},
		emulator.HintBody:    {"", "", true},
		emulator.HintNone:    {"", "", false},
	} {
		s := newScene(t, emulator.Options{Now: clock.now})
		s.api.SetFaults(emulator.Faults{RetryHint: hint, Fail: emulator.At(emulator.Throttled, 1)})
		cloudflare, keywordsAI := s.logs(), s.datasetPage("", "{}")
		if got := cloudflare.header.Get("Retry-After"); got != want.cloudflare {
			t.Errorf("hint %q: Cloudflare's Retry-After %q", hint, got)
		}
		if got := keywordsAI.header.Get("Retry-After"); got != want.keywordsAI {
			t.Errorf("hint %q: Keywords AI's Retry-After %q", hint, got)
		}
		if contains(keywordsAI.body, `"retry_after":1`) != want.inBody {
			t.Errorf("hint %q: body %s", hint, keywordsAI.body)
		}
	}
}

func TestHeaders(t *testing.T) {
	clock := newClock(day)
	s := newScene(t, emulator.Options{Now: clock.now})
	for form, want := range map[emulator.RateHeaders]string{
		emulator.HeadersSwapped: `default;t=300;r=119`, emulator.HeadersListed: `"burst";r=200;t=1, "default";r=119`, emulator.HeadersNone: "",
	} {
		s.api.SetFaults(emulator.Faults{RateHeaders: form})
		if got := s.logs().header.Get("Ratelimit"); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q", form, got)
		}
	}
	s.api.SetFaults(emulator.Faults{RateHeaders: emulator.HeadersLegacy, DateOff: time.Hour})
	got := s.logs().header
	if got.Get("X-Ratelimit-Limit") != "1200" || got.Get("X-Ratelimit-Remaining") != "1196" {
		t.Errorf("legacy headers: %v", got)
	}
	if got.Get("Date") != day.Add(time.Hour).Format(http.TimeFormat) {
		t.Errorf("Date: %q", got.Get("Date"))
	}
	s.api.SetFaults(emulator.Faults{NoDate: true})
	if got := s.logs().header; got.Get("Date") != "" {
		t.Errorf("Date although NoDate: %q", got.Get("Date"))
	}
}

func TestInterceptAndGzip(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.fill(30, "created_at")
	s.gateway.SetFaults(emulator.Faults{Gzip: true, Intercept: func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n == 1 {
			http.Error(w, "mine", http.StatusTeapot)
		}
		return n == 1
	}})
	if got := s.logs(); got.status != http.StatusTeapot || string(got.body) != "mine\n" {
		t.Errorf("intercepted: %d %s", got.status, got.body)
	}
	if got := s.logs("per_page", "30"); len(got.ids) != 30 { // the client inflates
		t.Errorf("after it: %d ids", len(got.ids))
	}
	r, err := http.NewRequest("GET", s.base+gatewayLogs, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	if response, body, err := s.send(r); err != nil || response.Header.Get("Content-Encoding") != "gzip" || body[0] != 0x1f {
		t.Errorf("gzip: %v, %v", response, err)
	}
}
