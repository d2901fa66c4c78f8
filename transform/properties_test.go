package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oddValues are JSON values that sources send or might.
var oddValues = []string{
	`null`, `true`, `false`, `0`, `1`, `-1`, `-0`, `1.5`, `12`, `"12"`, `1e2`, `4.3e-06`, `1e999999999`, `2147483648`,
	`""`, `"x"`, `"2026-10-01T18:11:19.123456789Z"`, `"2026-10-01 18:11:19"`, `"\u0000"`, `"\ud800"`, "\"\xff\"",
	`{}`, `[]`, `[1]`, `{"user_id":"u","session_id":7}`, `{"b":1,"a":2,"a":3}`, `"{\"user_id\":\"u\"}"`, `{"\u0000":1e400}`,
	`[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]`, `"success"`, `"error"`, `200`, `500`,
	`{"input_tokens":3,"output_tokens":4,"prompt_tokens":5,"temperature":0.5,"max_tokens":9,"score":1}`,
	`{"prompt_tokens_details":{"cached_tokens":"3"}}`, `"gpt-4o"`, `"dynamic/x"`, `"text/event-stream"`,
}

// drawMembers makes an object of known and unknown members with odd values.
// Names are drawn once each unless repeats are wanted.
func drawMembers(t *rapid.T, known fields, repeats bool) object {
	names := []string{"unknown", "Please say hello", "ID"}
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	draw := rapid.SliceOfN(rapid.SampledFrom(names), 0, 12)
	if !repeats {
		draw = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 12, rapid.ID)
	}
	members := object{{quoted: []byte(`"id"`), value: []byte(`"a"`)}, {quoted: []byte(`"created_at"`), value: []byte(`"2026-10-01T18:11:19Z"`)}}
	for _, name := range draw.Draw(t, "names") {
		if !repeats && (name == "id" || name == "created_at") {
			continue
		}
		value := rapid.SampledFrom(oddValues).Draw(t, name)
		members = append(members, member{quoted: fmt.Appendf(nil, "%q", name), value: []byte(value)})
	}
	return members
}

func join(members object) []byte {
	doc := []byte("{")
	for i, m := range members {
		if i > 0 {
			doc = append(doc, " ,\n"...)
		}
		doc = append(append(append(doc, m.quoted...), " : "...), m.value...)
	}
	return append(doc, '}')
}

func knownFields(name string) fields {
	if name == "cloudflare" {
		return cloudflareFields
	}
	return keywordsAIFields
}

func TestAnyDocumentHolds(t *testing.T) {
	for name, read := range decoders {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			mustHold(t, read, join(drawMembers(t, knownFields(name), true)))
		}))
	}
}

func TestAnyBytesHold(t *testing.T) {
	for name, read := range decoders {
		documents := goldenDocuments(t, name)
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			doc := bytes.Clone(rapid.SampledFrom(documents).Draw(t, "document"))
			for range rapid.IntRange(0, 4).Draw(t, "edits") {
				if len(doc) > 0 {
					doc[rapid.IntRange(0, len(doc)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
				}
			}
			mustHold(t, read, doc[:rapid.IntRange(0, len(doc)).Draw(t, "cut")])
			mustHold(t, read, doc)
		}))
	}
}

// TestNoiseLeavesHash: the order of members and members without a rule do not
// count.
func TestNoiseLeavesHash(t *testing.T) {
	for name, read := range decoders {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			members := drawMembers(t, knownFields(name), false)
			shuffled := rapid.Permutation(members).Draw(t, "order")
			noise := member{quoted: []byte(`"new_member"`), value: []byte(rapid.SampledFrom(oddValues).Draw(t, "noise"))}
			plain, _ := read(join(members), testOptions(true))
			noisy, _ := read(join(append(slices.Clone(shuffled), noise)), testOptions(true))
			if plain == nil || noisy == nil {
				t.Fatalf("rejected %s", join(members))
			}
			if plain.Hash != noisy.Hash || !sameContent(plain, noisy) {
				t.Fatalf("%s hashes otherwise when shuffled", join(members))
			}
		}))
	}
}

