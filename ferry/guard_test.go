package ferry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// limited is a gateway that keeps so many logs, and what it does then.
func (w *world) limited(id string, limit int, strategy string, logs ...emulator.Log) *emulator.Stream {
	w.t.Helper()
	g := w.gateway(id)
	g.SetEntry(fmt.Appendf(nil, `{"id":%q,"collect_logs":true,"log_management":%d,"log_management_strategy":%q}`, id, limit, strategy))
	g.Insert(logs...)
	return g
}

// risk is what llm.freshness says of the stream's retention.
func (w *world) risk(stream *emulator.Stream) string {
	w.t.Helper()
	return query[string](w, `select coalesce(retention_risk, '') from llm.freshness where stream_name = $1`, stream.Name())
}

// riskIn is how far ahead, or how long ago, that is.
func (w *world) riskIn(stream *emulator.Stream) time.Duration {
	w.t.Helper()
	return time.Until(query[time.Time](w, `select retention_risk_at from llm.freshness where stream_name = $1`, stream.Name()))
}

// notices are the ledger's for the stream.
func (w *world) notices(stream *emulator.Stream) []string {
	w.t.Helper()
	return query[[]string](w, `select coalesce(array_agg(detail order by finished_at), '{}') from llm.load_audit where kind = 'notice' and stream_name = $1`, stream.Name())
}

// about are the notes on the stream.
func about(sum ferry.Summary, stream *emulator.Stream) string {
	var found []string
	for _, note := range sum.Notes {
		if strings.HasPrefix(note, stream.Name()+": ") || strings.HasPrefix(note, stream.Name()+" ") {
			found = append(found, note)
		}
	}
	return strings.Join(found, "\n")
}

// A gateway that stores nothing once it is full is warned about before and then,
// once in the ledger; one that has room is not, nor is one that rolls.
func TestGuardOfGatewaysThatStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	recent := func(seed uint64, n int) []emulator.Log {
		return cloudflareLogs(seed, n, now.Add(-50*time.Minute), now.Add(-20*time.Minute))
	}
	full := w.limited("full", 100, "STOP_INSERTING", recent(1, 100)...)
	fills := w.limited("fills", 100, "STOP_INSERTING", recent(2, 95)...)
	roomy := w.limited("roomy", 1000, "STOP_INSERTING", recent(3, 95)...)
	rolls := w.limited("rolls", 100, "DELETE_OLDEST", recent(4, 95)...)
	for range 2 {
		sum := w.sync(ferry.ExitOK)
		for _, c := range []struct {
			stream     *emulator.Stream
			code, says string
		}{
			{full, "full", "holds 100 logs of 100 and stores no new ones"},
			{fills, "fills", "holds 95 logs of 100; at its present rate it is full at"},
			{roomy, "", ""},
		} {
			if got := w.risk(c.stream); got != c.code {
				t.Errorf("%s: risk %q, want %q", c.stream.Name(), got, c.code)
			}
			if got := about(sum, c.stream); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("%s: noted %q, want %q", c.stream.Name(), got, c.says)
			}
			if got := w.notices(c.stream); len(got) != min(1, len(c.code)) {
				t.Errorf("%s: ledger %q", c.stream.Name(), got)
			}
		}
		if got := w.risk(rolls); got != "" {
			t.Errorf("read, so nothing unread is to be deleted: %q", got)
		}
	}
	if in := w.riskIn(fills); in <= 0 || in > 10*time.Minute {
		t.Errorf("five logs more at 95 an hour: full in %s", in)
	}
	if in := w.riskIn(full); in > -20*time.Minute {
		t.Errorf("the newest log is from %s", in)
	}

	// The limit is raised.
	full.SetEntry([]byte(`{"id":"full","log_management":1000,"log_management_strategy":"STOP_INSERTING"}`))
	if sum := w.sync(ferry.ExitOK); about(sum, full) != "" || w.risk(full) != "" {
		t.Errorf("%q, %q", about(sum, full), w.risk(full))
	}
}

