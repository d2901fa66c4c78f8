package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"logferry/emulator"
)

// day is the instant around which the tests' logs lie.
var day = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// plainLog is a log with nothing in its document but id and time.
func plainLog(id string, at time.Time, timeField string) emulator.Log {
	doc := fmt.Appendf(nil, `{"id":%q,%q:%q}`, id, timeField, at.Format("2006-01-02T15:04:05.000000Z"))
	return emulator.Log{ID: id, At: at, Doc: doc}
}

// a scene is a running emulator with one gateway and one dataset.
type scene struct {
	t       *testing.T
	api     *emulator.Emulator
	gateway *emulator.Stream
	dataset *emulator.Stream
	base    string
	client  *http.Client
}

func newScene(t *testing.T, opts emulator.Options) *scene {
	t.Helper()
	s := &scene{t: t, api: emulator.New(opts)}
	s.gateway = s.api.AddGateway("acc", "gw")
	s.dataset = s.api.AddDataset("ds", "Dataset")
	base, stop, err := s.api.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s.base = base
	s.client = &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// fill puts n logs a second apart, from day on, into both streams: ids a000, a001, …
func (s *scene) fill(n int, timeField string) {
	for i := range n {
		at := day.Add(time.Duration(i) * time.Second)
		s.gateway.Insert(plainLog(fmt.Sprintf("a%03d", i), at, "created_at"))
		s.dataset.Insert(plainLog(fmt.Sprintf("a%03d", i), at, timeField))
	}
}

// an answer is what came back, with the parts of every response shape.
type answer struct {
	status int
	header http.Header
	body   []byte
	ids    []string
	total  *int
	size   int
	next   string
	code   int    // Cloudflare's first error
	detail string // Keywords AI's error
}

func (s *scene) send(r *http.Request) (*http.Response, []byte, error) {
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer token")
	}
	response, err := s.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func (s *scene) ask(method, path, body string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.base+path, bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	response, text, err := s.send(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return decodeAnswer(response, text)
}

func decodeAnswer(response *http.Response, text []byte) answer {
	a := answer{status: response.StatusCode, header: response.Header, body: text}
	var rows []struct{ ID string }
	var envelope struct {
		Result, Logs, Results json.RawMessage
		Total, Count          *int
		PageSize              int `json:"page_size"`
		Next                  string
		Detail                string
		Errors                []struct{ Code int }
		Info                  struct {
			Total *int `json:"total_count"`
			Size  int  `json:"per_page"`
		} `json:"result_info"`
	}
	if json.Unmarshal(text, &rows) != nil && json.Unmarshal(text, &envelope) == nil {
		for _, list := range []json.RawMessage{envelope.Result, envelope.Logs, envelope.Results} {
			json.Unmarshal(list, &rows) // the other shapes are empty
		}
		for _, total := range []*int{envelope.Total, envelope.Count, envelope.Info.Total} {
			if total != nil {
				a.total = total
			}
		}
		a.size = max(envelope.PageSize, envelope.Info.Size)
		a.next, a.detail = envelope.Next, envelope.Detail
		if len(envelope.Errors) > 0 {
			a.code = envelope.Errors[0].Code
		}
	}
	for _, row := range rows {
		a.ids = append(a.ids, row.ID)
	}
	return a
}

const gatewayLogs = "/client/v4/accounts/acc/ai-gateway/gateways/gw/logs"

// logs asks for a page of the gateway; query is name, value, name, value, …
func (s *scene) logs(query ...string) answer {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return s.ask("GET", gatewayLogs+"?"+values.Encode(), "")
}

const datasetLogs = "/api/datasets/ds/logs/list/"

// datasetPage asks for a page of the dataset by POST.
func (s *scene) datasetPage(query, body string) answer {
	s.t.Helper()
	return s.ask("POST", datasetLogs+"?"+query, body)
}

// totalOf is -1 where the answer gives none.
func totalOf(a answer) int {
	if a.total == nil {
		return -1
	}
	return *a.total
}

// ids are the ids that fill gave to the rows from first to last, in that
// direction.
func ids(first, last int) []string {
	step := 1
	if last < first {
		step = -1
	}
	var all []string
	for i := first; i != last+step; i += step {
		all = append(all, fmt.Sprintf("a%03d", i))
	}
	return all
}

func after(seconds float64) string {
	return day.Add(time.Duration(seconds * float64(time.Second))).Format(time.RFC3339Nano)
}
