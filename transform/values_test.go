package transform

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMoney(t *testing.T) {
	tests := []struct{ in, want string }{ // "": refused
		{"0", "0"}, {"-0", "0"}, {"0.0", "0"}, {"0e99", "0"}, {"1", "1"}, {"0.0000043", "0.0000043"},
		{"4.3e-06", "0.0000043"}, {"4.3E-6", "0.0000043"}, {"1e+2", "100"}, {"0.1e1", "1"},
		{"0.00010475000000000001", "0.00010475"},
		{"0.0000000000005", "0.000000000001"}, {"0.00000000000049999999999", "0"}, {"1e-999999999999", "0"},
		{"0.9999999999995", "1"}, {"9.9999999999999", "10"},
		{"99999999.999999999999", "99999999.999999999999"},
		{"99999999.9999999999995", ""}, {"100000000", ""}, {"1e8", ""}, {"1e999999999999999999999", ""},
		{"-0.1", ""}, {"-1e-30", ""},
		{"", ""}, {"-", ""}, {"1.", ""}, {".5", ""}, {"01", ""}, {"1e", ""}, {"1e+-2", ""}, {"NaN", ""}, {"0x1", ""}, {"1_000", ""}, {" 1", ""},
		{strings.Repeat("9", 5000), ""}, {"0." + strings.Repeat("3", 5000), "0.333333333333"},
	}
	for _, tt := range tests {
		got := ""
		if d, ok := parseDecimal(tt.in); ok {
			got, _ = d.money()
		}
		if got != tt.want {
			t.Errorf("%.40s: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCounts(t *testing.T) {
	tests := []struct {
		in     string
		places int
		want   int32 // -1: refused
		exact  bool
	}{
		{"0", 0, 0, true}, {"-0", 0, 0, true}, {"2147483647", 0, 2147483647, true}, {"2147483648", 0, -1, false},
		{"2147483647.5", 0, -1, false}, {"12.0", 0, 12, true}, {"1.5", 0, 2, false}, {"1.49", 0, 1, false},
		{"1.2e3", 0, 1200, true}, {"1e-400", 0, 0, false}, {"-1", 0, -1, false}, {"1e10", 0, -1, false},
		{"1e999999999", 0, -1, false}, {"2.1503", 3, 2150, false}, {"0.0005", 3, 1, false}, {"0.00049", 3, 0, false},
		{"1.0005", 3, 1001, false}, {"2147483.6474", 3, 2147483647, false}, {"2147483.6475", 3, -1, false},
	}
	for _, tt := range tests {
		d, parsed := parseDecimal(tt.in)
		got, exact, ok := d.count(tt.places)
		if !ok {
			got, exact = -1, false
		}
		if !parsed || got != tt.want || exact != tt.exact {
			t.Errorf("%s × 10^%d: %d exact=%v, want %d exact=%v", tt.in, tt.places, got, exact, tt.want, tt.exact)
		}
	}
}

func TestP10ParseTime(t *testing.T) {
	utc := func(micros int) time.Time { return time.Date(2024, 2, 29, 23, 59, 58, micros*1000, time.UTC) }
	tests := []struct {
		in    string
		want  time.Time // zero: refused
		zoned bool
	}{
		{"2024-02-29T23:59:58Z", utc(0), true},
		{"2024-02-29t23:59:58z", utc(0), true},
		{"2024-02-29 23:59:58", utc(0), false},
		{"2024-02-29 23:59:58+00", utc(0), true},
		{"2024-03-01T01:29:58.5+01:30", utc(500000), true},
		{"2024-02-29T15:59:58-0800", utc(0), true},
		{"2024-02-29T23:59:58.1Z", utc(100000), true},
		{"2024-02-29T23:59:58.123Z", utc(123000), true},
		{"2024-02-29T23:59:58.1234567", utc(123456), false},
		{"2024-02-29T23:59:58.999999999Z", utc(999999), true},
		{"2024-02-29T23:59:58.00000000000000000009Z", utc(0), true},
		{"2024-02-29T23:59:60Z", utc(0).Add(2 * time.Second), true},
		{"2023-02-29T23:59:58Z", time.Time{}, false},
		{"2024-13-01T00:00:00Z", time.Time{}, false},
		{"2024-00-01T00:00:00Z", time.Time{}, false},
		{"2024-01-00T00:00:00Z", time.Time{}, false},
		{"2024-01-01T24:00:00Z", time.Time{}, false},
		{"2024-01-01T00:60:00Z", time.Time{}, false},
		{"2024-01-01T00:00:61Z", time.Time{}, false},
		{"2024-01-01T00:00:00.Z", time.Time{}, false},
		{"2024-01-01T00:00:00,5Z", time.Time{}, false},
		{"2024-01-01T00:00:00 UTC", time.Time{}, false},
		{"2024-01-01T00:00:00+24:00", time.Time{}, false},
		{"2024-01-01T00:00:00+01:60", time.Time{}, false},
		{"2024-01-01T00:00:00+1", time.Time{}, false},
		{"2024-01-01T00:00:00+-100", time.Time{}, false},
		{"2024-01-01", time.Time{}, false},
		{"2024-1-01T00:00:00Z", time.Time{}, false},
		{"+02024-01-01T00:00:00Z", time.Time{}, false},
		{"300000-01-01T00:00:00Z", time.Time{}, false},
		{"infinity", time.Time{}, false},
		{"", time.Time{}, false},
	}
	t.Logf("tried %d times", len(tests))
	for _, tt := range tests {
		got, zoned, ok := parseTime(tt.in)
		if !ok {
			got, zoned = time.Time{}, false
		}
		if !got.Equal(tt.want) || zoned != tt.zoned || ok && got.Location() != time.UTC {
			t.Errorf("%q: %v zoned=%v, want %v zoned=%v", tt.in, got, zoned, tt.want, tt.zoned)
		}
	}
}

func TestP10TimeRange(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		at   time.Time
		want bool
	}{
		{earliest, true},
		{earliest.Add(-time.Microsecond), false},
		{now.Add(24 * time.Hour), true},
		{now.Add(24*time.Hour + time.Microsecond), false},
	}
	for _, tt := range tests {
		if got := inRange(tt.at, now); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.at, got, tt.want)
		}
	}
}