// A gateway that deletes its oldest logs: it is said when unread ones will go,
// as long as they are unread, and when some went. The exit code stays.
func TestGuardOfGatewaysThatDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	spread := func(seed uint64) []emulator.Log {
		return cloudflareLogs(seed, 200, now.Add(-10*time.Hour), now.Add(-11*time.Minute))
	}
	behind := w.limited("behind", 220, "DELETE_OLDEST", spread(1)...)
	behind.Insert(cloudflareLogs(6, 20, now.Add(-50*time.Minute), now.Add(-20*time.Minute))...)
	brief := w.limited("brief", 90, "DELETE_OLDEST", cloudflareLogs(7, 90, now.Add(-20*time.Minute), now)...)
	stuck := w.limited("stuck", 200, "DELETE_OLDEST", spread(2)...)
	lost := w.limited("lost", 200, "DELETE_OLDEST", spread(3)...)
	uncounted := w.limited("uncounted", 200, "DELETE_OLDEST", spread(3)...)
	uncounted.SetFaults(emulator.Faults{TotalMissing: true})
	stuck.SetFaults(emulator.Faults{TotalOff: 1})
	w.sync(ferry.ExitData)
	if got := w.risk(behind); got != "" {
		t.Errorf("all is read, but %q", got)
	}
	if got := w.risk(stuck); got != "deletes" {
		t.Errorf("what would not attest is unread: %q", got)
	}
	if len(w.notices(stuck)) != 1 {
		t.Error(w.notices(stuck))
	}

	// Nobody has read for five hours. Of one gateway nothing has gone yet.
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange(now() - interval '5 h', null))
		where stream_id <> (select stream_id from logferry.streams where container_ref = 'brief')`)
	unread := now.Add(-5 * time.Hour)
	old := 0
	for _, l := range lost.Logs() {
		if l.At.Before(unread.Add(2 * time.Hour)) {
			old++
		}
	}
	for _, stream := range []*emulator.Stream{lost, uncounted} {
		stream.DeleteOldest(old)
		stream.Insert(cloudflareLogs(5, old, now.Add(-2*time.Hour), now.Add(-time.Hour))...)
	}
	sum := w.sync(ferry.ExitOK)
	if got := about(sum, behind); !strings.Contains(got, "at most 220 are kept) the gateway deletes the oldest unread log, of "+unread.UTC().Format("2006-01-02T15:04")[:13]) {
		t.Errorf("noted %q", got)
	}
	for _, stream := range []*emulator.Stream{lost, uncounted} {
		if got := about(sum, stream); !strings.Contains(got, "what came then was deleted unread") {
			t.Errorf("%s: noted %q", stream.Name(), got)
		}
	}
	if at := query[time.Time](w, `select window_start from llm.load_audit where kind = 'notice' and stream_name = $1 order by finished_at desc limit 1`, lost.Name()); at.Sub(unread).Abs() > time.Minute {
		t.Errorf("the ledger tells of a loss at %s, not from %s on", at, unread)
	}
	if got := w.risk(behind); got != "" {
		t.Errorf("read in time, but %q", got)
	}
	if n := w.notices(lost); w.risk(lost) != "deleted" || !strings.Contains(n[len(n)-1], "deleted unread") {
		t.Errorf("%q, %q", w.risk(lost), n)
	}
	said := len(w.notices(lost))
	if sum := w.sync(ferry.ExitOK); w.risk(lost) != "deleted" || about(sum, lost) != "" || len(w.notices(lost)) != said {
		t.Errorf("a pass later: %q, %q, %q", w.risk(lost), about(sum, lost), w.notices(lost))
	}
	w.exec(`update logferry.stream_state set retention_found_at = now() - interval '31 days' where retention_risk = 'deleted'`)
	if w.sync(ferry.ExitOK); w.risk(lost) != "" {
		t.Errorf("a month later: %q", w.risk(lost))
	}
	// One keeps its logs for 20 minutes: read in time so far, but only just.
	if w.risk(brief) != "deletes" || len(w.notices(brief)) != 1 {
		t.Errorf("%q, %q", w.risk(brief), w.notices(brief))
	}
}

// A gateway that is set not to collect logs is said to be, as long as it is.
func TestGuardOfGatewaysThatAreOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	silent, old := w.gateway("silent"), w.gateway("old")
	old.Insert(cloudflareLogs(1, 30, now.Add(-5*time.Hour), now.Add(-4*time.Hour))...)
	for _, stream := range []*emulator.Stream{silent, old} {
		stream.SetEntry([]byte(`{"id":"` + stream.Name()[len("cloudflare/"+testAcct+"/"):] + `","collect_logs":false}`))
	}
	sum := w.sync(ferry.ExitOK)
	for _, stream := range []*emulator.Stream{silent, old} {
		if w.risk(stream) != "off" || !strings.Contains(about(sum, stream), "does not collect logs") {
			t.Errorf("%s: %q, %q", stream.Name(), w.risk(stream), about(sum, stream))
		}
	}
	old.SetEntry([]byte(`{"id":"old","collect_logs":true}`))
	silent.SetEntry([]byte(`{"id":"silent","collect_logs":true}`))
	if w.sync(ferry.ExitOK); w.risk(old) != "" || w.risk(silent) != "" {
		t.Errorf("collecting again: %q and %q", w.risk(old), w.risk(silent))
	}
}

// One minute of long ago would not attest, and its logs are deleted: that minute is
// said to be lost, not the days around it.
func TestGuardTellsWhatWasUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	prod := w.limited("prod", 300, "DELETE_OLDEST", cloudflareLogs(4, 300, now.Add(-20*day), now.Add(-time.Hour))...)
	w.sync(ferry.ExitOK)
	hole := now.Add(-15 * day).UTC().Truncate(time.Minute)
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange($1::timestamptz, $1::timestamptz + interval '1 minute'))`, hole)
	prod.DeleteOldest(150)
	prod.Insert(cloudflareLogs(5, 150, now.Add(-50*time.Minute), now.Add(-12*time.Minute))...)
	want := fmt.Sprintf("from %s to %s 1m had not been read", hole.Format(time.RFC3339), hole.Add(time.Minute).Format(time.RFC3339))
	if said := about(w.sync(ferry.ExitOK), prod); !strings.Contains(said, want) {
		t.Errorf("noted %q, want %q", said, want)
	}
	w.exec(`update logferry.stream_state set coverage = coverage - tstzmultirange(tstzrange($1::timestamptz, $1::timestamptz + interval '1 minute'))`, hole)
	prod.DeleteOldest(5)
	w.sync(ferry.ExitOK) // as far as it is concerned nothing more was lost
	if n := query[int](w, `select count(*) from logferry.windows where kind = 'notice' and window_end - window_start = interval '1 minute'`); n != 1 {
		t.Errorf("%d notices of a minute", n)
	}
}
