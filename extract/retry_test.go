package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A script is a transport that answers request n (from 1) as told, in no time.
type script struct {
	mu     sync.Mutex
	sent   []time.Time
	answer func(n int, r *http.Request) (*http.Response, error)
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.sent = append(s.sent, time.Now())
	n := len(s.sent)
	s.mu.Unlock()
	return s.answer(n, r)
}

// said makes a response; headers are name, value, name, value.
func said(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

const emptyPage = `{"success":true,"result":[],"result_info":{"total_count":0,"per_page":50}}`

// failing answers the first n requests with status, the others with a page.
func failing(n, status int, headers ...string) *script {
	return &script{answer: func(i int, _ *http.Request) (*http.Response, error) {
		if i <= n {
			return said(status, `{"success":false,"errors":[{"message":"no"}]}`, headers...), nil
		}
		return said(200, emptyPage), nil
	}}
}

func cloudflareVia(s *script, o Options) *Cloudflare {
	o.Transport = s
	return NewCloudflare(CloudflareConfig{Token: canaryToken, AccountID: "acc", BaseURL: "https://api.test/v4", Options: o})
}

func keywordsVia(s *script) *KeywordsAI {
	return NewKeywordsAI(KeywordsAIConfig{
		Key: canaryToken, KeyName: "RESPAN_API_KEY", BaseURL: "https://api.test", Options: Options{Transport: s},
	})
}

var firstPage = Ask{Container: "gw", Page: 1, Size: 50}

func TestP02RetriesUntilAnswered(t *testing.T) {
	for _, status := range []int{408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 599} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cf := cloudflareVia(failing(4, status), Options{})
				a, err := cf.Page(t.Context(), firstPage)
				if err != nil || a.Requests != 5 {
					t.Errorf("Page = %d requests, %v; want an answer at the fifth", a.Requests, err)
				}
				if s := cf.Stats(); s.Requests != 5 || s.Retries != 4 {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

func TestP02GivesUpAfterFiveTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := failing(1000, 503)
		_, err := cloudflareVia(s, Options{}).Page(t.Context(), firstPage)
		if KindOf(err) != Unavailable || len(s.sent) != 5 {
			t.Errorf("%d tries, %v; want five and Unavailable", len(s.sent), err)
		}
	})
}

func TestP03NotRetried(t *testing.T) {
	for status, want := range map[int]Kind{400: Config, 401: Refused, 403: Refused, 404: Gone, 405: Config, 410: Gone, 422: Config} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := failing(1000, status)
				_, err := cloudflareVia(s, Options{}).Page(t.Context(), firstPage)
				if KindOf(err) != want || len(s.sent) != 1 {
					t.Errorf("%d tries, kind %d; want one and kind %d: %v", len(s.sent), KindOf(err), want, err)
				}
			})
		})
	}
}

func TestP02DelaysAreRandomAndGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longest := [4]time.Duration{}
		for range 200 {
			s := failing(4, 500)
			if _, err := cloudflareVia(s, Options{}).Page(t.Context(), firstPage); err != nil {
				t.Fatal(err)
			}
			for i := range longest {
				longest[i] = max(longest[i], s.sent[i+1].Sub(s.sent[i]))
			}
		}
		for i, bound := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if longest[i] > bound+time.Millisecond || longest[i] < bound/2 {
				t.Errorf("longest delay %d was %s, want near %s", i+1, longest[i], bound)
			}
		}
	})
}

func TestP02RetriesOfARunAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := failing(1<<30, 500)
		cf := cloudflareVia(s, Options{})
		for range 50 {
			if _, err := cf.Page(t.Context(), firstPage); KindOf(err) != Unavailable {
				t.Fatalf("Page: %v", err)
			}
		}
		if got := cf.Stats().Retries; got != freeRetries {
			t.Errorf("%d retries in %d requests, want %d", got, len(s.sent), freeRetries)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n > 1000 {
				return said(500, ""), nil
			}
			return said(200, emptyPage), nil
		}}
		cf := cloudflareVia(s, Options{})
		for range 1200 {
			_, _ = cf.Page(t.Context(), firstPage)
		}
		stats := cf.Stats()
		if share := float64(stats.Retries) / float64(stats.Requests); share < 0.09 || share > 0.11 {
			t.Errorf("%d retries in %d requests, want a tenth", stats.Retries, stats.Requests)
		}
	})
}

func TestP05AttemptTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.answer = func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 { // headers never come
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			if n == 2 { // the body never ends
				res := said(200, "")
				res.Body = io.NopCloser(stalled{r.Context()})
				return res, nil
			}
			if n == 3 { // the body comes byte by byte
				res := said(200, "")
				res.Body = io.NopCloser(trickle{r.Context()})
				return res, nil
			}
			return said(200, emptyPage), nil
		}
		_, err := cloudflareVia(s, Options{}).Page(t.Context(), firstPage)
		if err != nil || len(s.sent) != 4 {
			t.Fatalf("%d tries, %v; want the fourth to answer", len(s.sent), err)
		}
		for i := range 3 {
			if gap := s.sent[i+1].Sub(s.sent[i]); gap < attemptTime || gap > attemptTime+4*time.Second {
				t.Errorf("try %d lasted %s, want 30s and a delay", i+1, gap)
			}
		}
	})
}

// stalled is a body that sends a little and then nothing.
type stalled struct{ ctx context.Context }

func (b stalled) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// trickle is a body that sends a byte each second, for ever.
type trickle struct{ ctx context.Context }

func (b trickle) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		return copy(p[:1], "["), nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func TestP05CancellationIsNotTheSourcesFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := cloudflareVia(s, Options{}).Page(ctx, firstPage)
		if !errors.Is(err, context.DeadlineExceeded) || KindOf(err) != 0 || len(s.sent) != 1 {
			t.Errorf("%v after %d tries, want the context's own error after one", err, len(s.sent))
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		s := &script{answer: func(int, *http.Request) (*http.Response, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second) // inside synctest: the server's time
			mu.Lock()
			now--
			mu.Unlock()
			return said(200, emptyPage), nil
		}}
		cf := cloudflareVia(s, Options{Concurrency: 3})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := cf.Page(t.Context(), firstPage); err != nil {
					t.Errorf("Page: %v", err)
				}
			})
		}
		wg.Wait()
		if most != 3 {
			t.Errorf("%d requests in flight at most, want 3", most)
		}
	})
}
