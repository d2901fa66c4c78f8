package emulator_test

import (
	"cmp"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"logferry/emulator"
)

func TestDocumentsAreServedAsTheyAre(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.gateway.Insert(
		emulator.Log{ID: "1", At: day, Doc: []byte(`{"id":"twice", "created_at":"…"}`)},
		emulator.Log{ID: "2", At: day, Doc: []byte(`{"id":"twice", "created_at":"…"}`)},
		emulator.Log{ID: "3", At: day, Doc: []byte(`{"no":"id"}`)},
		emulator.Log{ID: "4", At: day, Doc: []byte("not \xff JSON")},
	)
	got := s.logs("direction", "asc")
	want := `"result":[{"id":"twice", "created_at":"…"},{"id":"twice", "created_at":"…"},{"no":"id"},` + "not \xff JSON],"
	if !contains(got.body, want) {
		t.Errorf("got %q", got.body)
	}
}

func TestMoveTime(t *testing.T) {
	s := newScene(t, emulator.Options{KeywordsAI: emulator.LiveDialect})
	s.fill(3, "timestamp")
	to := day.Add(90 * time.Millisecond)
	for stream, want := range map[*emulator.Stream]string{
		s.gateway: `{"id":"a002","created_at":"2026-11-20T12:00:00.090Z"}`,
		s.dataset: `{"id":"a002","timestamp":"2026-11-20T12:00:00.090000Z"}`,
	} {
		if !stream.MoveTime("a002", to) || stream.MoveTime("none", to) {
			t.Errorf("%s: MoveTime found the wrong logs", stream.Name())
		}
		logs := stream.Logs()
		if got := logs[1]; got.ID != "a002" || !got.At.Equal(to) || string(got.Doc) != want || len(logs) != 3 {
			t.Errorf("%s: %s at %s: %s", stream.Name(), got.ID, got.At, got.Doc)
		}
	}
}

func TestEditAndDelete(t *testing.T) {
	s := newScene(t, emulator.Options{})
	s.fill(4, "created_at")
	if s.gateway.Edit("none", nil) {
		t.Error("an unknown log was edited")
	}
	before := s.gateway.Logs()[0].Doc
	kept := string(before)
	s.gateway.Edit("a000", func(doc []byte) []byte { return append(doc[:0], "{}"...) })
	if string(before) != kept || string(s.gateway.Logs()[0].Doc) != "{}" {
		t.Errorf("before %s, after %s", before, s.gateway.Logs()[0].Doc)
	}
	s.gateway.Insert(plainLog("a002", day, "created_at"), plainLog("a002", day.Add(time.Minute), "created_at"))
	if got := s.gateway.Logs(); len(got) != 4 || got[3].ID != "a002" || !got[3].At.Equal(day.Add(time.Minute)) {
		t.Errorf("of a log inserted twice the later one must stay: %d logs, the last %s at %s", len(got), got[3].ID, got[3].At)
	}
	if n := s.gateway.Delete("a001", "none", "a003"); n != 2 || s.gateway.Len() != 2 {
		t.Errorf("deleted %d, %d left", n, s.gateway.Len())
	}
}

// The shelf against a plain list, whatever is inserted, replaced, deleted and
// moved: a window read page by page is the sorted list's window.
func TestStreamAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		api := emulator.New(emulator.Options{CloudflareBudget: emulator.Unlimited, Now: func() time.Time { return day }})
		stream := api.AddGateway("acc", "gw")
		model := map[string]time.Time{}
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			return day.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "ms")) * time.Millisecond)
		})
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			id, at := fmt.Sprintf("id%02d", rapid.IntRange(0, 30).Draw(t, "id")), instant.Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				stream.Delete(id)
				delete(model, id)
			case 1:
				if stream.MoveTime(id, at) {
					model[id] = at
				}
			default:
				stream.Insert(plainLog(id, at, "created_at"))
				model[id] = at
			}
		}
		from, to := instant.Draw(t, "from"), instant.Draw(t, "to")
		var want []string
		for id, at := range model {
			if at.After(from) && at.Before(to) {
				want = append(want, id)
			}
		}
		slices.SortFunc(want, func(a, b string) int {
			return cmp.Or(model[a].Compare(model[b]), cmp.Compare(a, b))
		})
		if got := walk(api, from, to); !slices.Equal(want, got) {
			t.Fatalf("window (%s, %s): got %v, want %v", from, to, got, want)
		}
	})
}

// walk reads a window of the gateway three rows a page, oldest first.
func walk(api *emulator.Emulator, from, to time.Time) (all []string) {
	for page := 1; ; page++ {
		r := httptest.NewRequest("GET", fmt.Sprintf("%s?per_page=3&page=%d&direction=asc&filters=%s", gatewayLogs, page, window(from, to)), nil)
		r.Header.Set("Authorization", "Bearer token")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		got := decodeAnswer(w.Result(), w.Body.Bytes())
		if len(got.ids) == 0 {
			return all
		}
		all = append(all, got.ids...)
	}
}

func TestWhileServing(t *testing.T) {
	s := newScene(t, emulator.Options{CloudflareBudget: emulator.Unlimited})
	s.fill(50, "created_at")
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := range 50 {
				id := fmt.Sprintf("w%d-%d", w, i)
				s.gateway.Insert(plainLog(id, day.Add(time.Duration(i)*time.Millisecond), "created_at"))
				if got := s.logs("per_page", "50"); got.status != 200 || len(got.ids) != 50 {
					t.Errorf("status %d, %d ids", got.status, len(got.ids))
				}
				s.gateway.Delete(id)
			}
		})
	}
	workers.Wait()
	if s.gateway.Len() != 50 || s.api.CountRequests(nil) != 200 {
		t.Errorf("%d logs, %d requests", s.gateway.Len(), s.api.CountRequests(nil))
	}
}

// BenchmarkPage takes a page out of the middle of a window of 10,000 logs in a
// stream of a million.
func BenchmarkPage(b *testing.B) {
	api := emulator.New(emulator.Options{CloudflareBudget: emulator.Unlimited, KeywordsAIBudget: emulator.Unlimited})
	gateway, dataset := api.AddGateway("acc", "gw"), api.AddDataset("ds", "")
	logs := make([]emulator.Log, 1_000_000)
	for i := range logs {
		logs[i] = emulator.Log{ID: fmt.Sprintf("%016x", i*2654435761), At: day.Add(time.Duration(i) * time.Millisecond), Doc: []byte(`{}`)}
	}
	gateway.Insert(logs...)
	dataset.Insert(logs...)
	span := window(day.Add(500*time.Second), day.Add(510*time.Second))
	for name, path := range map[string]string{
		"window":   gatewayLogs + "?per_page=50&page=100&filters=" + span,
		"deep":     gatewayLogs + "?per_page=50&page=19000",
		"order id": "/api/datasets/ds/logs/",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("Authorization", "Bearer token")
				w := httptest.NewRecorder()
				if api.ServeHTTP(w, r); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
			api.ForgetRequests()
		})
	}
}
