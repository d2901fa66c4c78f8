package main

import (
	"errors"
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
	w.shows("quarantine list --all", "no case\n")
	w.shows("sync", `sync: .* 1 log into quarantine \(see 'logferry quarantine list'\), .*\n`)
	w.shows("quarantine list", `STREAM\n +CASE +REASON .*\ncloudflare/`+account+`/prod\n +\d+  \S+ +[0-9-]+ [0-9:]+Z  open\n`)
	for line := range strings.Lines(w.ok("quarantine list")) {
		if len(line) > 81 {
			t.Errorf("longer than 80: %s", line)
		}
	}
	number := strings.TrimSpace(w.query(`select quarantine_id from logferry_private.quarantine`))
	w.shows("quarantine show "+number, `(?s)case `+number+` of cloudflare/.*log id +odd\n.*\{"id":"odd",.*"cost":7.*\}\n`)
	w.shows("quarantine replay", `replayed: 0 stored, 1 still can't be, 0 left to another run\n`)
	w.shows("quarantine discard "+number, "discarded 1\n")
	w.shows("quarantine list", "no open case\n")
	w.shows("quarantine discard "+number, "case "+number+" is closed already\ndiscarded 0\n")
	w.shows("quarantine replay "+number, "case "+number+" is closed already\nreplayed: 0 stored, .*\n")
	w.shows("quarantine list --all", `(?s).*  discarded\n`)
	w.answers(t, mistake{"", "quarantine show seventeen", nil, ferry.ExitUsage,
		"\"seventeen\" is not the number of a case; `logferry quarantine list` shows them\nsee `logferry quarantine show --help`"})
	w.answers(t, mistake{"", "quarantine show 17 18", nil, ferry.ExitUsage,
		"show wants the number of one case, not of 2\nsee `logferry quarantine show --help`"})
	for _, line := range []string{"quarantine show 999999", "quarantine replay 999999", "quarantine discard 999999 " + number} {
		if r := w.run(t.Context(), line); r.code != ferry.ExitUsage || !strings.Contains(r.errs, "no case 999999:") {
			t.Errorf("%s: exit code %d\n%s", line, r.code, r.errs)
		}
	}
	if r := w.run(t.Context(), "quarantine list --stream nope"); r.code != ferry.ExitUsage || !strings.Contains(r.errs, `no stream is called "nope"`) {
		t.Errorf("no such stream: exit code %d\n%s", r.code, r.errs)
	}
}

// What replay did is told also when an error ended it, and why a case was not
// replayed is told as it is.
func TestReplayText(t *testing.T) {
	t.Parallel()
	const began = "replayed: 2 stored, 1 still can't be, 0 left to another run"
	for _, test := range []struct {
		done ferry.Replayed
		err  error
		want string
	}{
		{ferry.Replayed{Stored: 2, Still: 1}, nil, began + "\n"},
		{ferry.Replayed{Stored: 2, Still: 1}, errors.New("the database is gone"), began + "\n"},
		{ferry.Replayed{Stored: 2, Still: 1, Superseded: 3, Disabled: 4}, nil, began + ", 3 superseded by what is newer, 4 of disabled streams\n"},
		{ferry.Replayed{}, errors.New("the database is gone"), ""},
	} {
		r := &rig{replayed: test.done, err: test.err}
		if code := r.run(t.Context(), "quarantine replay"); (code == 0) != (test.err == nil) || r.out.String() != test.want {
			t.Errorf("%+v, %v: exit code %d, said %q; want %q", test.done, test.err, code, r.out.String(), test.want)
		}
	}
}
