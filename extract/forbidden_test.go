package extract

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestForbiddenWhileATokenIsFresh(t *testing.T) {
	// 403 and 200 in turns, as a new token answers for its first minute.
	flapping := func(until time.Duration) *script {
		start := time.Now()
		return &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n > 1 && time.Since(start) < until {
				return said(403, `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`), nil
			}
			return said(200, emptyPage), nil
		}}
	}
	synctest.Test(t, func(t *testing.T) {
		cf := cloudflareVia(flapping(50*time.Second), Options{})
		for range 2 {
			if _, err := cf.Page(t.Context(), firstPage); err != nil {
				t.Errorf("refused for 50s: %v", err)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		cf := cloudflareVia(flapping(time.Hour), Options{})
		if _, err := cf.Page(t.Context(), firstPage); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := cf.Page(t.Context(), firstPage)
		if took := time.Since(start); KindOf(err) != Refused || took < time.Minute || took > 70*time.Second {
			t.Errorf("refused for good: %v after %s, want Refused after a minute", err, took)
		}
		start = time.Now()
		_, err = cf.Page(t.Context(), firstPage)
		if KindOf(err) != Refused || time.Since(start) != 0 {
			t.Errorf("the next call: %v after %s, want Refused at once", err, time.Since(start))
		}
	})
}

func TestForbiddenAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &script{answer: func(int, *http.Request) (*http.Response, error) {
			if at := time.Since(start); at > 10*time.Second && at < 30*time.Second || at > time.Hour && at < time.Hour+30*time.Second {
				return said(403, ""), nil
			}
			return said(200, emptyPage), nil
		}}
		cf := cloudflareVia(s, Options{})
		for _, at := range []time.Duration{0, 11 * time.Second, time.Hour + time.Second} {
			time.Sleep(time.Until(start.Add(at)))
			if _, err := cf.Page(t.Context(), firstPage); err != nil {
				t.Errorf("at %s: %v", at, err)
			}
		}
	})
}

func TestOneForbiddenGatewayAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "closed") {
				return said(403, ""), nil
			}
			return said(200, emptyPage), nil
		}}
		cf := cloudflareVia(s, Options{Concurrency: 2})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { // the credential keeps being accepted elsewhere
			for sleep(ctx, time.Second) == nil {
				_, _ = cf.Page(ctx, firstPage)
			}
		})
		time.Sleep(2 * time.Second)
		start := time.Now()
		_, err := cf.Page(t.Context(), Ask{Container: "closed", Page: 1, Size: 50})
		if took := time.Since(start); KindOf(err) != Refused || took < time.Minute || took > 70*time.Second {
			t.Errorf("%v after %s, want Refused after a minute", err, took)
		}
		cancel()
		wg.Wait()
	})
}
