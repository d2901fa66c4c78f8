package extract

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestP01TooManyRequests(t *testing.T) {
	date := "Sat, 21 Nov 2026 12:00:00 GMT"
	for _, c := range []struct {
		name    string
		headers []string
		want    time.Duration
	}{
		{"seconds", []string{"Retry-After", "30"}, 30 * time.Second},
		{"date", []string{"Date", date, "Retry-After", "Sat, 21 Nov 2026 12:01:00 GMT"}, time.Minute},
		{"past", []string{"Date", date, "Retry-After", "Sat, 21 Nov 2026 11:00:00 GMT"}, 0},
		{"a year", []string{"Retry-After", "31536000"}, 5 * time.Minute},
		{"a date in a year", []string{"Date", date, "Retry-After", "Sun, 21 Nov 2027 12:00:00 GMT"}, 5 * time.Minute},
		{"reset of the quota", []string{"Ratelimit", `"default";r=0;t=42`}, 42 * time.Second},
		{"negative", []string{"Retry-After", "-1"}, 5 * time.Minute},
		{"no hint", nil, 5 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &ledger{left: 100}
				start := time.Now()
				if _, err := cloudflareVia(failing(1, 429, c.headers...), Options{Budget: l.budget()}).Page(t.Context(), firstPage); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < c.want || took > c.want+time.Second {
					t.Errorf("waited %s, want %s", took, c.want)
				}
				for _, d := range l.blocks {
					if d != c.want {
						t.Errorf("blocked everybody for %s, want %s", d, c.want)
					}
				}
				if c.want > 0 && len(l.blocks) == 0 {
					t.Error("nobody else was told to wait")
				}
			})
		})
	}
}

func TestP01TooManyRequestsOfKeywordsAI(t *testing.T) {
	for _, c := range []struct {
		name, body string
		n          int
		want       time.Duration
	}{
		{"retry_after in the body", `{"detail":"slow down","retry_after":30}`, 1, 30 * time.Second},
		{"as text", `{"retry_after":"12"}`, 1, 12 * time.Second},
		{"a fraction", `{"retry_after":0.5}`, 1, time.Second},
		{"absurd", `{"retry_after":1e30}`, 1, 5 * time.Minute},
		{"negative: no hint", `{"retry_after":-30}`, 1, 5 * time.Second},
		{"no hint: growing", `{"detail":"slow down"}`, 3, 35 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
					if n <= c.n {
						return said(429, c.body), nil
					}
					return said(200, `{"count":0,"results":[]}`), nil
				}}
				start := time.Now()
				if _, err := keywordsVia(s).Page(t.Context(), firstPage); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < c.want || took > c.want+3*time.Second {
					t.Errorf("waited %s, want %s", took, c.want)
				}
			})
		})
	}
}

func TestP01NoWaitBeyondTheEndOfTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		l := &ledger{left: 100}
		start := time.Now()
		_, err := cloudflareVia(failing(1, 429), Options{Budget: l.budget()}).Page(ctx, firstPage)
		if KindOf(err) != Unavailable || !errors.Is(err, ErrNoTime) || time.Since(start) != 0 {
			t.Errorf("after %s: %v; want Unavailable, ErrNoTime, at once", time.Since(start), err)
		}
		if len(l.blocks) != 1 {
			t.Errorf("blocked %v: the others must know, whoever has time", l.blocks)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		s := failing(0, 0)
		_, err := cloudflareVia(s, Options{Budget: (&ledger{wait: 5 * time.Minute}).budget()}).Page(ctx, firstPage)
		if KindOf(err) != Unavailable || !errors.Is(err, ErrNoTime) || len(s.sent) != 0 {
			t.Errorf("budget used up: %v, %d requests; want Unavailable, ErrNoTime and none", err, len(s.sent))
		}
	})
}

func TestLowQuotaBlocksEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: 100}
		s := &script{answer: func(int, *http.Request) (*http.Response, error) {
			return said(200, emptyPage, "Ratelimit", `"default";r=59;t=77`, "Ratelimit-Policy", `"default";q=1200;w=300`), nil
		}}
		cf := cloudflareVia(s, Options{Budget: l.budget()})
		for range 2 {
			if _, err := cf.Page(t.Context(), firstPage); err != nil {
				t.Fatal(err)
			}
		}
		if gap := s.sent[1].Sub(s.sent[0]); gap != 77*time.Second {
			t.Errorf("the next request came %s later, want after the reset in 77s", gap)
		}
		if len(l.blocks) != 2 || l.blocks[0] != 77*time.Second {
			t.Errorf("blocked %v, want 77s after each answer", l.blocks)
		}
	})
}

func TestHintOfAServerError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: 100}
		start := time.Now()
		if _, err := cloudflareVia(failing(1, 503, "Retry-After", "40"), Options{Budget: l.budget()}).Page(t.Context(), firstPage); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 40*time.Second || len(l.blocks) != 0 {
			t.Errorf("waited %s and blocked %v, want 40s for this request alone", took, l.blocks)
		}
	})
}
