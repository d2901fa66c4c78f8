package load

import (
	"fmt"
	"strings"
	"testing"

	"logferry/transform"
)

// everything is a document in which each optional column that Cloudflare's
// documents can fill has a value.
const everything = `"duration":10,"tokens_in":5,"tokens_out":6,"cost":0.5,"status_code":200,"step":0,"success":true,
	"request_size":7,"response_size":8,"timings":{"latency":9},"metadata":{"user_id":"u","conversation_id":"c","env":"prod"}`

// A value that becomes null is an issue: noted once, by the statement that
// writes the null, and no reason to write the row again.
func TestWithdrawnValues(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		before, after string
		want          string // issues afterwards
	}{
		"nothing withdrawn":     {`"tokens_in":5`, `"tokens_in":6`, "no_model"},
		"a count":               {`"tokens_in":5`, ``, "no_model value_withdrawn"},
		"null for a value":      {`"duration":5`, `"duration":null`, "no_model value_withdrawn"},
		"a value out of range":  {`"duration":5`, `"duration":-1`, "bad_duration no_model value_withdrawn"},
		"all of them":           {everything, ``, "no_model value_withdrawn"},
		"one for another":       {`"tokens_in":5`, `"tokens_out":5`, "no_model value_withdrawn"},
		"null stays null":       {`"tokens_out":1`, `"tokens_out":2`, "no_model"},
		"a value comes":         {``, `"tokens_in":5`, "no_model"},
		"the outcome is better": {`"success":false`, `"success":true`, "no_model"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			f.read(0, 10, entry("a", minute(1), test.before))
			if w := f.read(0, 10, entry("a", minute(1), test.after)); w.Changed != 1 {
				t.Fatalf("counts %+v, want one changed", w.Counts)
			}
			issues := `select array_to_string(load_issues, ' ') from logferry.requests where stream_id = $1::integer`
			if got := f.one(issues, f.stream.ID); got != test.want {
				t.Errorf("issues %q, want %q", got, test.want)
			}
			if w := f.read(0, 10, entry("a", minute(1), test.after)); w.Unchanged != 1 {
				t.Errorf("read again: %+v, want it unchanged", w.Counts)
			}
			if got := f.one(issues, f.stream.ID); got != test.want {
				t.Errorf("read again, issues %q, want %q", got, test.want)
			}
		})
	}
}

// The latest reading wins in every column that loading writes.
func TestLatestReadingWinsInEveryColumn(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, entry("a", minute(1), everything))
	full := `select count(*) from jsonb_each(to_jsonb((select r from logferry.requests r))) v where v.value <> 'null'`
	before := count(t, f.Store, full)
	f.read(0, 10, entry("a", minute(1), ""))
	f.read(10, 20)
	if after := count(t, f.Store, full); before-after < 10 {
		t.Errorf("%d columns had values, %d still have", before, after)
	}
	if w := f.read(0, 10, entry("a", minute(1), everything)); w.Changed != 1 || count(t, f.Store, full) != before {
		t.Errorf("the values did not come back: %+v", w.Counts)
	}
}

// Every distinct version of a document is kept once, also when it says nothing
// new, and also when a chunk holds several; none when raw documents are off.
func TestRawVersions(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	version := func(noise string) Entry {
		return entry("a", minute(1), fmt.Sprintf(`"tokens_in":1,"unknown":%q`, noise))
	}
	versions := func() int { return count(t, f.Store, `select count(*) from logferry_private.raw_logs`) }
	for i, step := range []struct {
		entries []Entry
		want    int
	}{
		{[]Entry{version("x")}, 1},
		{[]Entry{version("x")}, 1},
		{[]Entry{version("yy")}, 2},
		{[]Entry{version("zzz"), version("x"), version("vvvv"), version("zzz")}, 4},
		{[]Entry{version("yy"), version("zzz")}, 4},
	} {
		f.read(0, 10, step.entries...)
		if n := versions(); n != step.want {
			t.Errorf("step %d: %d versions, want %d", i, n, step.want)
		}
	}
	if n := count(t, f.Store, `select count(*) from logferry.requests where loaded_at > first_loaded_at`); n != 0 {
		t.Error("noise in a document rewrote its row")
	}
	if n := count(t, f.Store, `select count(*) from logferry_private.raw_logs where raw_sha256 = sha256(raw) and api_shape = 'test' and run_id = $1::bigint
		and logferry_private.raw_json(raw) ->> 'id' = 'a'`, f.run); n != 4 {
		t.Errorf("%d versions are as they came", n)
	}
	w, err := f.Begin(t.Context(), f.claim(0, 10), source, Keep{})
	f.must(err)
	f.write(w, version("never seen before"), entry("b", minute(2), ""))
	f.finish(w, attested)
	if n := versions(); n != 4 {
		t.Errorf("%d versions although raw documents are off", n)
	}
}

