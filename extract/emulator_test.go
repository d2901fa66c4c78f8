package extract

import (
	"errors"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
)

var emulatedCalls = emulator.Synthetic(7, 230, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC))

// secondHalf fills a stream with the logs and returns bounds, whole milliseconds
// outside the second half of them, and how many logs lie between.
func secondHalf(stream *emulator.Stream, logs []emulator.Log) (from, to time.Time, n int) {
	stream.Insert(logs...)
	logs = stream.Logs() // sorted by time
	from = logs[len(logs)/2].At.Truncate(time.Millisecond).Add(-time.Millisecond)
	to = logs[len(logs)-1].At.Truncate(time.Millisecond).Add(2 * time.Millisecond)
	for _, l := range logs {
		if l.At.After(from) {
			n++
		}
	}
	return from, to, n
}

// pages reads all pages of an ask and returns the number of entries and the
// last answer that had any.
func pages(t *testing.T, api API, ask Ask) (n int, last Answer) {
	t.Helper()
	for ask.Page = 1; ; ask.Page++ {
		a, err := api.Page(t.Context(), ask)
		if IsNoPage(err) && ask.Page > 1 {
			return n, last
		}
		if err != nil {
			t.Fatalf("page %d: %v", ask.Page, err)
		}
		if len(a.Docs) == 0 {
			return n, last
		}
		n, last = n+len(a.Docs), a
	}
}

func started(t *testing.T, e *emulator.Emulator) string {
	t.Helper()
	base, stop, err := e.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return base
}

func TestCloudflareOfTheEmulator(t *testing.T) {
	e := emulator.New(emulator.Options{CloudflareToken: canaryToken})
	var logs []emulator.Log
	for _, c := range emulatedCalls {
		logs = append(logs, emulator.CloudflareLog(c))
	}
	from, to, want := secondHalf(e.AddGateway("acc", "prod"), logs)
	e.SetFaults(emulator.Faults{Gzip: true})
	cf := NewCloudflare(CloudflareConfig{Token: canaryToken, AccountID: "acc", BaseURL: emulator.CloudflareBase(started(t, e))})
	streams, err := cf.Streams(t.Context())
	if err != nil || len(streams) != 1 || streams[0].Name != "cloudflare/acc/prod" {
		t.Fatalf("Streams: %v, %v", streams, err)
	}
	for _, d := range cf.Dialects() {
		ask := Ask{Container: "prod", Dialect: d, From: from, To: to, Size: d.PageSize}
		if n, a := pages(t, cf, ask); n != want || a.Total != int64(want) || a.Shape != d.Shape || a.Size != 50 {
			t.Errorf("%s: %d entries of %d, total %d, shape %s, size %d", d.Filter, n, want, a.Total, a.Shape, a.Size)
		}
	}
	if n, _ := pages(t, cf, Ask{Container: "prod", Size: 50, Newest: true}); n != len(emulatedCalls) {
		t.Errorf("without a filter: %d entries of %d", n, len(emulatedCalls))
	}
	_, err = cf.Page(t.Context(), Ask{Container: "nosuch", Page: 1, Size: 50})
	if KindOf(err) != Gone {
		t.Errorf("unknown gateway: %v", err)
	}
	_, err = cf.Page(t.Context(), Ask{Container: "prod", Page: 1, Size: 100})
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind != Config || refused.Code != 7001 {
		t.Errorf("100 rows a page: %v, want Config, code 7001", err)
	}
}

func TestKeywordsAIOfTheEmulator(t *testing.T) {
	for _, c := range []struct {
		name          string
		dialect       emulator.Dialect
		filter, field string
		shape         string
	}{
		{"2025", emulator.Dialect{}, FilterRange, "created_at", "logs"},
		{"live", emulator.LiveDialect, FilterConditions, "timestamp", "results"},
		{"array", emulator.Dialect{Shape: emulator.ShapeArray, Grammar: emulator.GrammarList, TimeField: "start_time"}, FilterConditions, "start_time", "array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := emulator.New(emulator.Options{KeywordsAIKey: canaryToken, KeywordsAI: c.dialect})
			var logs []emulator.Log
			for _, call := range emulatedCalls {
				logs = append(logs, emulator.KeywordsAILog(call, "ds", c.field))
			}
			from, to, want := secondHalf(e.AddDataset("ds", "a dataset"), logs)
			kw := keywordsAt(started(t, e))
			streams, err := kw.Streams(t.Context())
			if err != nil || len(streams) != 1 || streams[0].Name != "keywordsai/ds" {
				t.Fatalf("Streams: %v, %v", streams, err)
			}
			d := Dialect{Filter: c.filter, TimeField: c.field, Tick: time.Millisecond}
			n, a := pages(t, kw, Ask{Container: "ds", Dialect: d, From: from, To: to, Size: 100})
			if total := int64(want); n != want || a.Shape != c.shape || a.Total != total && c.shape != "array" {
				t.Errorf("%d entries of %d, total %d, shape %s", n, want, a.Total, a.Shape)
			}
			if _, err := kw.Page(t.Context(), Ask{Container: "nosuch", Page: 1, Size: 50}); KindOf(err) != Gone {
				t.Errorf("unknown dataset: %v", err)
			}
		})
	}
}

func TestP03WrongTokenOfTheEmulator(t *testing.T) {
	for _, status := range []int{401, 403} {
		e := emulator.New(emulator.Options{CloudflareToken: "another", WrongTokenStatus: status})
		e.AddGateway("acc", "prod")
		cf := NewCloudflare(CloudflareConfig{Token: canaryToken, AccountID: "acc", BaseURL: emulator.CloudflareBase(started(t, e))})
		_, err := cf.Streams(t.Context())
		if KindOf(err) != Refused || !strings.Contains(err.Error(), "CLOUDFLARE_API_TOKEN") || cf.Stats().Requests != 1 {
			t.Errorf("%d: %v after %d requests", status, err, cf.Stats().Requests)
		}
	}
}