func TestFoldPath(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"v1/chat/completions", "v1/chat/completions"},
		{"v1/chat/completions?key=secret", "v1/chat/completions"},
		{"/v1/files/file-abc123DEF456ghi7#x", "/v1/files/{id}"},
		{"v1/threads/thread_abc123def456ghi789/runs/42", "v1/threads/{id}/runs/{id}"},
		{"v1/x/550e8400-e29b-41d4-a716-446655440000", "v1/x/{id}"},
		{"v1/x/01JADMCQQQBWH3NXZ5GCRN98DP", "v1/x/{id}"},
		{"https://example.com/v1/messages?beta=true", "/v1/messages"},
		{"https://example.com", ""},
		{"r/deployments/prod-gpt/chat/completions", "r/deployments/{deployment}/chat/completions"},
		{"v1/projects/p-1/locations/us/publishers/google/models/gemini-2.5-pro:generateContent", "v1/projects/{project}/locations/us/publishers/google/models/gemini-2.5-pro:generateContent"},
		{"model/claude-sonnet-4-5-20250929/converse", "model/claude-sonnet-4-5-20250929/converse"},
		{"text-generation/transcriptions", "text-generation/transcriptions"},
	}
	for _, tt := range tests {
		if got := foldPath(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestUnquote(t *testing.T) {
	tests := []struct {
		in, want string
		clean    bool
	}{
		{`""`, "", true},
		{`"plain"`, "plain", true},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", true},
		{`"\u00e9\u20AC"`, "é€", true},
		{`"\ud83d\ude00"`, "😀", true},
		{`"\ufffd"`, "\ufffd", true},
		{`"a\u0000b"`, "a\ufffdb", false},
		{`"\ud83d"`, "\ufffd", false},
		{`"\ude00\ud83d"`, "\ufffd\ufffd", false},
		{`"\ud83d\ud83d\ude00"`, "\ufffd😀", false},
		{`"\ud83dx"`, "\ufffdx", false},
		{"\"a\xffb\"", "a\ufffdb", false},
		{"\"\\n\xed\xa0\x80\"", "\n\ufffd\ufffd\ufffd", false},
	}
	for _, tt := range tests {
		got, clean := unquote([]byte(tt.in))
		if got != tt.want || clean != tt.clean {
			t.Errorf("%s: %q clean=%v, want %q clean=%v", tt.in, got, clean, tt.want, tt.clean)
		}
	}
}

func TestP08DepthLimit(t *testing.T) {
	for _, tt := range []struct {
		levels int
		want   bool
	}{{maxDepth, true}, {maxDepth + 1, false}} {
		value := strings.Repeat("[", tt.levels) + strings.Repeat("]", tt.levels)
		found := &issues{}
		kept := canonical([]byte(value), found) != nil
		if kept != tt.want || kept == (found.codes != nil) {
			t.Errorf("%d levels: kept %v with issues %q, want %v", tt.levels, kept, found.codes, tt.want)
		}
	}
}

// TestOrderInsideIsNoise: neither scores, nor tags, nor messages depend on the
// order in which an object's members come.
func TestOrderInsideIsNoise(t *testing.T) {
	const doc = `{"id":"a","created_at":"2026-10-01T18:11:19Z","scores":%SCORES%,"metadata":%TAGS%,"messages":[%MESSAGE%]}`
	var hashes [2][16]byte
	for i, order := range [][]string{
		{`{"a":0.1,"b":0.2,"c":0.3}`, `{"x":1,"y":{"p":[],"q":2}}`, `{"role":"user","content":"q"}`},
		{`{"c":0.3,"b":0.2,"a":0.1}`, `{ "y":{"q":2, "p":[ ]}, "x":1}`, `{"content":"q","role":"user"}`},
	} {
		text := strings.NewReplacer("%SCORES%", order[0], "%TAGS%", order[1], "%MESSAGE%", order[2]).Replace(doc)
		rec, reject := KeywordsAI([]byte(text), testOptions(true))
		if rec == nil {
			t.Fatal(reject.Code)
		}
		hashes[i] = rec.Hash
	}
	if hashes[0] != hashes[1] {
		t.Error("another order, another hash")
	}
}

// The mean of finite scores is finite, or it is none and says so.
func TestMeanOfHugeScores(t *testing.T) {
	const huge = "1.7976931348623157e308"
	for n := 2; n < 200; n++ {
		doc := `{"id":"a","created_at":"2026-10-01T18:11:19Z","scores":[` + strings.Repeat(huge+",", n-1) + huge + `]}`
		record, reject := KeywordsAI([]byte(doc), &Options{Now: time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC), TimeField: "created_at"})
		if reject != nil {
			t.Fatal(reject.Code)
		}
		if s := record.FeedbackScore; s != nil && math.IsInf(*s, 0) || s == nil && !slices.Contains(record.Issues, IssueValueOutOfRange) {
			t.Errorf("%d scores: %v, issues %v", n, s, record.Issues)
		}
	}
}
