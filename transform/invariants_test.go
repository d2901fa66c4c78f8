package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// failer is what testing.T and rapid.T share.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

type decode func([]byte, *Options) (*Record, *Reject)

var decoders = map[string]decode{"cloudflare": Cloudflare, "keywordsai": KeywordsAI}

func testOptions(payloads bool) *Options {
	return &Options{
		Now:                time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		TimeField:          "created_at",
		UserIDKeys:         []string{"user_id"},
		ConversationIDKeys: []string{"session_id"},
		KeepPayloads:       payloads,
		Drift:              &Drift{},
	}
}

// mustHold reads a document with and without payloads and checks what is true
// of every answer.
func mustHold(t failer, read decode, doc []byte) {
	t.Helper()
	for _, payloads := range []bool{true, false} {
		before := bytes.Clone(doc)
		rec, reject := read(doc, testOptions(payloads))
		again, rejectAgain := read(bytes.Clone(doc), testOptions(payloads))
		if diff := cmp.Diff(rec, again) + cmp.Diff(reject, rejectAgain); diff != "" {
			t.Fatalf("read twice, differs:\n%s", diff)
		}
		if !bytes.Equal(before, doc) {
			t.Fatalf("the document was changed")
		}
		if (rec == nil) == (reject == nil) {
			t.Fatalf("record %v and reject %v", rec, reject)
		}
		if reject != nil {
			rejectHolds(t, reject, doc, payloads)
		} else {
			recordHolds(t, rec, doc, payloads)
		}
	}
	withheldOnce(t, read, doc)
}

func rejectHolds(t failer, r *Reject, doc []byte, payloads bool) {
	t.Helper()
	codes := []string{RejectNotJSON, RejectNoID, RejectIDTooLong, RejectNoCreatedAt, RejectTimeOutOfRange, RejectWrongContainer}
	if !slices.Contains(codes, r.Code) {
		t.Errorf("code %q", r.Code)
	}
	if r.SHA256 != sha256.Sum256(doc) {
		t.Errorf("the hash is not of the bytes received")
	}
	rawHolds(t, r.Raw, doc, payloads)
	textsHold(t, r.Code, r.Detail, r.LogID, r.ClaimedCreatedAt)
}

func recordHolds(t failer, r *Record, doc []byte, payloads bool) {
	t.Helper()
	rawHolds(t, r.Raw, doc, payloads)
	textsHold(t, r.LogID, r.Model.ProviderRaw, r.Model.ModelRaw, r.Endpoint.URLPath, r.Endpoint.RequestType,
		r.ErrorType, r.UserID, r.ConversationID, r.TraceID, r.Environment)
	if r.LogID == "" || len(r.LogID) > maxIDBytes {
		t.Errorf("log id %q", r.LogID)
	}
	if r.CreatedAt.Location() != time.UTC || r.CreatedAt.Nanosecond()%1000 != 0 || !inRange(r.CreatedAt, testOptions(false).Now) {
		t.Errorf("created at %v", r.CreatedAt)
	}
	for _, n := range []*int32{r.DurationMS, r.TimeToFirstTokenMS, r.InputTokens, r.OutputTokens} {
		if n != nil && *n < 0 {
			t.Errorf("negative count %d", *n)
		}
	}
	if x := r.FeedbackScore; x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
		t.Errorf("score %v", *x)
	}
	if !slices.Contains([]string{"success", "error", "unknown"}, r.Outcome) || (r.Outcome == "error") != (r.ErrorType != "") {
		t.Errorf("outcome %q, error type %q", r.Outcome, r.ErrorType)
	}
	if !slices.IsSorted(r.Issues) || len(slices.Compact(slices.Clone(r.Issues))) != len(r.Issues) {
		t.Errorf("issues %q", r.Issues)
	}
	if r.Metadata[0] != '{' {
		t.Errorf("metadata is no object: %s", r.Metadata)
	}
	jsonbHolds(t, r.Metadata)
	if r.Payload != nil {
		if !payloads {
			t.Errorf("a payload although none was asked for")
		}
		jsonbHolds(t, r.Payload.InputMessages)
		jsonbHolds(t, r.Payload.OutputMessages)
		jsonbHolds(t, r.Payload.Parameters)
	}
	m, e := ReadModel(SourceCloudflare, r.Model), ReadEndpoint(SourceKeywordsAI, r.Endpoint)
	if m.ProviderName == "" || m.Model == "" || m.ModelFamily == "" || m.MappingRule == "" || e.OperationName == "" {
		t.Errorf("empty reading %+v %+v", m, e)
	}
}

