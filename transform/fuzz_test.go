package transform

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
)

func FuzzCloudflare(f *testing.F) {
	for _, doc := range goldenDocuments(f, "cloudflare") {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) { mustHold(t, Cloudflare, doc) })
}

func FuzzKeywordsAI(f *testing.F) {
	for _, doc := range goldenDocuments(f, "keywordsai") {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) { mustHold(t, KeywordsAI, doc) })
}

// FuzzTime: whatever is read is whole microseconds of UTC, and what the
// standard library would write as RFC 3339 is read as it means it.
func FuzzTime(f *testing.F) {
	for _, text := range []string{"2024-02-29T23:59:58.1234567Z", "2024-02-29 23:59:60+05:30", "2024-02-29t01:02:03z", "0001-01-01T00:00:00-23:59", "infinity"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, zoned, ok := parseTime(text)
		if ok && (got.Nanosecond()%1000 != 0 || got.Location() != time.UTC) {
			t.Errorf("%q: %v", text, got)
		}
		want, err := time.Parse(time.RFC3339Nano, text)
		_, offset := want.Zone() // a whole day off is no RFC 3339
		if err == nil && offset > -86400 && offset < 86400 && want.Format(time.RFC3339Nano) == text &&
			(!ok || !zoned || !got.Equal(want.Truncate(time.Microsecond))) {
			t.Errorf("%q: %v zoned=%v ok=%v, want %v", text, got, zoned, ok, want)
		}
	})
}

// FuzzDecimal: the amount read is the number written, to half of its last
// decimal.
func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"0.0006", "4.3e-06", "-1", "1e999999999999", "99999999.9999999999995", "0e5", "00.1", "1.e2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := parseDecimal(text)
		if !ok {
			return
		}
		want, err := strconv.ParseFloat(text, 64)
		if err != nil && want == 0 {
			t.Fatalf("%q is read, but is no number: %v", text, err)
		}
		amount, ok := d.money()
		if !ok {
			if want >= 0 && want < 99_999_999 && !strings.HasPrefix(text, "-") {
				t.Errorf("%q is refused", text)
			}
			return
		}
		got, err := strconv.ParseFloat(amount, 64)
		if err != nil || got-want > 1e-7 || want-got > 1e-7 || len(amount) > len("99999999.123456789012") {
			t.Errorf("%q became %q", text, amount)
		}
	})
}

// FuzzText: any JSON string becomes text that Postgres stores, the one that the
// standard library reads but for NUL; and it is quoted back as it is.
func FuzzText(f *testing.F) {
	for _, body := range []string{"plain", `\u0000`, "a\xffb", `\ud83d\ude00`, `\ud83d`, `\ude00\ud83d`, "\u2028", `\"\\\/\b\f\n\r\t`, "\xed\xa0\x80", "\ufffd"} {
		f.Add([]byte(`"` + body + `"`))
	}
	f.Fuzz(func(t *testing.T, quoted []byte) {
		var want string
		if len(quoted) < 2 || quoted[0] != '"' || json.Unmarshal(quoted, &want) != nil {
			return
		}
		quoted = bytes.TrimRight(quoted, " \t\r\n")
		got, clean := unquote(quoted)
		if stored := strings.ReplaceAll(want, "\x00", "\uFFFD"); got != stored {
			t.Errorf("%q is read as %q, want %q", quoted, got, stored)
		}
		if clean && strings.Count(got, "\uFFFD") > bytes.Count(quoted, []byte("\uFFFD"))+strings.Count(strings.ToLower(string(quoted)), `\ufffd`) {
			t.Errorf("%q is read as %q and called clean", quoted, got)
		}
		var back string
		if err := json.Unmarshal(appendQuoted(nil, got), &back); err != nil || back != got {
			t.Errorf("%q is quoted as %q: %q, %v", got, appendQuoted(nil, got), back, err)
		}
	})
}
