package transform

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// stored is a document as it is stored with payloads off.
func stored(read decode, doc []byte) []byte {
	rec, reject := read(doc, testOptions(false))
	if rec != nil {
		return rec.Raw
	}
	return reject.Raw
}

// withheldOnce checks that a document from which values were withheld stays as it
// is when that is done again.
func withheldOnce(t failer, read decode, doc []byte) {
	t.Helper()
	once := stored(read, doc)
	if twice := stored(read, once); string(twice) != string(once) {
		t.Errorf("withheld once:  %.200s\nwithheld twice: %.200s", once, twice)
	}
}

// What was withheld is not withheld once more, however large what stands in for it.
func TestWithheldOnce(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"id":"a","request":"` + strings.Repeat("x", 5000) + `","Typed here":1,"usage_metadata":{"more":"text"},"usage":["a",{"b c":"d"}]}`,
		`{"id":"a","usage":[` + strings.Repeat(`"a",`, 5000) + `"a"],"usage_metadata":{` + strings.Repeat(`"b":"a",`, 5000) + `"b":"a"}}`,
		`{` + strings.Repeat(`"id":"a",`, maxMembers) + `"id":"a","model":"b"}`,
		`{` + strings.Repeat(`"id":"a",`, maxMembers) + `"id":"a","request":"b","response":"c","surprise":"d"}`,
		`{"cost":NaN}`, `["text"]`, `{"withheld_bytes":1,"sha256":"text"}`,
	} {
		for _, read := range decoders {
			withheldOnce(t, read, []byte(doc))
		}
	}
}

// A document that was kept without some values is read as if these were not
// there, and says so. What was not withheld is read as ever.
func TestKeptDocuments(t *testing.T) {
	t.Parallel()
	score, input, temperature := 0.5, int32(12), float32(0.5)
	for name, test := range map[string]struct {
		members     string
		partial     bool
		score       *float64
		input       *int32
		temperature *float32
		outcome     string
	}{
		"nothing was withheld":   {`"scores":0.5,"usage":{"prompt_tokens":12},"parameters":{"temperature":0.5},"status_code":200`, false, &score, &input, &temperature, "success"},
		"numbers as texts":       {`"scores":"0.5","usage":{"prompt_tokens":"12"},"parameters":{"temperature":0.5}`, true, nil, nil, &temperature, "unknown"},
		"an object as text":      {`"parameters":"{\"temperature\":0.5}","scores":{"judge":{"value":0.5,"why":"so"}}`, true, &score, nil, nil, "unknown"},
		"only that there is one": {`"error_message":"it broke"`, true, nil, nil, nil, "error"},
		"what was said":          {`"scores":0.5,"input":"hello","output":"hello yourself"`, true, &score, nil, nil, "unknown"},
	} {
		for _, payloads := range []bool{false, true} {
			doc := fmt.Appendf(nil, `{"id":"a","created_at":"2026-10-01T18:11:19Z",%s}`, test.members)
			o := testOptions(payloads)
			o.Kept = true
			got, _ := KeywordsAI(stored(KeywordsAI, doc), o)
			if show(got.FeedbackScore) != show(test.score) || show(got.InputTokens) != show(test.input) ||
				show(got.RequestTemperature) != show(test.temperature) || got.Outcome != test.outcome {
				t.Errorf("%s: score %s, tokens %s, temperature %s, %s", name, show(got.FeedbackScore), show(got.InputTokens), show(got.RequestTemperature), got.Outcome)
			}
			if slices.Contains(got.Issues, IssueValueWithheld) != test.partial || slices.Contains(got.Issues, IssueTypeMismatch) {
				t.Errorf("%s: issues %v", name, got.Issues)
			}
			if got.Payload != nil {
				t.Errorf("%s: what stands in for it passes as what was said", name)
			}
			whole, _ := KeywordsAI(doc, testOptions(payloads))
			if (whole.Hash != got.Hash) != test.partial {
				t.Errorf("%s: the hash differs from the whole document's: %t", name, whole.Hash != got.Hash)
			}
		}
	}
}

func show[T any](value *T) string {
	if value == nil {
		return "none"
	}
	return fmt.Sprint(*value)
}

// An id that was withheld is still what was wrong, though there is another one.
func TestKeptWithoutItsID(t *testing.T) {
	t.Parallel()
	doc := fmt.Appendf(nil, `{"id":%q,"unique_id":"b","created_at":"2026-10-01T18:11:19Z"}`, strings.Repeat("a", 2000))
	o := testOptions(false)
	o.Kept = true
	if rec, reject := KeywordsAI(stored(KeywordsAI, doc), o); rec != nil || reject.Code != RejectNoID {
		t.Errorf("read as %+v, rejected as %+v", rec, reject)
	}
}