// TestHashIsEquality: two records have equal hashes exactly when they are
// equal.
func TestHashIsEquality(t *testing.T) {
	for name, read := range decoders {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			members := drawMembers(t, knownFields(name), false)
			other := slices.Clone(members)
			at := rapid.IntRange(1, len(other)-1).Draw(t, "at")
			other[at].value = []byte(rapid.SampledFrom(oddValues).Draw(t, "value"))
			a, _ := read(join(members), testOptions(true))
			b, _ := read(join(other), testOptions(true))
			if a == nil || b == nil {
				return // the time became unreadable
			}
			if same := sameContent(a, b); same != (a.Hash == b.Hash) {
				t.Fatalf("equal records: %v, equal hashes: %v\n%s\n%s", same, a.Hash == b.Hash, join(members), join(other))
			}
		}))
	}
}

func TestMoneyKeepsItsValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Int64Range(0, 99_999_999).Draw(t, "whole")
		parts := rapid.Int64Range(0, 999_999_999_999).Draw(t, "parts")
		want := strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%012d", whole, parts), "0"), ".")
		d, ok := parseDecimal(fmt.Sprintf("%d%012de-12", whole, parts))
		if strings.HasPrefix(fmt.Sprintf("%d%012d", whole, parts), "0") {
			d, ok = parseDecimal(fmt.Sprintf("%d.%012d", whole, parts))
		}
		got, fits := d.money()
		if !ok || !fits || got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// TestNothingSaidSurvives plants a text in every member, known and unknown,
// alone and inside lists and objects, and looks for it in everything that
// comes out with payloads off. Only members that are identifiers or tags by
// their rule may show it.
func TestNothingSaidSurvives(t *testing.T) {
	const canary = "CANARY"
	shapes := []string{`"CANARY"`, `["CANARY"]`, `{"content":"CANARY"}`, `[{"role":"assistant","content":"CANARY"}]`,
		`"{\"a\":\"CANARY\"}"`, `{"CANARY is a name":1}`, `"` + strings.Repeat("long ", 300) + `CANARY"`}
	for source, read := range decoders {
		known := knownFields(source)
		names := []string{"surprise", "request_body", "customer_email", "full_request", "CANARY was typed here", "metadata2"}
		for name := range known {
			names = append(names, name)
		}
		for _, name := range names {
			for _, shape := range shapes {
				f, listed := known[name]
				if f.disposal == tags || listed && f.disposal == scalar && shape == shapes[0] || shape == shapes[4] && f.disposal == scalar && listed {
					continue // short values of identifying members are what they are for
				}
				for _, base := range []string{`"id":"a","created_at":"2026-10-01T18:11:19Z",`, `"id":"a",`, ``} {
					doc := fmt.Sprintf(`{%s%q:%s}`, base, name, shape)
					if out := everything(t, read, []byte(doc)); strings.Contains(out, canary) {
						t.Errorf("%s: %s shows in %s", source, doc, out)
					}
				}
			}
		}
	}
	for source, read := range decoders {
		for _, doc := range []string{`CANARY`, `{"id":"a","messages":"CANARY`, `["CANARY"]`, `"CANARY"`} {
			if out := everything(t, read, []byte(doc)); strings.Contains(out, canary) {
				t.Errorf("%s: %s shows in %s", source, doc, out)
			}
		}
	}
}

// everything is all that a document becomes with payloads off, as text.
func everything(t *testing.T, read decode, doc []byte) string {
	t.Helper()
	o := testOptions(false)
	rec, reject := read(doc, o)
	raw := ""
	if rec != nil {
		raw = string(rec.Raw) + string(rec.Metadata)
	} else {
		raw = string(reject.Raw)
	}
	shown, err := json.Marshal([]any{rec, reject, o.Drift.Seen()})
	if err != nil {
		t.Fatal(err)
	}
	return raw + string(shown)
}
