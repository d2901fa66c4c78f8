package transform

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDriftNames(t *testing.T) {
	o := testOptions(false)
	docs := []string{
		`{"id":"a","created_at":"2026-10-01T18:11:19Z","metadata":{"anna@example.com":1,"team":{"secret":2}},
		  "usage_metadata":{"input_tokens":1,"brand_new":2},"surprise":{"list":[{"inner":1},{"inner":2},3]},"request":{"messages":[]}}`,
		`{"id":7,"hello there":true,"surprise":null,"surprise2":{"a":{"b":{"c":{"d":1}}}}}`,
		`not json`,
	}
	for _, doc := range docs {
		Cloudflare([]byte(doc), o)
	}
	want := []string{
		"* boolean unknown 1",
		"created_at string known 1",
		"id number known 1",
		"id string known 1",
		"metadata object known 1",
		"metadata.* number known 1",
		"metadata.* object known 1",
		"request object known 1",
		"surprise null unknown 1",
		"surprise object unknown 1",
		"surprise.list array unknown 1",
		"surprise.list[] number unknown 1",
		"surprise.list[] object unknown 2",
		"surprise.list[].inner number unknown 2",
		"surprise2 object unknown 1",
		"surprise2.a object unknown 1",
		"surprise2.a.b object unknown 1",
		"surprise2.a.b.c object unknown 1",
		"usage_metadata object known 1",
		"usage_metadata.brand_new number unknown 1",
		"usage_metadata.input_tokens number known 1",
	}
	var got []string
	for _, f := range o.Drift.Seen() {
		known := "unknown"
		if f.Known {
			known = "known"
		}
		got = append(got, fmt.Sprintf("%s %s %s %d", f.Path, f.Type, known, f.Count))
		if f.Source != SourceCloudflare {
			t.Errorf("source %q", f.Source)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields seen (-want +got):\n%s", diff)
	}
}

func TestDriftIsBounded(t *testing.T) {
	var doc strings.Builder
	doc.WriteString(`{"id":"a","created_at":"2026-10-01T18:11:19Z"`)
	const names = 100_000
	for i := range names {
		fmt.Fprintf(&doc, `,"n%d":1`, i)
	}
	doc.WriteByte('}')
	o := testOptions(false)
	for _, read := range decoders {
		if rec, _ := read([]byte(doc.String()), o); rec == nil {
			t.Fatal("rejected")
		}
	}
	total, perSource := int64(0), map[string]int{}
	for _, f := range o.Drift.Seen() {
		total += f.Count
		perSource[f.Source]++
	}
	if total != 2*(names+2) {
		t.Errorf("counted %d members, want %d", total, 2*(names+2))
	}
	for source, n := range perSource {
		if n > maxDriftPaths+6 { // the folded rest, once a type
			t.Errorf("%s: %d paths kept", source, n)
		}
	}
}

func TestDriftSharedByReaders(t *testing.T) {
	o := testOptions(false)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				Cloudflare([]byte(`{"id":"a"}`), o)
				o.Drift.Seen()
			}
		})
	}
	readers.Wait()
	if seen := o.Drift.Seen(); len(seen) != 1 || seen[0].Count != 800 {
		t.Errorf("saw %+v, want id 800 times", seen)
	}
}

func TestTooLarge(t *testing.T) {
	a, b := TooLarge("page 3 row 7", 9<<20), TooLarge("page 3 row 8", 9<<20)
	if a.Code != RejectTooLarge || a.SHA256 == b.SHA256 || a.SHA256 != TooLarge("page 3 row 7", 9<<20).SHA256 {
		t.Errorf("two positions are not two cases, or one is not one: %+v %+v", a, b)
	}
}
