package emulator_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
)

func TestSyntheticIsRepeatable(t *testing.T) {
	from, to := day.AddDate(0, 0, -3), day
	first := emulator.Synthetic(7, 2000, from, to)
	if diff := cmp.Diff(first, emulator.Synthetic(7, 2000, from, to)); diff != "" {
		t.Errorf("the same seed made other calls:\n%s", diff)
	}
	if cmp.Equal(first, emulator.Synthetic(8, 2000, from, to)) {
		t.Error("another seed made the same calls")
	}
}

func TestSyntheticShape(t *testing.T) {
	from, to := day.AddDate(0, 0, -3), day
	calls := emulator.Synthetic(7, 5000, from, to)
	if len(calls) != 5000 || !slices.IsSortedFunc(calls, func(a, b emulator.Call) int { return a.At.Compare(b.At) }) {
		t.Fatalf("%d calls, or not sorted", len(calls))
	}
	ids, seen := map[string]bool{}, map[string]int{}
	models := map[string]bool{}
	events := map[string]bool{}
	for i, c := range calls {
		if c.At.Before(from) || !c.At.Before(to) || !c.At.Equal(c.At.Truncate(time.Microsecond)) {
			t.Errorf("call %d at %s", i, c.At)
		}
		ids[c.CloudflareID()], ids[c.KeywordsAIID()], models[c.Model] = true, true, true
		if i > 0 && c.At.Equal(calls[i-1].At) {
			seen["tie"]++
		}
		for what, is := range map[string]bool{
			"error": !c.Success, "cached": c.Cached, "retry": c.Step == 1, "no tokens": c.Success && c.InputTokens == nil,
			"exponent": strings.Contains(c.Cost, "e"), "null cost": c.Cost == "null", "no cost": c.Success && c.Cost == "",
			"string metadata": c.MetadataAs == emulator.MetadataString, "null metadata": c.MetadataAs == emulator.MetadataNull,
			"feedback": c.Feedback != 0, "streamed": c.Streamed, "cached tokens": c.CachedTokens > 0, "reasoning": c.ReasoningTokens > 0,
			"long": c.InputTokens != nil && *c.InputTokens > 10_000, "retry of a known event": c.Step == 1 && events[c.EventID()],
		} {
			if is {
				seen[what]++
			}
		}
		events[c.EventID()] = true
	}
	if len(ids) != 10_000 || len(models) < 10 {
		t.Errorf("%d distinct ids, %d models", len(ids), len(models))
	}
	for _, what := range []string{"tie", "error", "cached", "retry", "no tokens", "exponent", "null cost", "no cost", "string metadata",
		"null metadata", "feedback", "streamed", "cached tokens", "reasoning", "long", "retry of a known event"} {
		if seen[what] < 5 {
			t.Errorf("seed 7: %s: %d of 5000", what, seen[what])
		}
	}
}

