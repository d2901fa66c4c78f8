package ferry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A provider that does nothing but fail, or that refuses the credential, ends
// a run with the code for it and leaves the watermark where it is; once it is
// well, nothing is missing.
func TestP02FailingForEver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		code   int
		says   string
	}{
		"unavailable":        {http.StatusServiceUnavailable, ferry.ExitUnavailable, "Cloudflare is unavailable"},
		"P03 token refused":  {http.StatusUnauthorized, ferry.ExitNoPerm, "check CLOUDFLARE_API_TOKEN"},
		"P03 not permitted":  {http.StatusForbidden, ferry.ExitNoPerm, "check CLOUDFLARE_API_TOKEN"},
		"P03 no such stream": {http.StatusNotFound, ferry.ExitConfig, "check the id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			now := time.Now()
			prod := w.gateway("prod")
			w.cfg.Cloudflare.Gateways = []string{"prod"}
			prod.Insert(cloudflareLogs(1, 150, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
			w.sync(ferry.ExitOK)
			before := w.watermark(prod)
			prod.Insert(cloudflareLogs(2, 50, now.Add(-90*time.Minute), now.Add(-time.Hour))...)
			var asked atomic.Int64
			prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, _ *http.Request, _ int) bool {
				asked.Add(1)
				http.Error(rw, canary, test.status)
				return true
			}})
			f := w.ferry()
			_, err := f.Sync(context.Background())
			f.Close()
			w.exits(test.code, err)
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v; want %q", err, test.says)
			}
			if tries := asked.Load(); tries != 1 && tries != 5 || (tries == 5) != (test.code == ferry.ExitUnavailable) {
				t.Errorf("asked %d times", tries)
			}
			if after := w.watermark(prod); !after.Equal(before) {
				t.Errorf("the watermark moved from %s to %s", before, after)
			}
			prod.SetFaults(emulator.Faults{})
			w.sync(ferry.ExitOK)
			w.equal(prod)
		})
	}
}

// Answers that are none, with status 200, now and then among good ones: nothing
// of them is taken for a page.
func TestP07WrongBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	bodies := []string{
		"", "null", "[]", "{}", "0", `""`, "<html>" + canary + "</html>", "plain " + canary,
		`{"success":true}`, `{"success":false,"errors":[],"result":[]}`, `{"success":"true","result":[]}`,
		`{"success":true,"result":null,"result_info":{"total_count":0}}`, `{"success":true,"result":{},"result_info":[]}`,
		"\uFEFF" + `{"success":true,"result":[],"result_info":{"total_count":0}}`,
		`{"success":true,"result":[],"result_info":{"total_count":0}} {}`,
		`{"success":true,"result":[` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `]}`,
	}
	var streams []*emulator.Stream
	for i, body := range bodies {
		prod := w.gateway(fmt.Sprintf("body-%d", i))
		prod.Insert(cloudflareLogs(uint64(i), 130, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
		prod.SetFaults(emulator.Faults{Intercept: func(rw http.ResponseWriter, _ *http.Request, n int) bool {
			if n != 2+i%3 {
				return false
			}
			fmt.Fprint(rw, body)
			return true
		}})
		streams = append(streams, prod)
	}
	t.Logf("tried %d wrong answers", len(bodies))
	sum := w.sync(ferry.ExitOK)
	if sum.Retries < int64(len(bodies)) {
		t.Errorf("%d retries for %d wrong answers", sum.Retries, len(bodies))
	}
	for _, prod := range streams {
		w.equal(prod)
		w.holes(prod, []string{})
	}
}

// Windows are closed by the provider's clock and the database's, whichever is
// behind: ten minutes between any of provider, database and us lose nothing,
// and cover nothing early.
func TestP12ClockSkew(t *testing.T) {
	t.Parallel()
	const most = 10 * time.Minute
	for _, database := range []time.Duration{-most, 0, most} {
		t.Run(fmt.Sprint("database ", database), func(t *testing.T) {
			t.Parallel()
			for _, provider := range []time.Duration{-most, 0, most} {
				w := newWorld(t, emulator.Options{Now: func() time.Time { return time.Now().Add(provider) }})
				w.cfg.Raw, w.cfg.Settle = false, time.Minute
				w.skew(database)
				now := time.Now().Add(provider)
				prod := w.gateway("prod")
				prod.SetFaults(emulator.Faults{Latency: func(emulator.Log) time.Duration { return 50 * time.Second }})
				prod.Insert(cloudflareLogs(1, 300, now.Add(-20*time.Hour), now)...)
				w.sync(ferry.ExitOK)
				w.attestedIsTrue(prod)
				settled := time.Now().Add(min(provider, database) - w.cfg.Settle)
				if end := w.watermark(prod); end.After(settled) || end.Before(settled.Add(-30*time.Second)) {
					t.Errorf("provider %s: covered up to %s, settled is %s", provider, end, settled)
				}
			}
		})
	}
}

// skew puts the database's clock off: its functions of time are found before
// the built-in ones.
func (w *world) skew(off time.Duration) {
	w.t.Helper()
	w.exec(`create schema skewed`)
	for _, function := range []string{"now", "clock_timestamp"} {
		w.exec(fmt.Sprintf(`create function skewed.%s() returns timestamptz language sql as $$ select pg_catalog.%[1]s() + interval '%f s' $$`, function, off.Seconds()))
	}
	w.exec(`do $$ begin execute format('alter database %I set search_path = skewed, pg_catalog, public', current_database()); end $$`)
}

// A redirect, or a link to the next page, that leads to another host is not
// followed: nobody else gets the credential.
func TestP13OtherHosts(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer thief.Close()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	set := w.dataset("next")
	set.SetDialect(emulator.LiveDialect)
	set.Insert(keywordsLogs(1, 350, now.Add(-20*time.Hour), now.Add(-time.Hour), "next", "timestamp")...)
	set.SetFaults(emulator.Faults{NextHost: thief.URL})
	w.sync(ferry.ExitOK)
	w.holdsExactly(set, "timestamp")

	prod := w.gateway("redirected")
	prod.Insert(cloudflareLogs(2, 10, now.Add(-20*time.Hour), now.Add(-time.Hour))...)
	prod.SetFaults(emulator.Faults{RedirectTo: thief.URL, Fail: emulator.Sometimes(1, 1, emulator.Redirected)})
	f := w.ferry()
	_, err := f.Sync(context.Background())
	w.exits(ferry.ExitConfig, err)
	if !strings.Contains(err.Error(), thief.URL) {
		t.Errorf("it is not said where it redirects to: %v", err)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}