func rawHolds(t failer, raw, doc []byte, payloads bool) {
	t.Helper()
	if payloads && !bytes.Equal(raw, doc) {
		t.Errorf("raw is not what came")
	}
	if !payloads && !json.Valid(raw) {
		t.Errorf("raw without payloads is no JSON: %q", raw)
	}
}

func textsHold(t failer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("Postgres would refuse %q", text)
		}
	}
}

// jsonbHolds checks what Postgres checks, and that the spelling is canonical.
func jsonbHolds(t failer, value []byte) {
	t.Helper()
	if value == nil {
		return
	}
	if !json.Valid(value) || !utf8.Valid(value) || bytes.Contains(value, []byte(`\u0000`)) && !bytes.Contains(value, []byte(`\\u0000`)) {
		t.Errorf("jsonb would refuse %q", value)
		return
	}
	found := &issues{}
	if again := canonical(value, found); !bytes.Equal(again, value) || found.codes != nil {
		t.Errorf("not canonical: %q becomes %q (%q)", value, again, found.codes)
	}
}

// sameContent compares what the content hash is over.
func sameContent(a, b *Record) bool {
	return cmp.Equal(a, b, cmpopts.IgnoreFields(Record{}, "LogID", "Hash", "Raw"))
}

// goldenDocuments are the checked-in documents of a source.
func goldenDocuments(t testing.TB, folder string) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents of %s: %v", folder, err)
	}
	var documents [][]byte
	for _, name := range names {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, bytes.TrimSuffix(doc, []byte("\n")))
	}
	return documents
}

// TestHashCoversRecord changes each field of a record in turn.
func TestHashCoversRecord(t *testing.T) {
	o := testOptions(true)
	text := "text"
	payload := &Payload{InputMessages: []byte("1")}
	base := contentHash(&Record{Metadata: []byte("{}")}, payload, o)
	outside := []string{"LogID", "Hash", "Raw", "Payload"}
	for _, path := range leaves(reflect.TypeFor[Record](), nil) {
		rec := Record{Metadata: []byte("{}")}
		field := reflect.ValueOf(&rec).Elem().FieldByIndex(path)
		name := reflect.TypeFor[Record]().FieldByIndex(path).Name
		setOther(field)
		changed := contentHash(&rec, payload, o) != base
		if want := !slices.Contains(outside, name); changed != want {
			t.Errorf("%s: hash changed is %v, want %v", name, changed, want)
		}
	}
	record := &Record{Metadata: []byte("{}")}
	variants := map[string][16]byte{
		"no payload":       contentHash(record, nil, o),
		"other input":      contentHash(record, &Payload{InputMessages: []byte("2")}, o),
		"output":           contentHash(record, &Payload{OutputMessages: []byte("1")}, o),
		"parameters":       contentHash(record, &Payload{Parameters: []byte("1")}, o),
		"request head":     contentHash(record, &Payload{RequestHead: &text}, o),
		"response head":    contentHash(record, &Payload{ResponseHead: &text}, o),
		"payloads off":     contentHash(record, payload, testOptions(false)),
		"another mapping":  contentHash(record, payload, &Options{KeepPayloads: true, MappingVersion: MappingVersion + 1}),
		"the same, for us": base,
	}
	seen := map[[16]byte]string{}
	for name, hash := range variants {
		if other, taken := seen[hash]; taken {
			t.Errorf("%s and %s share a hash", name, other)
		}
		seen[hash] = name
	}
	if contentHash(record, payload, &Options{KeepPayloads: true, MappingVersion: MappingVersion}) != base {
		t.Error("mapping version 0 is not the package's own")
	}
}

// leaves are the index paths of a struct's fields, those of ModelKey and
// EndpointKey included.
func leaves(typ reflect.Type, prefix []int) [][]int {
	var paths [][]int
	for i := range typ.NumField() {
		path := append(slices.Clone(prefix), i)
		if field := typ.Field(i); field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[time.Time]() {
			paths = append(paths, leaves(field.Type, path)...)
		} else {
			paths = append(paths, path)
		}
	}
	return paths
}

// setOther gives a zero field another value; of a pointer, one to zero.
func setOther(field reflect.Value) {
	switch value := field.Interface().(type) {
	case time.Time:
		field.Set(reflect.ValueOf(value.Add(time.Microsecond)))
	case string:
		field.SetString("other")
	case bool:
		field.SetBool(true)
	case []byte:
		field.SetBytes([]byte("other"))
	case []string:
		field.Set(reflect.ValueOf([]string{"other"}))
	case [16]byte:
		field.Set(reflect.ValueOf([16]byte{1}))
	default:
		field.Set(reflect.New(field.Type().Elem()))
	}
}
