package ferry_test

import (
	"encoding/json"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// Metadata in each form it is seen in, and members that nobody knows: every log
// is a row, what is no JSON is said, and the document is kept as it came.
func TestOddDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Payloads = true // else what is not on the allow-list is withheld
	now := time.Now()
	prod, set := w.gateway("prod"), w.dataset("ds1")
	forms := []emulator.MetadataForm{emulator.MetadataObject, emulator.MetadataString, emulator.MetadataNull, emulator.MetadataBroken}
	want := map[emulator.MetadataForm]string{
		emulator.MetadataObject: `{"team": "odd"} odd-user false`, emulator.MetadataString: `{"team": "odd"} odd-user false`,
		emulator.MetadataNull: "{} - false", emulator.MetadataBroken: "{} - true",
	}
	ids := map[emulator.MetadataForm][]string{}
	for i, c := range emulator.Synthetic(1, 120, now.Add(-20*time.Hour), now.Add(-time.Hour)) {
		c.MetadataAs, c.User, c.Team, c.Conversation, c.Environment = forms[i%4], "odd-user", "odd", "", ""
		c.Extra = map[string]json.RawMessage{"guardrails": json.RawMessage(`[{"kept":null}]`), "unheard_of": json.RawMessage(`1e3`)}
		prod.Insert(emulator.CloudflareLog(c))
		set.Insert(emulator.KeywordsAILog(c, "ds1", "created_at"))
		ids[c.MetadataAs] = append(ids[c.MetadataAs], c.CloudflareID())
	}
	w.sync(ferry.ExitOK)
	w.equal(prod)
	w.holdsExactly(set, "created_at")
	for form, some := range ids {
		got := query[[]string](w, `
			select array_agg(distinct concat(metadata - 'user_id', ' ', coalesce(user_id, '-'), ' ', coalesce('metadata_unparsable' = any(load_issues), false)::text))
			  from llm.requests where log_id = any($1)`, some)
		if len(got) != 1 || got[0] != want[form] {
			t.Errorf("metadata as %s: %q, want %q", form, got, want[form])
		}
	}
	if n := query[int](w, `select count(*) from logferry_private.raw_logs where logferry_private.raw_json(raw)->'unheard_of' is not null`); n != 240 {
		t.Errorf("%d of 240 documents keep the member that nobody knows", n)
	}
}
