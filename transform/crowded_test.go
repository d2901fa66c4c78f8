package transform

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Objects of more members than anybody means are not held in memory. A document
// is read all the same, by the members that count; metadata or a payload is
// left out, and said to be; and what is stored does not outgrow the document.
func TestP08CrowdedObjects(t *testing.T) {
	crowd := func(n int) string { return strings.Repeat(`"a":1,`, n) + `"z":0` }
	nested := strings.Repeat(`{`+crowd(maxMembers/3)+`,"n":`, 4) + `1` + strings.Repeat(`}`, 4)
	for _, c := range []struct {
		name, members string
		issue         bool
	}{
		{"document", crowd(maxMembers) + `,"model":"late"`, false},
		{"document, just not", crowd(maxMembers-4) + `,"model":"late"`, false},
		{"metadata", `"model":"late","metadata":{` + crowd(maxMembers) + `}`, true},
		{"metadata, nested", `"model":"late","metadata":` + nested, true},
		{"usage", `"model":"late","usage_metadata":{` + crowd(maxMembers) + `},"usage":{` + crowd(maxMembers) + `}`, false},
		{"scores", `"model":"late","scores":[` + strings.Repeat("1,", 50_000) + `1]`, false},
		{"many small ones", `"model":"late","request":"[` + strings.Repeat(`{\"a\":1},`, maxMembers) + `1]"`, false},
	} {
		for _, read := range decoders {
			for _, keep := range []bool{false, true} {
				doc := fmt.Sprintf(`{"id":"x","created_at":"2026-10-01T18:11:19Z",%s}`, c.members)
				r, reject := read([]byte(doc), testOptions(keep))
				if reject != nil {
					t.Fatalf("%s: rejected: %s", c.name, reject.Detail)
				}
				if r.Model.ModelRaw != "late" || r.LogID != "x" {
					t.Errorf("%s: read the id %q and the model %q", c.name, r.LogID, r.Model.ModelRaw)
				}
				if got := slices.Contains(r.Issues, IssueValueTooLong); c.issue && !got {
					t.Errorf("%s: issues %v", c.name, r.Issues)
				}
				if len(r.Raw) > len(doc)*2 && !strings.HasSuffix(c.name, "just not") {
					t.Errorf("%s: %d bytes became %d", c.name, len(doc), len(r.Raw))
				}
			}
		}
	}
}