func TestIDs(t *testing.T) {
	ulid, uuid := regexp.MustCompile(`^01[0-9A-HJKMNP-TV-Z]{24}$`), regexp.MustCompile(`^01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	hexID := regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`)
	change := time.Date(2026, 10, 8, 0, 0, 0, 0, time.UTC)
	c := emulator.Call{At: change, Entropy: [10]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	if !uuid.MatchString(c.CloudflareID()) || !hexID.MatchString(c.KeywordsAIID()) {
		t.Errorf("ids %q, %q", c.CloudflareID(), c.KeywordsAIID())
	}
	if c.At = change.Add(-time.Millisecond); !ulid.MatchString(c.CloudflareID()) {
		t.Errorf("id %q", c.CloudflareID())
	}
	// The example of the ULID specification: 01ARZ3NDEKTSV4RRFFQ69G5FAV.
	c = emulator.Call{At: time.UnixMilli(1469922850259), Entropy: [10]byte{0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b}}
	if got := c.CloudflareID(); got != "01ARZ3NDEKTSV4RRFFQ69G5FAV" {
		t.Errorf("the specification's example is %q", got)
	}
}

func TestShift(t *testing.T) {
	calls := emulator.Synthetic(7, 100, day.AddDate(0, -3, 0), day.AddDate(0, -2, 0))
	moved := emulator.Shift(calls, day)
	if !moved[99].At.Equal(day) || moved[0].At.Sub(moved[99].At) != calls[0].At.Sub(calls[99].At) {
		t.Errorf("from %s to %s", moved[0].At, moved[99].At)
	}
	if len(calls[0].CloudflareID()) != 26 || len(moved[99].CloudflareID()) != 36 {
		t.Errorf("ids do not follow the time: %q, %q", calls[0].CloudflareID(), moved[99].CloudflareID())
	}
	if emulator.Shift(nil, day) != nil {
		t.Error("shifting nothing made something")
	}
}

func TestRenderedDocuments(t *testing.T) {
	for _, c := range emulator.Synthetic(7, 1000, day.AddDate(0, 0, -1), day) {
		log := emulator.CloudflareLog(c)
		doc := decodeDoc(t, log)
		if doc["id"] != log.ID || parsed(t, doc["created_at"]) != log.At || doc["model"] != c.Model || doc["success"] != c.Success {
			t.Fatalf("Cloudflare: log %s does not say what its call says", log.ID)
		}
		if cost, set := doc["cost"]; set != (c.Cost != "") || set && c.Cost != "null" && cost != json.Number(c.Cost) {
			t.Fatalf("cost %q became %v", c.Cost, cost)
		}
		for _, field := range []string{"created_at", "timestamp", "start_time"} {
			log := emulator.KeywordsAILog(c, "ds", field)
			doc := decodeDoc(t, log)
			want := c.At
			if field == "start_time" {
				want = c.At.Add(-c.Duration)
			}
			if doc["id"] != log.ID || parsed(t, doc[field]) != want || log.At != want || doc["dataset_id"] != "ds" {
				t.Fatalf("Keywords AI by %s: log %s does not say what its call says", field, log.ID)
			}
			if _, set := doc["created_at"]; set != (field == "created_at") {
				t.Fatalf("created_at beside %s", field)
			}
			if latency, err := time.ParseDuration(doc["latency"].(json.Number).String() + "s"); err != nil || latency != c.Duration {
				t.Fatalf("latency %v of %s", doc["latency"], c.Duration)
			}
		}
	}
}

// What the schemas don't have: metadata that is no JSON, members that nobody
// knows.
func TestOddDocuments(t *testing.T) {
	c := emulator.Synthetic(7, 1, day.AddDate(0, 0, -1), day)[0]
	c.User, c.MetadataAs = "user-01", emulator.MetadataBroken
	c.Extra = map[string]json.RawMessage{"zone": json.RawMessage(`{"a":[1]}`), "area": json.RawMessage(`"north"`)}
	doc := decodeDoc(t, emulator.CloudflareLog(c))
	if text, is := doc["metadata"].(string); !is || !strings.Contains(text, "user-01") || json.Valid([]byte(text)) {
		t.Errorf("broken metadata: %v", doc["metadata"])
	}
	for _, log := range []emulator.Log{emulator.CloudflareLog(c), emulator.KeywordsAILog(c, "ds", "timestamp")} {
		if !strings.HasSuffix(string(log.Doc), `,"area":"north","zone":{"a":[1]}}`) || decodeDoc(t, log)["id"] != log.ID {
			t.Errorf("members beyond the schema: %s", log.Doc)
		}
	}
}

func decodeDoc(t *testing.T, log emulator.Log) (doc map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(log.Doc)))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%v: %s", err, log.Doc)
	}
	return doc
}

func parsed(t *testing.T, text any) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text.(string))
	if err != nil {
		t.Fatal(err)
	}
	return at
}
