package extract

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func cloudflareAt(base string) *Cloudflare {
	return NewCloudflare(CloudflareConfig{
		Token: canaryToken, AccountID: "acc", BaseURL: base + "/v4/", Options: Options{Version: "1.2.3", Concurrency: 2},
	})
}

func keywordsAt(base string) *KeywordsAI {
	return NewKeywordsAI(KeywordsAIConfig{Key: canaryToken, KeyName: "KEYWORDSAI_API_KEY", BaseURL: base})
}

// A stop is a request as a test server met it.
type stop struct{ Method, Path, Query, Body, Auth string }

// diary is a server that notes every request and answers as told.
func diary(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) (*httptest.Server, func() []stop) {
	t.Helper()
	var mu sync.Mutex
	var stops []stop
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		stops = append(stops, stop{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Get("Authorization")})
		n := len(stops)
		mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s, func() []stop {
		mu.Lock()
		defer mu.Unlock()
		return stops
	}
}

func TestRequestHeaders(t *testing.T) {
	got := http.Header{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Date", "Sat, 21 Nov 2026 12:00:00 GMT")
		_, _ = io.WriteString(w, emptyPage)
	}))
	defer s.Close()
	calls := 0
	cf := NewCloudflare(CloudflareConfig{
		Token: canaryToken, AccountID: "acc", BaseURL: s.URL,
		Options: Options{Version: "1.2.3", OnRequest: func() { calls++ }},
	})
	a, err := cf.Page(t.Context(), firstPage)
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Authorization":   {"Bearer " + canaryToken},
		"User-Agent":      {"logferry/1.2.3"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC); !a.Date.Equal(at) {
		t.Errorf("Date = %s, want %s", a.Date, at)
	}
	if a.Bytes != int64(len(emptyPage)) || a.Requests != 1 || calls != 1 {
		t.Errorf("%d bytes, %d requests, %d calls of OnRequest", a.Bytes, a.Requests, calls)
	}
	if diff := cmp.Diff(Stats{Requests: 1, Bytes: int64(len(emptyPage))}, cf.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestP13RedirectToAnotherHostIsRefused(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			thief, seen := diary(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, emptyPage) })
			s, _ := diary(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, thief.URL+"/next?secret="+canaryPrompt, status)
			})
			for _, api := range []API{cloudflareAt(s.URL), keywordsAt(s.URL)} {
				_, err := api.Page(t.Context(), firstPage)
				if KindOf(err) != Config || !strings.Contains(err.Error(), thief.URL) || strings.Contains(err.Error(), "CANARY") {
					t.Errorf("%v; want Config that names %s only", err, thief.URL)
				}
			}
			if got := seen(); len(got) != 0 {
				t.Errorf("the other host was asked: %v", got)
			}
		})
	}
}

func TestP13RedirectToAnotherSchemeIsRefused(t *testing.T) {
	s, seen := diary(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+"/", http.StatusMovedPermanently)
	})
	if _, err := cloudflareAt(s.URL).Page(t.Context(), firstPage); KindOf(err) != Config || len(seen()) != 1 {
		t.Errorf("%v after %d requests, want Config after one", err, len(seen()))
	}
}

func TestRedirectOnTheSameHost(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s, seen := diary(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 1 {
					http.Redirect(w, r, "/elsewhere", status)
					return
				}
				_, _ = io.WriteString(w, `[]`)
			})
			a, err := keywordsAt(s.URL).Page(t.Context(), Ask{Container: "ds", Page: 3, Size: 7})
			if err != nil {
				t.Fatal(err)
			}
			first := seen()[0]
			again := first
			again.Path = "/elsewhere"
			if first.Method != http.MethodPost || first.Body == "" {
				t.Fatalf("first request %+v", first)
			}
			if diff := cmp.Diff([]stop{first, again}, seen()); diff != "" {
				t.Errorf("the same POST must go to the new place (-want +got):\n%s", diff)
			}
			if a.Requests != 2 {
				t.Errorf("%d requests counted, want 2", a.Requests)
			}
		})
	}
}

func TestRedirectsEnd(t *testing.T) {
	s, seen := diary(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	})
	for _, c := range []struct {
		api  API
		want int
	}{{cloudflareAt(s.URL), 4}, {keywordsAt(s.URL), 2}} {
		before := len(seen())
		_, err := c.api.Page(t.Context(), firstPage)
		if got := len(seen()) - before; KindOf(err) != Config || got != c.want {
			t.Errorf("%T: %v after %d requests, want Config after %d", c.api, err, got, c.want)
		}
	}
}

