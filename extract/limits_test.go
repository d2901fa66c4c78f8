package extract

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestP01RetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	type result struct {
		Wait time.Duration
		OK   bool
	}
	for _, c := range []struct {
		name, value string
		date        time.Time
		want        result
	}{
		{"seconds", "30", now, result{30 * time.Second, true}},
		{"zero", "0", now, result{0, true}},
		{"spaces", " 7 ", now, result{7 * time.Second, true}},
		{"a fraction is rounded up", "1.2", now, result{2 * time.Second, true}},
		{"a year", "31536000", now, result{5 * time.Minute, true}},
		{"more than fits", "99999999999999999999999", now, result{5 * time.Minute, true}},
		{"more than any float", "1e999", now, result{5 * time.Minute, true}},
		{"negative", "-5", now, result{}},
		{"missing", "", now, result{}},
		{"words", "soon", now, result{}},
		{"not a number", "NaN", now, result{}},
		{"infinite", "Inf", now, result{}},
		{"a unit", "5s", now, result{}},
		{"a date", "Sat, 21 Nov 2026 12:01:30 GMT", now, result{90 * time.Second, true}},
		{"a date on the source's clock", "Sat, 21 Nov 2026 13:01:30 GMT", now.Add(time.Hour), result{90 * time.Second, true}},
		{"a date without Date", "Sat, 21 Nov 2026 12:01:30 GMT", time.Time{}, result{90 * time.Second, true}},
		{"a date gone by", "Sat, 21 Nov 2026 11:00:00 GMT", now, result{0, true}},
		{"a date next year", "Sun, 21 Nov 2027 12:00:00 GMT", now, result{5 * time.Minute, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ok := retryAfter(c.value, c.date, now)
			if diff := cmp.Diff(c.want, result{d, ok}); diff != "" {
				t.Errorf("retryAfter(%q) (-want +got):\n%s", c.value, diff)
			}
		})
	}
}

func TestAllowances(t *testing.T) {
	policy := []string{`"default";q=1200;w=300`}
	for _, c := range []struct {
		name          string
		limit, policy []string
		want          []allowance
	}{
		{"as documented", []string{`"default";r=50;t=30`}, policy, []allowance{{50, 30 * time.Second, 1200}}},
		{"order varies", []string{`"default";t=30;r=50`}, []string{`"default";w=300;q=1200`}, []allowance{{50, 30 * time.Second, 1200}}},
		{"name unquoted", []string{`default;r=50;t=30`}, policy, []allowance{{50, 30 * time.Second, 1200}}},
		{"spaces and capitals", []string{` "default" ; R = 50 ; T = 30 `}, policy, []allowance{{50, 30 * time.Second, 1200}}},
		{"a list", []string{`"default";r=50;t=30, "burst";r=1;t=2`}, policy, []allowance{{50, 30 * time.Second, 1200}, {1, 2 * time.Second, 0}}},
		{"two lines", []string{`"default";r=50;t=30`, `"burst";r=1;t=2`}, policy, []allowance{{50, 30 * time.Second, 1200}, {1, 2 * time.Second, 0}}},
		{"separators in a name", []string{`"a;b,c";r=5;t=6`}, []string{`"a;b,c";q=100`}, []allowance{{5, 6 * time.Second, 100}}},
		{"unknown parameters", []string{`"default";pk=:x=:;r=50;t=30`}, policy, []allowance{{50, 30 * time.Second, 1200}}},
		{"a far reset is cut", []string{`"default";r=0;t=86400`}, policy, []allowance{{0, 5 * time.Minute, 1200}}},
		{"no policy", []string{`"default";r=50;t=30`}, nil, []allowance{{50, 30 * time.Second, 0}}},
		{"no reset", []string{`"default";r=50`}, policy, nil},
		{"nothing left said", []string{`"default";t=30`}, policy, nil},
		{"negative", []string{`"default";r=-1;t=30`}, policy, nil},
		{"missing", nil, nil, nil},
		{"the older form", []string{`limit=100, remaining=50, reset=30`}, nil, nil},
		{"an open quote", []string{`"default;r=50;t=30`}, policy, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := allowances(http.Header{"Ratelimit": c.limit, "Ratelimit-Policy": c.policy})
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(allowance{})); diff != "" {
				t.Errorf("allowances (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLowWait(t *testing.T) {
	for _, c := range []struct {
		name     string
		limit    string
		inFlight int64
		want     time.Duration
	}{
		{"5 % of 1200 and 8 in flight are left", `"default";r=68;t=90`, 8, 0},
		{"one less", `"default";r=67;t=90`, 8, 90 * time.Second},
		{"one item of two is low", `"default";r=1000;t=90, "burst";r=0;t=3`, 8, 3 * time.Second},
		{"used up", `"default";r=0;t=600`, 0, 5 * time.Minute},
		{"used up and reset this moment", `"default";r=0;t=0`, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"Ratelimit": {c.limit}, "Ratelimit-Policy": {`"default";q=1200;w=300`}}
			if got := lowWait(h, c.inFlight); got != c.want {
				t.Errorf("lowWait = %s, want %s", got, c.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"30", "-1", "1e9", "0x10", "Sat, 21 Nov 2026 12:01:30 GMT", "", "1_000", "9.9.9"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := retryAfter(s, time.Time{}, now)
		if d < 0 || d > longestWait || !ok && d != 0 {
			t.Errorf("retryAfter(%q) = %s, %t", s, d, ok)
		}
	})
}

func FuzzRatelimit(f *testing.F) {
	f.Add(`"default";r=50;t=30`, `"default";q=1200;w=300`)
	f.Add(`default;t=1;r=0, "b";r=9`, `b;q=-4`)
	f.Add(`"x`, `;;==,,`)
	f.Fuzz(func(t *testing.T, limit, policy string) {
		h := http.Header{"Ratelimit": {limit}, "Ratelimit-Policy": {policy}}
		for _, a := range allowances(h) {
			if a.left < 0 || a.quota < 0 || a.reset < 0 || a.reset > longestWait {
				t.Errorf("%q, %q: %+v", limit, policy, a)
			}
		}
		if d := lowWait(h, 8); d < 0 || d > longestWait {
			t.Errorf("%q, %q: wait %s", limit, policy, d)
		}
	})
}
