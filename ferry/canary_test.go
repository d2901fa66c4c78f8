package ferry_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// edited are the logs with one member of their documents replaced.
func edited(t *testing.T, logs []emulator.Log, member, by string) []emulator.Log {
	t.Helper()
	for i, l := range logs {
		from := bytes.Index(l.Doc, []byte(`"`+member+`":`))
		if from < 0 {
			t.Fatalf("no member %s in the document", member)
		}
		length := bytes.IndexAny(l.Doc[from:], ",}")
		doc := append(bytes.Clone(l.Doc[:from]), by...)
		logs[i].Doc = append(doc, l.Doc[from+length:]...)
	}
	return logs
}

// New, retyped and vanished fields: one warning in the run that meets them, one
// row in the ledger, and everything goes in.
func TestCanaryOfFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	young := func(seed uint64) []emulator.Log { return cloudflareLogs(seed, 30, now.Add(-5*time.Minute), now) }
	said := func(sum ferry.Summary) string { return strings.Join(sum.Notes, "\n") }
	prod.Insert(young(1)...)
	prod.Insert(cloudflareLogs(2, 400, now.Add(-2*time.Hour), now.Add(-time.Hour))...)
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 {
		t.Errorf("nothing is known yet, nothing has changed: %s", said(sum))
	}
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 {
		t.Errorf("nothing has changed: %s", said(sum))
	}

	prod.DeleteOldest(prod.Len())
	prod.Insert(edited(t, edited(t, young(3), "duration", `"duration":"12","surprise":{"inner":1},"more":[]`), "model", `"modell":"gpt"`)...)
	sum := w.sync(ferry.ExitOK)
	const want = "cloudflare_ai_gateway: the documents' fields changed: model is gone, in 30 documents; " +
		"duration is a string, and was a number; modell is new (string); more is new (array); surprise is new (object) (see logferry.field_drift)"
	if said(sum) != want {
		t.Errorf("noted\n%s\nwant\n%s", said(sum), want)
	}
	if got := w.notices(prod); len(got) != 1 || "cloudflare_ai_gateway: "+got[0] != want {
		t.Errorf("ledger %q", got)
	}
	w.holdsAll(prod)
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 || len(w.notices(prod)) != 1 {
		t.Errorf("said already: %s, %q", said(sum), w.notices(prod))
	}

	vanished := func() bool {
		return query[bool](w, `select bool_and(vanished_at is not null) from logferry.field_drift where json_path = 'model'`)
	}
	if !vanished() {
		t.Error("field_drift does not tell that model is gone")
	}
	prod.Insert(young(4)...)
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 || vanished() {
		t.Errorf("model is back: %s", said(sum))
	}
}

// The ledger tells of changed fields where they were met, not of other streams of
// the source.
func TestCanaryNamesItsStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, other := w.gateway("prod"), w.gateway("other")
	for _, stream := range []*emulator.Stream{prod, other} {
		stream.Insert(cloudflareLogs(1, 300, now.Add(-5*time.Hour), now.Add(-4*time.Hour))...) // every form of every field
	}
	w.sync(ferry.ExitOK)
	other.Insert(cloudflareLogs(2, 30, now.Add(-5*time.Minute), now)...)
	prod.Insert(edited(t, cloudflareLogs(3, 30, now.Add(-5*time.Minute), now), "model", `"model":"gpt","surprise":1`)...)
	w.sync(ferry.ExitOK)
	if of, not := w.notices(prod), w.notices(other); len(of) != 1 || !strings.Contains(of[0], "surprise is new") || len(not) != 0 {
		t.Errorf("ledger %q of the gateway whose logs changed, %q of the other", of, not)
	}
}

// dialectNotices are the stream's notices, but of fields: which forms of metadata
// a few logs have is theirs to say.
func (w *world) dialectNotices(stream *emulator.Stream) []string {
	w.t.Helper()
	return slices.DeleteFunc(w.notices(stream), func(text string) bool { return strings.HasPrefix(text, "the documents' fields changed: ") })
}

// Smaller pages, and an API that speaks otherwise than before: noted, in the
// ledger once, and read.
func TestCanaryOfDialects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod, set := w.gateway("prod"), w.dataset("ds1")
	prod.Insert(cloudflareLogs(1, 130, now.Add(-2*time.Hour), now.Add(-time.Hour))...)
	set.Insert(keywordsLogs(2, 130, now.Add(-2*time.Hour), now.Add(-time.Hour), "ds1", "created_at")...)
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 {
		t.Error(sum.Notes)
	}
	prod.SetFaults(emulator.Faults{MaxRows: 20})
	set.SetDialect(emulator.Dialect{Shape: emulator.ShapeResults, PastEnd: emulator.InvalidPage})
	for _, stream := range []*emulator.Stream{prod, set} {
		if stream == prod {
			stream.Insert(cloudflareLogs(3, 50, now.Add(-90*time.Minute), now.Add(-80*time.Minute))...)
		} else {
			stream.Insert(keywordsLogs(4, 50, now.Add(-90*time.Minute), now.Add(-80*time.Minute), "ds1", "created_at")...)
		}
	}
	sum := w.sync(ferry.ExitOK)
	if got := about(sum, prod); !strings.Contains(got, "serves 20 logs a page where it served 50") {
		t.Errorf("noted %q", got)
	}
	if got := about(sum, set); !strings.Contains(got, "the form of answers is results, and was logs") {
		t.Errorf("noted %q", got)
	}
	w.sync(ferry.ExitOK)
	for stream, want := range map[*emulator.Stream]string{prod: "serves 20 logs", set: "the form of answers"} {
		if got := w.dialectNotices(stream); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: ledger %q", stream.Name(), got)
		}
		w.holdsExactly(stream, "created_at")
	}
}

// A time filter that stops working and is replaced by another: one warning and
// one row in the ledger, in whatever way it stopped.
func TestCanaryOfTimeFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	now := time.Now()
	gateways := map[string]*emulator.Stream{}
	for id := range treatments {
		gateways[id] = w.gateway(id)
		gateways[id].Insert(cloudflareLogs(1, 130, now.Add(-2*time.Hour), now.Add(-time.Hour))...)
	}
	if sum := w.sync(ferry.ExitOK); len(sum.Notes) != 0 {
		t.Error(sum.Notes)
	}
	for id, prod := range gateways {
		prod.SetFaults(emulator.Faults{Filters: treatments[id]})
		prod.Insert(cloudflareLogs(2, 50, now.Add(-90*time.Minute), now.Add(-80*time.Minute))...)
	}
	var notes []string
	for range 2 {
		f := w.ferry()
		sum, err := f.Sync(t.Context())
		f.Close()
		if code := ferry.ExitCode(err); code != ferry.ExitOK && code != ferry.ExitData { // what the old filter showed is doubtful
			t.Error(err)
		}
		notes = append(notes, sum.Notes...)
		w.exec(`update logferry.windows set retry_at = null`)
	}
	const want = "the time filter is start_date and end_date, and was filters"
	for _, prod := range gateways {
		said := 0
		for _, note := range notes {
			if note == prod.Name()+": "+want {
				said++
			}
		}
		if got := w.dialectNotices(prod); said != 1 || len(got) != 1 || got[0] != want {
			t.Errorf("%s: said %d times, ledger %q", prod.Name(), said, got)
		}
		w.equal(prod)
	}
}
