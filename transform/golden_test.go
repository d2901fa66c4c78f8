package transform_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/transform"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// now is the clock of every pass in these tests.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type decoder func([]byte, *transform.Options) (*transform.Record, *transform.Reject)

// feeds are the folders of golden files: a source and one stream's settings.
var feeds = map[string]struct {
	source    string
	decode    decoder
	timeField string
}{
	"cloudflare":           {transform.SourceCloudflare, transform.Cloudflare, "created_at"},
	"keywordsai":           {transform.SourceKeywordsAI, transform.KeywordsAI, "created_at"},
	"keywordsai_timestamp": {transform.SourceKeywordsAI, transform.KeywordsAI, "timestamp"},
}

func settings(timeField string, payloads bool) *transform.Options {
	return &transform.Options{
		Now:                now,
		TimeField:          timeField,
		Container:          "dataset_67890",
		UserIDKeys:         []string{"user_id", "user", "userId", "customer_identifier"},
		ConversationIDKeys: []string{"conversation_id", "session_id", "sessionId", "thread_id", "thread_identifier"},
		KeepPayloads:       payloads,
	}
}

// TestGolden reads each document twice, with payloads and without, and
// compares all that comes out.
func TestGolden(t *testing.T) {
	for folder, feed := range feeds {
		documents, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
		if err != nil || len(documents) == 0 {
			t.Fatalf("no documents in testdata/%s: %v", folder, err)
		}
		for _, document := range documents {
			name := strings.TrimSuffix(document, ".json")
			t.Run(folder+"/"+filepath.Base(name), func(t *testing.T) {
				doc := readFile(t, document)
				got := render(t, feed.source, doc, feed.decode, feed.timeField)
				if *update {
					if err := os.WriteFile(name+".golden", append(got, '\n'), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(string(readFile(t, name+".golden")), string(got)); diff != "" {
					t.Errorf("%s reads otherwise (-golden +now; run with -update if it should):\n%s", document, diff)
				}
			})
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(content, []byte("\n"))
}

// render shows everything that becomes of one document; what is empty or null
// is left out.
func render(t *testing.T, source string, doc []byte, decode decoder, timeField string) []byte {
	t.Helper()
	rec, reject := decode(doc, settings(timeField, true))
	bare, bareReject := decode(doc, settings(timeField, false))
	shown := map[string]any{}
	if rec != nil {
		if !bytes.Equal(rec.Raw, doc) {
			t.Error("with payloads on, the raw document is not what came")
		}
		shown["record"] = shownRecord{*rec, rec.Metadata, hex.EncodeToString(rec.Hash[:]), nil, nil}
		shown["model"] = transform.ReadModel(source, rec.Model)
		shown["endpoint"] = transform.ReadEndpoint(source, rec.Endpoint)
		if p := rec.Payload; p != nil {
			shown["payload"] = shownPayload{p.InputMessages, p.OutputMessages, p.Parameters, p.RequestHead, p.ResponseHead}
		}
		shown["without_payloads"] = shownPrivate{bare.Issues, bare.Raw}
	} else {
		shown["reject"] = []string{reject.Code, reject.Detail, reject.LogID, reject.ClaimedCreatedAt}
		shown["without_payloads"] = shownPrivate{nil, bareReject.Raw}
	}
	return readable(t, shown)
}

// The shown types replace bytes by something people can read.
type (
	shownRecord struct {
		transform.Record
		Metadata     json.RawMessage
		Hash         string
		Raw, Payload *string
	}
	shownPayload struct {
		InputMessages, OutputMessages, Parameters json.RawMessage
		RequestHead, ResponseHead                 *string
	}
	shownPrivate struct {
		Issues []string
		Raw    json.RawMessage
	}
)

// readable is indented JSON of the parts without their empty values.
func readable(t *testing.T, parts map[string]any) []byte {
	t.Helper()
	filled := map[string]any{}
	for name, part := range parts {
		encoded, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		decoded := json.NewDecoder(bytes.NewReader(encoded))
		decoded.UseNumber()
		if err := decoded.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if name != "payload" && name != "reject" {
			value = withoutEmpty(value)
		}
		filled[name] = value
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(filled); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// withoutEmpty drops what is null or "" from an object and the objects in it;
// of Raw and Metadata nothing.
func withoutEmpty(value any) any {
	members, ok := value.(map[string]any)
	if !ok {
		return value
	}
	for name, inside := range members {
		if name == "Raw" || name == "Metadata" {
			if inside != nil {
				continue
			}
		}
		if inside = withoutEmpty(inside); inside == nil || inside == "" {
			delete(members, name)
		} else {
			members[name] = inside
		}
	}
	return members
}
