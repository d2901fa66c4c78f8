package ferry_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// However a source says when to come back, nobody asks it before, and nothing is
// lost by it. Without a hint the wait is longer than this run: it ends at once,
// and whoever runs next knows.
func TestP01HintsInEveryForm(t *testing.T) {
	t.Parallel()
	type hinted struct {
		hint  emulator.RetryHint
		blind time.Duration // the wait where there is no hint; 0: there is one
	}
	for source, blind := range map[string]time.Duration{"cloudflare": 5 * time.Minute, "keywordsai": 5 * time.Second} {
		for _, test := range []hinted{{"", 0}, {emulator.HintSeconds, 0}, {emulator.HintDate, 0}, {emulator.HintBody, 0}, {emulator.HintNone, blind}} {
			t.Run(fmt.Sprintf("%s %s", source, test.hint), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, emulator.Options{})
				w.cfg.Raw = false
				stream := w.filled(source, 180)
				stream.SetFaults(emulator.Faults{RetryHint: test.hint, Fail: emulator.At(emulator.Throttled, 2)})
				if test.blind > 0 {
					w.cfg.RunTimeout = test.blind - time.Second
				}
				sum := w.sync(ferry.ExitOK)
				if test.blind > 0 {
					w.blockedFor(test.blind)
					if asked := w.emu.CountRequests(nil); sum.Unfinished == 0 || asked != 3 {
						t.Errorf("it went on: %d requests, %+v", asked, sum)
					}
					w.exec(`update logferry.budgets set blocked_until = null`)
					sum = w.sync(ferry.ExitOK)
				} else if gap := w.afterRefusal(); sum.Retries != 1 || gap < time.Second {
					t.Errorf("%d retries, the next request came after %s", sum.Retries, gap)
				}
				if sum.Unfinished > 0 {
					t.Errorf("%+v", sum)
				}
				w.holdsExactly(stream, "created_at")
			})
		}
	}
}

// filled is a stream of a source, with logs of 20 hours.
func (w *world) filled(source string, logs int) *emulator.Stream {
	from, to := time.Now().Add(-20*time.Hour), time.Now().Add(-time.Hour)
	if source == "cloudflare" {
		stream := w.gateway("prod")
		stream.Insert(cloudflareLogs(1, logs, from, to)...)
		return stream
	}
	stream := w.dataset("ds1")
	stream.Insert(keywordsLogs(1, logs, from, to, "ds1", "created_at")...)
	return stream
}

// blockedFor checks for how long the credential was told to send nothing.
func (w *world) blockedFor(want time.Duration) {
	w.t.Helper()
	got := time.Duration(query[float64](w, `select extract(epoch from blocked_until - now()) from logferry.budgets`) * float64(time.Second))
	if got > want || got < want-3*time.Second {
		w.t.Errorf("everybody is to wait for %s, want %s", got, want)
	}
}

// afterRefusal is how long after a 429 the next request came.
func (w *world) afterRefusal() time.Duration {
	w.t.Helper()
	all := w.emu.Requests()
	slices.SortFunc(all, func(a, b emulator.Request) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	for i, r := range all[:len(all)-1] {
		if r.Status == 429 {
			return all[i+1].At.Sub(r.At)
		}
	}
	w.t.Fatal("no request was refused, or none came after it")
	return 0
}

// A source tells in its headers how little is left. In any form of them that is
// documented nowadays a pass that nothing else holds back runs into no 429; in
// the older one, or without any, it may, and loses nothing by it.
func TestRateHeadersInEveryForm(t *testing.T) {
	t.Parallel()
	for form, understood := range map[emulator.RateHeaders]bool{
		"": true, emulator.HeadersSwapped: true, emulator.HeadersListed: true, emulator.HeadersLegacy: false, emulator.HeadersNone: false,
	} {
		t.Run(string(form), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{CloudflareBudget: emulator.Budget{Requests: 60, Window: time.Second}})
			w.cfg.Raw, w.cfg.Concurrency = false, 2
			prod := w.filled("cloudflare", 450)
			prod.SetFaults(emulator.Faults{RateHeaders: form, MaxRows: 5})
			sum := w.sync(ferry.ExitOK)
			refused := w.emu.CountRequests(func(r emulator.Request) bool { return r.Status == 429 })
			t.Logf("%d of %d requests were refused", refused, sum.Requests)
			if refused > 0 && understood || sum.Unfinished > 0 {
				t.Errorf("%d requests were refused although the headers warned; %+v", refused, sum)
			}
			w.equal(prod)
		})
	}
}
