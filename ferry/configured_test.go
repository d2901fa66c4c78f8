package ferry_test

import (
	"slices"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A mistyped id is told with 78 in every pass, but never becomes a stream: its
// lag would grow for ever. What it stands beside is carried.
func TestMistypedIDIsNoStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, set := w.gateway("prod"), w.dataset("set")
	prod.Insert(cloudflareLogs(1, 20, now.Add(-2*day), now.Add(-time.Hour))...)
	set.SetDialect(emulator.Dialect{TimeField: "start_time", OtherGrammar: emulator.Refused})
	set.Insert(keywordsLogs(2, 20, now.Add(-2*day), now.Add(-time.Hour), "set", "start_time")...)
	w.cfg.Cloudflare.Gateways, w.cfg.KeywordsAI.Datasets = []string{"prod", "prud"}, []string{"sett", "set"}
	for range 2 {
		if sum := w.sync(ferry.ExitConfig); sum.Streams != 2 || sum.Unfinished > 0 {
			t.Errorf("%+v", sum)
		}
	}
	w.equal(prod)
	w.holdsExactly(set, "start_time")
	names := query[[]string](w, `select array_agg(stream_name order by 1) from logferry.streams`)
	if !slices.Equal(names, []string{prod.Name(), set.Name()}) {
		t.Errorf("streams %q", names)
	}
	w.cfg.Cloudflare.AccountID, w.cfg.Cloudflare.Gateways = "mistyped", []string{"prod"}
	w.sync(ferry.ExitConfig)
	if n := query[int](w, `select count(*) from logferry.streams`); n != 2 {
		t.Errorf("a mistyped account made %d streams", n-2)
	}
}

// What a discovered stream that is gone has not covered is not unfinished.
func TestGoneStreamIsNotUnfinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, old := w.gateway("prod"), w.gateway("old")
	prod.Insert(cloudflareLogs(1, 20, now.Add(-2*day), now.Add(-time.Hour))...)
	old.Insert(cloudflareLogs(2, 20, now.Add(-2*day), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange(now() - interval '9 days', now() - interval '3 days'))`)
	w.emu.Remove(old)
	if sum := w.sync(ferry.ExitOK); sum.Unfinished != 0 || len(sum.Notes) == 0 {
		t.Errorf("%+v", sum)
	}
}
