package ferry_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/transform"
)

// badValues are what Postgres, a number or a reader of JSON may choke on.
var badValues = map[string]string{
	"NUL":                 `"a\u0000b"`,
	"lone surrogate":      `"a\ud800b"`,
	"invalid UTF-8":       "\"a\xff\xfeb\"",
	"huge number":         `1e400`,
	"huger number":        `1e200000`,
	"integer out of size": `99999999999999999999`,
	"negative":            `-1`,
	"tiny number":         `1e-400`,
	"year 300000":         `"300000-01-01T00:00:00Z"`,
	"infinity":            `"infinity"`,
	"not a number":        `"NaN"`,
	"flag":                `true`,
	"object":              `{"a\u0000":"\ud800","a\u0000":1e400}`,
	"array":               `[{"score":"\u0000"},1e400,null]`,
	"deep":                strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000),
	"long text":           `"` + strings.Repeat("0123456789abcdef", 600) + `"`,
	"null":                `null`,
	"no JSON: NaN":        `NaN`,
	"no JSON: a control":  "\"a\x01b\"",
	"no JSON: too deep":   strings.Repeat(`[`, 10_001) + strings.Repeat(`]`, 10_001),
}

// spoilt are copies of a log, each with another bad value in another member,
// with ids and times of their own.
func spoilt(t *testing.T, l emulator.Log, from time.Time) (logs []emulator.Log) {
	t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(l.Doc, &doc); err != nil {
		t.Fatal(err)
	}
	for _, member := range slices.Sorted(maps.Keys(doc)) {
		for _, name := range slices.Sorted(maps.Keys(badValues)) {
			at := from.Add(time.Duration(len(logs)) * 10 * time.Second).Truncate(time.Millisecond)
			bad := maps.Clone(doc)
			id := fmt.Sprintf("%s, %s", member, name)
			bad["id"], bad["created_at"] = json.RawMessage(`"`+id+`"`), json.RawMessage(`"`+at.UTC().Format(time.RFC3339Nano)+`"`)
			if _, has := bad["unique_id"]; has { // it stands in for an id that can't be read
				bad["unique_id"] = bad["id"]
			}
			bad[member] = json.RawMessage(badValues[name])
			logs = append(logs, emulator.Log{ID: id, At: at, Doc: assembled(bad)})
		}
	}
	return logs
}

// assembled puts a document together without looking at its values.
func assembled(doc map[string]json.RawMessage) []byte {
	var parts [][]byte
	for _, member := range slices.Sorted(maps.Keys(doc)) {
		parts = append(parts, fmt.Appendf(nil, "%q:%s", member, doc[member]))
	}
	return slices.Concat([]byte("{"), bytes.Join(parts, []byte(",")), []byte("}"))
}

// Whatever stands in whatever member of a document, its log is a row as transform
// reads it or waits in quarantine, one by one, and none takes another with it.
func TestD12BadValueInEveryMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Payloads = true
	from := time.Now().Add(-20 * time.Hour)
	gate, set := w.gateway("gate"), w.dataset("set")
	good := cloudflareLogs(1, 100, from, from.Add(15*time.Hour))
	gate.Insert(good...)
	bad := spoilt(t, good[0], from)
	gate.Insert(bad...)
	good = keywordsLogs(2, 100, from, from.Add(15*time.Hour), "set", "created_at")
	set.Insert(good...)
	bad = append(bad, spoilt(t, good[0], from)...)
	set.Insert(bad[gate.Len()-100:]...)
	t.Logf("tried %d bad documents", len(bad))
	w.syncAny(ferry.ExitData) // over 1 % of the logs are rejected
	for _, f := range []feed{{gate, ""}, {set, "set"}} {
		records, rejected := w.judged(f, "created_at")
		rejects := len(rejected)
		w.same(records, w.rows(f.Stream))
		waiting := query[int](w, `select count(*) from logferry_private.quarantine q join logferry.streams s using (stream_id)
			where s.stream_name = $1 and resolved_at is null`, f.Name())
		if waiting != rejects || rejects < 20 {
			t.Errorf("%s: %d in quarantine, transform rejects %d", f.Name(), waiting, rejects)
		}
		t.Logf("%s: %d rows, %d in quarantine", f.Name(), len(records), waiting)
		if n := query[int](w, `select count(*) from logferry.requests r join logferry.streams s using (stream_id)
			where s.stream_name = $1 and 'text_sanitised' = any(load_issues)`, f.Name()); n < 20 {
			t.Errorf("%s: only %d rows are marked as sanitised", f.Name(), n)
		}
	}
	if n := query[int](w, `select count(*) from logferry_private.quarantine where reason_code = 'not_json'`); n < 100 {
		t.Errorf("only %d logs that are no JSON are in quarantine", n)
	}
	if n := query[int](w, `select count(*) from llm.freshness where gaps = 0 and watermark_at > now() - interval '1 hour'`); n != 2 {
		t.Errorf("%d of 2 streams are covered", n)
	}
	if n := query[int](w, `select count(*) from logferry_private.quarantine where reason_detail like '%SQLSTATE%'`); n > 0 {
		t.Errorf("Postgres refused %d logs that transform let pass", n)
	}
	// One document or value that can't be read would end an analyst's whole query.
	if n := query[int](w, `select count(logferry_private.raw_json(raw)->>'id') from logferry_private.raw_logs`); n < 1000 {
		t.Errorf("only %d raw documents can be read", n)
	}
	w.exec(`select length(r::text) from llm.requests r`)
}

// judged is what transform makes of a feed's logs: the rows, and which it rejects.
func (w *world) judged(f feed, timeField string) (rows map[string]string, rejected []emulator.Log) {
	w.t.Helper()
	o := transform.Options{Now: time.Now(), TimeField: timeField, Container: f.dataset, KeepPayloads: w.cfg.Payloads,
		UserIDKeys:         []string{"user_id", "user", "userId", "customer_identifier"},
		ConversationIDKeys: []string{"conversation_id", "session_id", "sessionId", "thread_id", "thread_identifier"}}
	read := transform.Cloudflare
	if f.dataset != "" {
		read = transform.KeywordsAI
	}
	rows = map[string]string{}
	for _, l := range f.Logs() {
		record, reject := read(l.Doc, &o)
		if reject != nil {
			rejected = append(rejected, l)
			continue
		}
		rows[record.LogID] = record.CreatedAt.UTC().Format(time.RFC3339Nano) + " " + hex.EncodeToString(record.Hash[:])
	}
	return rows, rejected
}
