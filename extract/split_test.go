package extract

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzSplit: what is split is what encoding/json finds.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`[]`, ` [ 1 , "a,]\"" ,{"b":[null, true]},-1.5e3,[[]] ] `, `{}`, ` { "a" : 1 , "\u0061b\"" : {"c":[1,2]} ,"a":"}" } `,
		`["\\",""]`, `{"":0}`, `[1`, `[1]x`, `null`, `"[]"`, ``, "\xef\xbb\xbf[]", `[{"a":[{}]},{"b":"ö"}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want []json.RawMessage
		ok := json.Unmarshal(raw, &want) == nil && want != nil
		got, is := array(raw)
		if is != ok || len(got) != len(want) {
			t.Fatalf("array: %t with %d entries, want %t with %d", is, len(got), ok, len(want))
		}
		for i := range got {
			if diff := cmp.Diff(string(want[i]), string(got[i])); diff != "" {
				t.Errorf("entry %d: %s", i, diff)
			}
		}
		var members map[string]json.RawMessage
		ok = json.Unmarshal(raw, &members) == nil && members != nil
		found, err := object(raw)
		if (err == nil) != ok {
			t.Fatalf("object: %v, want %t", err, ok)
		}
		for name, value := range members {
			if string(found[name]) != string(value) {
				t.Errorf("a member is %q, want %q", found[name], value)
			}
		}
		if len(found) != len(members) && ok {
			t.Errorf("%d members, want %d", len(found), len(members))
		}
	})
}

// An answer of tiny values would take many times its size.
func TestP08AnswersOfTinyValues(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"entries": `{"success":true,"result":[` + strings.Repeat("1,", maxEntries) + `1]}`,
		"members": `{"success":true,"result":[],` + tiny(maxMembers) + `"z":0}`,
	} {
		if _, err := readCloudflare([]byte(body)); err != errEnvelope { //nolint:errorlint // it is returned as it is
			t.Errorf("%s: %v, want the form refused", name, err)
		}
	}
}

func tiny(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":1,`, i)
	}
	return b.String()
}

// A few entries of a large body don't hold on to it; many share it.
func TestDocsLeaveALargeBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spaces int
		shared bool
	}{{100, true}, {100_000, false}} {
		body := []byte(`{"success":true,"result":["` + strings.Repeat("x", 1000) + `"` + strings.Repeat(" ", c.spaces) + `]}`)
		l, err := readCloudflare(body)
		if err != nil {
			t.Fatal(err)
		}
		doc := l.docs(int64(len(body)))[0]
		at := strings.Index(string(body), "xx")
		body[at] = 'y'
		if shared := doc[1] == 'y'; shared != c.shared || len(doc) != 1002 {
			t.Errorf("%d spaces: shared %t, %d bytes", c.spaces, shared, len(doc))
		}
	}
}
