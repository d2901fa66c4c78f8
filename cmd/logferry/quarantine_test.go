package main

import (
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// TestQuarantine: a log that is none is put aside with its bytes, and looked
// after by hand.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.shows("quarantine list", "no open case\n")
	w.gateway.Insert(emulator.Log{ID: "odd", At: time.Now().Add(-time.Hour), Doc: []byte(`{"id":"odd","created_at":"yesterday","cost":7}`)})
	w.shows("sync", `sync: .* 1 rejected, .*\n`)
	w.shows("quarantine list", ` +CASE +REASON .*\n +\d+  \S+ +\S+ \S+  cloudflare/`+account+`/prod\n`)
	number := strings.TrimSpace(w.query(`select quarantine_id from logferry_private.quarantine`))
	w.shows("quarantine show "+number, `(?s)case `+number+` of cloudflare/.*log id +odd\n.*\{"id":"odd",.*"cost":7.*\}\n`)
	w.shows("quarantine replay", `replayed: 0 stored, 1 still can't be, 0 left to another run\n`)
	w.shows("quarantine discard "+number, "discarded 1\n")
	w.shows("quarantine list", "no open case\n")
	w.shows("quarantine list --all", `(?s).*\(discarded\)\n`)
	w.answers(t, mistake{"", "quarantine show seventeen", nil, ferry.ExitUsage,
		"\"seventeen\" is not the number of a case; `logferry quarantine list` shows them\nsee `logferry quarantine show --help`"})
	if r := w.run(t.Context(), "quarantine show 999999"); r.code != ferry.ExitUsage {
		t.Errorf("no such case: exit code %d\n%s", r.code, r.errs)
	}
}