func TestP08GzipBomb(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"success":true,"result":["`)
		zeros := []byte(strings.Repeat("0", 1<<20))
		for range 256 {
			if _, err := z.Write(zeros); err != nil {
				return // the client has hung up, as it should
			}
		}
		_, _ = io.WriteString(z, `"]}`)
		_ = z.Close()
	}))
	defer s.Close()
	cf := cloudflareAt(s.URL)
	_, err := cf.Page(t.Context(), firstPage)
	if !errors.Is(err, ErrTooLarge) || KindOf(err) != TooLarge {
		t.Errorf("Page = %v, want ErrTooLarge", err)
	}
	if got := cf.Stats(); got.Bytes > MaxBody+1 || got.Requests != 1 {
		t.Errorf("read %d bytes in %d requests, want at most %d in one", got.Bytes, got.Requests, MaxBody+1)
	}
}

func TestBodyOfTheLargestSize(t *testing.T) {
	body := `{"success":true,"result":["` + strings.Repeat("é", (MaxBody-31)/2) + `" ]}`
	body += strings.Repeat(" ", MaxBody-len(body))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer s.Close()
	a, err := cloudflareAt(s.URL).Page(t.Context(), firstPage)
	if err != nil || a.Bytes != MaxBody || len(a.Docs) != 1 {
		t.Errorf("%d docs of %d bytes, %v", len(a.Docs), a.Bytes, err)
	}
}

// A truncated answer, however it is framed and wherever it is cut, must be
// asked for again: it is never a short page.
func TestP06TruncatedBodies(t *testing.T) {
	whole := `{"success":true,"result":[{"id":"a","tokens_in":12345,"model":"größe"},{"id":"b"}],"result_info":{"total_count":2}}`
	cuts := map[string]string{
		"in a number":      whole[:strings.Index(whole, "345")],
		"in a rune":        whole[:strings.Index(whole, "ö")+1],
		"between entries":  whole[:strings.Index(whole, `,{"id":"b"`)],
		"before the end":   whole[:len(whole)-1],
		"at the beginning": "",
	}
	framings := map[string]string{
		"length":  "Content-Length: %d\r\n\r\n%s",
		"chunked": "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s",
		"close":   "X-Length: %d\r\nConnection: close\r\n\r\n%s",
	}
	for cut, part := range cuts {
		for framing, rest := range framings {
			t.Run(framing+" "+cut, func(t *testing.T) {
				s, _ := diary(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
					conn, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Errorf("hijack: %v", err)
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+fmt.Sprintf(rest, len(whole), part))
					_ = conn.Close()
				})
				_, err := cloudflareAt(s.URL).client.attempt(t.Context(), &call{
					page: 1, path: "/x", decode: func(body []byte) error { _, err := readCloudflare(body); return err },
				})
				var f *fault
				if !errors.As(err, &f) || f.verdict != retry || f.err.Kind != Unavailable {
					t.Errorf("%v; want a fault that is tried again", err)
				}
			})
		}
	}
}

// The errors of net/http quote what must not be seen; ours are fixed phrases.
func TestP04NetworkCauseQuotesNothing(t *testing.T) {
	inner := errors.New(canaryToken)
	for _, c := range []struct {
		err  error
		want string
	}{
		{&url.Error{Op: "Get", URL: "https://h/?q=" + canaryPrompt, Err: inner}, "the connection failed"},
		{&net.OpError{Op: "proxyconnect", Err: inner}, "the proxy can't be reached"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: canaryPrompt}}, "the host name can't be resolved"},
		{&net.OpError{Op: "read", Err: context.DeadlineExceeded}, "the connection timed out"},
		{io.ErrUnexpectedEOF, "the connection ended before the answer did"},
	} {
		if got := networkCause(c.err).Error(); got != c.want {
			t.Errorf("networkCause = %q, want %q", got, c.want)
		}
	}
}

// A GET that the transport sends again by itself, because the connection that it
// reused was dead, is counted, and takes a permit.
func TestRequestsOfTheTransportAreCounted(t *testing.T) {
	var served atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if served.Add(1)%2 == 1 {
			_, _ = io.WriteString(w, emptyPage)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		_ = conn.Close()
	}))
	defer s.Close()
	var drawn, sent atomic.Int64
	c := NewCloudflare(CloudflareConfig{Token: canaryToken, AccountID: "acc", BaseURL: s.URL, Options: Options{
		OnRequest: func() { sent.Add(1) },
		Budget: Budget{Draw: func(context.Context, int) (int, time.Duration, error) {
			drawn.Add(1)
			return 1, 0, nil
		}},
	}})
	var told int64
	for range 20 {
		a, err := c.Page(t.Context(), firstPage)
		if err != nil {
			t.Fatal(err)
		}
		told += int64(a.Requests)
	}
	if n := served.Load(); n < 30 || c.Stats().Requests != n || sent.Load() != n || drawn.Load() != n || told != n {
		t.Errorf("%d requests were served; %d counted, %d said, %d told, %d permits drawn", n, c.Stats().Requests, sent.Load(), told, drawn.Load())
	}
}