// Payloads are stored only when they are to be kept, and follow their row.
func TestPayloads(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	spoken := func(word string, keep bool) Entry {
		return decoded(doc("a", minute(1), fmt.Sprintf(`"request_head":%q,"response_head":%q`, word, word)), keep)
	}
	payload := func() string {
		return f.one(`select coalesce(min(request_head || ' ' || response_head || ' ' || (loaded_at = (select loaded_at from logferry.requests))), 'none') from logferry_private.payloads`)
	}
	for i, step := range []struct {
		word          string
		decoded, keep bool
		want          string
	}{
		{"hello", false, false, "none"},
		{"hello", true, false, "none"}, // the flow asks transform and load for the same; load obeys its own
		{"hello", true, true, "none"},  // unchanged: nothing is written
		{"hi", true, true, "hi hi true"},
		{"ho", true, true, "ho ho true"},
	} {
		w, err := f.Begin(t.Context(), f.claim(0, 10), source, Keep{Payloads: step.keep})
		f.must(err)
		f.write(w, spoken(step.word, step.decoded))
		f.finish(w, attested)
		if got := payload(); got != step.want {
			t.Errorf("step %d: payload %q, want %q", i, got, step.want)
		}
	}
	// Kept again after they were off: every row that is read is filled.
	g := feedOn(t, f.Store, "switched on")
	g.read(0, 10, spoken("hello", false))
	w, err := g.Begin(t.Context(), g.claim(0, 10), source, Keep{Payloads: true})
	g.must(err)
	g.write(w, spoken("hello", true))
	g.finish(w, attested)
	if n := count(t, f.Store, `select count(*) from logferry_private.payloads where stream_id = $1::integer`, g.stream.ID); n != 1 {
		t.Error("payloads switched on did not fill what was read again")
	}
}

// What a source withdraws of a payload does not stay as if it was still said, and
// is an issue like any value that becomes null.
func TestWithdrawnPayloads(t *testing.T) {
	t.Parallel()
	s := open(t)
	const said = `"duration":5,"request":"{\"messages\":[\"my name is Ann\"]}","response":"hi","request_head":"my name","response_head":"hi"`
	for name, test := range map[string]struct {
		after   string
		payload string // input, output and heads afterwards
		issues  string
	}{
		"all of it":             {`"duration":5,"request":"","response":""`, "none", "no_model value_withdrawn"},
		"all of it and a value": {`"duration":null`, "none", "no_model value_withdrawn"},
		"a part":                {`"duration":5,"request":"{\"messages\":[]}","response_head":"hi"`, `{"messages": []} - - hi`, "no_model value_withdrawn"},
		"nothing":               {strings.ReplaceAll(said, "Ann", "Eve"), `{"messages": ["my name is Eve"]} "hi" my name hi`, "no_model"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			read := func(members string) Counts {
				w, err := f.Begin(t.Context(), f.claim(0, 10), source, Keep{Payloads: true})
				f.must(err)
				f.write(w, decoded(doc("a", minute(1), members), true), decoded(doc("b", minute(2), said), true))
				f.finish(w, attested)
				return w.Counts
			}
			read(said)
			for _, want := range []Counts{{Changed: 1, Unchanged: 1}, {Unchanged: 2}} {
				if got := read(test.after); got != want {
					t.Errorf("counts %+v, want %+v", got, want)
				}
				payload := f.one(`select coalesce(min(concat_ws(' ', coalesce(input_messages::text, '-'), coalesce(output_messages::text, '-'),
					coalesce(request_head, '-'), coalesce(response_head, '-'))), 'none') from logferry_private.payloads where stream_id = $1::integer and log_id = 'a'`, f.stream.ID)
				if payload != test.payload {
					t.Errorf("stored of the payload: %s; want %s", payload, test.payload)
				}
				if got := f.one(`select array_to_string(load_issues, ' ') from logferry.requests where stream_id = $1::integer and log_id = 'a'`, f.stream.ID); got != test.issues {
					t.Errorf("issues %q, want %q", got, test.issues)
				}
			}
			if got := f.one(`select array_to_string(load_issues, ' ') || (select count(*) from logferry_private.payloads where stream_id = $1::integer and log_id = 'b')
				from logferry.requests where stream_id = $1::integer and log_id = 'b'`, f.stream.ID); got != "no_model1" {
				t.Errorf("another log's issues and payloads: %s", got)
			}
		})
	}
}

// All that columns can hold travels as well by COPY as by upsert.
func TestCopyAndUpsertStoreTheSame(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	full := func(id string) *transform.Record {
		r := entry(id, minute(1), everything).Record
		n32, n16, real32, real64 := int32(3), int16(-1), float32(0.7), 0.1+0.2
		at := minute(2).Add(123456000)
		r.SourceUpdatedAt, r.TimeToFirstTokenMS, r.CacheReadInputTokens, r.CacheCreationInputTokens = &at, &n32, &n32, &n32
		r.ReasoningOutputTokens, r.RequestMaxTokens, r.RequestTemperature, r.RequestTopP = &n32, &n32, &real32, &real32
		r.Feedback, r.FeedbackScore, r.ErrorType, r.ReportedCostUSD, r.TraceID = &n16, &real64, "x", "0.000000000001", "t"
		r.Metadata, r.Issues = []byte(`{"a":{"b":[1.50,"é\"\\"]}}`), []string{"no_model", "zero_cost"}
		return r
	}
	f.read(0, 10, Entry{Record: full("copied")}, entry("upserted", minute(1), ""))
	f.read(0, 10, Entry{Record: full("copied")}, Entry{Record: full("upserted")})
	const row = `select (to_jsonb(r) - '{log_id,first_loaded_at,loaded_at}'::text[])::text from logferry.requests r where log_id = $1::text`
	if copied, upserted := f.one(row, "copied"), f.one(row, "upserted"); copied != upserted {
		t.Errorf("copied   %s\nupserted %s", copied, upserted)
	}
}
