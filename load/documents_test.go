package load

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"logferry/transform"
)

// corpus reads all of transform's golden documents: everything odd that was
// seen or thought of. Each becomes a log of its own.
func corpus(t *testing.T, mapping int, payloads bool) (entries []Entry) {
	t.Helper()
	decode := map[string]func([]byte, *transform.Options) (*transform.Record, *transform.Reject){
		"cloudflare": transform.Cloudflare, "keywordsai": transform.KeywordsAI, "keywordsai_timestamp": transform.KeywordsAI,
	}
	names, err := filepath.Glob("../transform/testdata/*/*.json")
	must(t, err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		must(t, err)
		folder := filepath.Base(filepath.Dir(name))
		o := transform.Options{
			Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), TimeField: "created_at", Container: "dataset_67890",
			UserIDKeys: []string{"user_id", "user"}, ConversationIDKeys: []string{"conversation_id"},
			KeepPayloads: payloads, MappingVersion: mapping,
		}
		if folder == "keywordsai_timestamp" {
			o.TimeField = "timestamp"
		}
		var e Entry
		e.Record, e.Reject = decode[folder](bytes.TrimSuffix(content, []byte("\n")), &o)
		if e.Record != nil {
			e.Record.LogID += " " + folder + " " + filepath.Base(name)
		}
		entries = append(entries, e)
	}
	return entries
}

// Postgres takes whatever transform lets through: rows, metadata, payloads, raw
// documents, and rejects. Read again, nothing has changed on the way.
func TestPostgresTakesWhatTransformMakes(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	from, to := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	load := func(entries []Entry) Counts {
		want := f.want(0, 0)
		want.Span, want.Force = Span{from, to}, true
		w, err := f.Begin(t.Context(), f.turn(want).Claim, source, Keep{Raw: true, Payloads: true, Shape: "test"})
		f.must(err)
		f.write(w, entries...)
		f.finish(w, attested)
		return w.Counts
	}
	entries := corpus(t, 1, true)
	var records, rejects int64
	for _, e := range entries {
		if e.Record != nil {
			records++
		} else {
			rejects++
		}
	}
	if records < 100 || rejects < 10 {
		t.Fatalf("%d records and %d rejects are too few to show something", records, rejects)
	}
	for i, step := range []struct {
		entries []Entry
		want    Counts
	}{
		{entries, Counts{Inserted: records, Quarantined: rejects}},
		{entries, Counts{Unchanged: records, Quarantined: rejects}},
		{corpus(t, 2, true), Counts{Changed: records, Quarantined: rejects}}, // by upsert
		{corpus(t, 2, false), Counts{Changed: records, Quarantined: rejects}},
		{corpus(t, 2, false), Counts{Unchanged: records, Quarantined: rejects}},
	} {
		if got := load(step.entries); got != step.want {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
	if refused := f.one(`select coalesce(string_agg(log_id || ': ' || reason_detail, '; '), '') from logferry_private.quarantine
		where reason_code = 'value_out_of_range'`); refused != "" {
		t.Errorf("Postgres refused %s", refused)
	}
	for _, e := range entries {
		if e.Record == nil {
			continue
		}
		r := e.Record
		if n := count(t, f.Store, `select count(*) from logferry.requests where log_id = $1::text and created_at = $2::timestamptz
			and metadata = $3::text::jsonb and cost_usd is not distinct from $4::text::numeric and duration_ms is not distinct from $5::integer
			and user_id is not distinct from $6::text`,
			r.LogID, r.CreatedAt, string(r.Metadata), orNull(r.CostUSD), r.DurationMS, orNull(r.UserID)); n != 1 {
			t.Errorf("%s is not stored as it was read", r.LogID)
		}
	}
}
