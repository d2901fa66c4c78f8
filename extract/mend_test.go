package extract

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// readers are the bodies that sources answer with, by their reader: what stands
// between before and after is the list's inside.
var readers = []struct {
	name, before, after string
	read                func([]byte) (listing, error)
}{
	{"result", `{"errors":[],"success":true, "result" : `, `,"result_info":{"total_count":3,"note":"\"]}"},"messages":[]}`, readCloudflare},
	{"logs", `{"total":3,"logs":`, `,"page_size":100} `, readKeywordsAI},
	{"results", ` {"count":3,"next":"[","results":`, `}`, readKeywordsAI},
	{"array", "\n", " ", readKeywordsAI},
}

// brokenEntries are what JSON does not allow, though its brackets and quotes
// pair up.
var brokenEntries = map[string]string{
	"NaN":                 `{"id":"bad","cost":NaN}`,
	"infinity":            `{"id":"bad","cost":-Infinity}`,
	"a control character": "{\"id\":\"bad\",\"text\":\"a\nb\"}",
	"a bad escape":        `{"id":"bad","text":"\x41 \" ]"}`,
	"too deep":            strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	"deep inside":         strings.Repeat(`{"a":`, 9_999) + `{}` + strings.Repeat("}", 9_999),
	"no JSON at all":      `nil`,
}

// A list with a broken entry is not believed at once, but when it comes again,
// and then all its entries are told apart.
func TestP10BrokenEntries(t *testing.T) {
	for _, r := range readers {
		for name, bad := range brokenEntries {
			t.Run(r.name+" "+name, func(t *testing.T) {
				whole := fmt.Appendf(nil, `%s[{"id":"a"}, %s ,{"id":"b","text":"ö\"]}"}]%s`, r.before, bad, r.after)
				m := mender{read: r.read}
				if _, err := m.listing(whole); !errors.Is(err, errSpoilt) {
					t.Fatalf("at first: %v", err)
				}
				l, err := m.listing(whole)
				if err != nil {
					t.Fatalf("again: %v", err)
				}
				var got []string
				for _, e := range l.entries {
					got = append(got, string(e))
				}
				if diff := cmp.Diff([]string{`{"id":"a"}`, bad, `{"id":"b","text":"ö\"]}"}`}, got); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				if r.name != "array" && l.total != 3 {
					t.Errorf("a total of %d, want 3", l.total)
				}
			})
		}
	}
}

// No part of an answer is ever an answer, however often it comes.
func TestP06TruncatedListsAreNeverMended(t *testing.T) {
	tried := 0
	for _, r := range readers {
		for _, inside := range []string{`[{"id":"a","x":[1,[2]]},{"id":"b","y":"]"}]`, `[{"id":"a","x":[1,[2]]},{"id":NaN,"y":"]"}]`} {
			whole := strings.TrimSpace(r.before + inside + r.after)
			for cut := range len(whole) {
				tried++
				m := mender{read: r.read}
				for range 3 {
					if l, err := m.listing([]byte(whole[:cut])); err == nil {
						t.Fatalf("%s: %q is taken for an answer of %d entries", r.name, whole[:cut], len(l.entries))
					}
				}
			}
		}
	}
	t.Logf("tried %d cut answers", tried)
}

// A broken list costs one request more, which is no retry of the client's
// twenty; one that was only spoilt on its way is read as it really is; one that
// is broken in another way each time is given up.
func TestBrokenListsAreAskedForOnceMore(t *testing.T) {
	const broken = `{"success":true,"result":[{"id":%d,"cost":NaN}],"result_info":{"total_count":1}}`
	for _, c := range []struct {
		name     string
		body     func(n int) string
		pages    int
		requests int
		ok       bool
	}{
		{"each page", func(int) string { return fmt.Sprintf(broken, 1) }, 3 * freeRetries, 6 * freeRetries, true},
		{"spoilt once", func(n int) string {
			if n == 1 {
				return fmt.Sprintf(broken, 1)
			}
			return `{"success":true,"result":[{"id":1,"cost":0}],"result_info":{"total_count":1}}`
		}, 1, 2, true},
		{"among others each time", func(n int) string {
			return fmt.Sprintf(`{"success":true,"result":[{"id":2,"n":%d},{"id":1,"cost":NaN}],"result_info":{"total_count":1}}`, n)
		}, 1, 2, true},
		{"another each time", func(n int) string { return fmt.Sprintf(broken, n) }, 1, maxTries, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) { return said(200, c.body(n)), nil }}
				api := cloudflareVia(s, Options{})
				for range c.pages {
					a, err := api.Page(t.Context(), firstPage)
					if (err == nil) != c.ok || c.ok && (len(a.Docs) == 0 || a.Total != 1) {
						t.Fatalf("%d docs, %v", len(a.Docs), err)
					}
				}
				if len(s.sent) != c.requests {
					t.Errorf("%d requests, want %d", len(s.sent), c.requests)
				}
			})
		})
	}
}

// FuzzMend: what is set apart of a valid answer is its list, and whatever else
// comes is refused or read without harm.
func FuzzMend(f *testing.F) {
	for _, r := range readers {
		for _, bad := range []string{`1`, `NaN`, `{"a":[}]`, `"\"`} {
			f.Add([]byte(r.before + `[` + bad + `,{"id":"b"}]` + r.after))
		}
	}
	for _, seed := range []string{``, `{`, `[`, `{"result"`, `{"result":`, `{"result":[`, `{"result":[]]}`, `["`, `["\`, `{"":1,"result":[1]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func([]byte) (listing, error){readCloudflare, readKeywordsAI} {
			strict, err := read(body)
			m := mender{read: read}
			l, first := m.listing(body)
			if err == nil {
				if diff := cmp.Diff(strict, l, cmp.AllowUnexported(listing{})); diff != "" || first != nil {
					t.Fatalf("a good answer is changed: %v %s", first, diff)
				}
				continue
			}
			if first == nil {
				t.Fatalf("%v at first, and believed all the same", err)
			}
			if _, again := m.listing(body); again == nil && !errors.Is(first, errSpoilt) {
				t.Fatalf("believed without having been doubted: %v", first)
			}
		}
	})
}
