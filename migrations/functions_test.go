package migrations

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"logferry/internal/pgtest"
)

func TestWatermark(t *testing.T) {
	conn := migrated(t)
	for _, c := range []struct{ name, coverage, want string }{
		{"nothing covered", "{}", "00:00"},
		{"gap at the start", "{[1:00,2:00)}", "00:00"},
		{"covered from the start", "{[0:00,2:00)}", "02:00"},
		{"covered from before the start", "{[-1:00,2:00)}", "02:00"},
		{"gap further on", "{[0:00,2:00),[3:00,4:00)}", "02:00"},
		{"touching spans are one", "{[0:00,2:00),[2:00,4:00)}", "04:00"},
		{"only before the start", "{[-2:00,-1:00)}", "00:00"},
		{"ends where the promise starts", "{[-2:00,0:00)}", "00:00"},
	} {
		coverage := strings.NewReplacer("-1:00", "2026-08-31 23:00Z", "-2:00", "2026-08-31 22:00Z", "0:00", "2026-09-01 00:00Z",
			"1:00", "2026-09-01 01:00Z", "2:00", "2026-09-01 02:00Z", "3:00", "2026-09-01 03:00Z", "4:00", "2026-09-01 04:00Z").Replace(c.coverage)
		got := lines(t, conn, `select to_char(logferry.watermark('2026-09-01Z', $1::text::tstzmultirange) at time zone 'UTC', 'HH24:MI')`, coverage)
		if got[0] != c.want {
			t.Errorf("%s: %s, want %s", c.name, got[0], c.want)
		}
	}
	if got := lines(t, conn, `select logferry.watermark('2026-09-01Z', null) = '2026-09-01Z'`); got[0] != "true" {
		t.Errorf("no coverage at all: %v", got)
	}
}

const partitions = `select c.oid::regclass::text || ' ' || pg_get_expr(relpartbound, c.oid)
	from pg_class c where relispartition and relkind = 'r' order by 1`

func TestEnsurePartitionsIgnoresTheSession(t *testing.T) {
	conn := migrated(t)
	run(t, conn, `set timezone = 'Asia/Kathmandu'; set datestyle = 'SQL, DMY'`)
	if got := lines(t, conn, `select logferry.ensure_partitions('2026-11-30 23:59:59.999999Z', '2027-01-01Z')`); got[0] != "6" {
		t.Errorf("made %v, want 6", got)
	}
	run(t, conn, `set timezone = 'UTC'; set datestyle = 'ISO'`)
	months := map[string]string{
		"y2026m11": "FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')",
		"y2026m12": "FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
	}
	var want []string
	for _, table := range []string{"logferry.requests_", "logferry_private.payloads_", "logferry_private.raw_logs_"} {
		for _, month := range []string{"y2026m11", "y2026m12"} {
			want = append(want, table+month+" "+months[month])
		}
	}
	if diff := cmp.Diff(want, lines(t, conn, partitions)); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	if got := lines(t, conn, `select logferry.ensure_partitions('2026-11-15Z', '2026-12-15Z')`); got[0] != "0" {
		t.Errorf("made %v again", got)
	}
	if got := lines(t, conn, `select logferry.ensure_partitions('2028-01-01Z', '2028-01-01Z')`); got[0] != "0" {
		t.Errorf("made %v for an empty span", got)
	}
	keys := lines(t, conn, `select indexdef from pg_indexes where tablename = 'requests_y2026m11' order by indexname`)
	if len(keys) != 2 || !strings.Contains(keys[0], "brin") || !strings.Contains(keys[1], "UNIQUE") {
		t.Errorf("indexes of a partition: %q", keys)
	}
	if got := lines(t, conn, `select conname from pg_constraint where conname = 'bounds'`); len(got) > 0 {
		t.Errorf("%d helper constraints were left", len(got))
	}
	for _, bad := range []string{`'-infinity', '2026-01-01Z'`, `'2026-01-01Z', 'infinity'`, `null, '2026-01-01Z'`} {
		if _, err := conn.Exec(t.Context(), `select logferry.ensure_partitions(`+bad+`)`); err == nil {
			t.Errorf("ensure_partitions(%s) succeeded", bad)
		}
	}
}

func TestEnsurePartitionsConcurrently(t *testing.T) {
	url := pgtest.New(t, Up)
	var conns []*pgx.Conn
	for range 6 {
		conns = append(conns, connect(t, url))
	}
	var all sync.WaitGroup
	for i, conn := range conns {
		all.Go(func() {
			months := []string{`'2026-01-15Z', '2026-05-01Z'`, `'2026-03-15Z', '2026-07-01Z'`}
			if _, err := conn.Exec(t.Context(), `select logferry.ensure_partitions(`+months[i%2]+`)`); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(lines(t, conns[0], partitions)); got != 6*3 {
		t.Errorf("%d partitions, want 18", got)
	}
}

func TestRawJSON(t *testing.T) {
	conn := migrated(t)
	for _, c := range []struct{ name, raw, want string }{
		{"as it is", `{"a": [1, "é😀"]}`, `{"a": [1, "é😀"]}`},
		{"a NUL escape", `{"a": "x\u0000y"}`, `{"a": "x�y"}`},
		{"an escaped backslash before u0000", `{"a": "\\u0000"}`, `{"a": "\\u0000"}`},
		{"both", `{"a": "\\\u0000"}`, `{"a": "\\�"}`},
		{"a NUL escape in a key", `{"\u0000": 1}`, `{"�": 1}`},
		{"a lone high surrogate", `"\ud83d!"`, `"�!"`},
		{"a lone low surrogate", `"\uDE00!"`, `"�!"`},
		{"two high ones, then a low one", `"\ud83d\ud83d\ude00"`, `"�😀"`},
		{"a pair, then a low one", `"\ud83d\ude00\ude00"`, `"😀�"`},
		{"a low one before a high one", `"\ude00\ud83d"`, `"��"`},
		{"an escaped backslash between", `"\ud83d\\ude00"`, `"�\\ude00"`},
		{"bytes that are no UTF-8", "\"a\xffé\xe2\x82\"", `"a�é��"`},
		{"an encoded surrogate", "\"\xed\xa0\x80\"", `"���"`},
		{"overlong and too high", "\"\xc0\xaf\xf4\x90\x80\x80\"", `"������"`},
		{"a NUL byte", "\"a\x00b\"", `"a�b"`},
		{"all of it", "{\"a\": \"\xff\\u0000\\ud800\x00\"}", `{"a": "����"}`},
		{"no JSON", `<html>"`, `"<html>\""`},
		{"no JSON, with a NUL escape", `x\u0000`, `"x\\u0000"`},
		{"nothing", ``, `""`},
		{"no JSON and no UTF-8", "\xff\xfe", `"��"`},
		{"a bare control character", "\"\x01\\u0000\"", `"\"\u0001\\u0000\""`},
		{"a number beyond numeric", `1e400000`, `"1e400000"`},
	} {
		got := lines(t, conn, `select logferry_private.raw_json($1)::text`, []byte(c.raw))
		if got[0] != c.want {
			t.Errorf("%s: %s, want %s", c.name, got[0], c.want)
		}
	}
	deep := lines(t, conn, `select jsonb_typeof(logferry_private.raw_json($1))`, []byte(strings.Repeat("[", 100_000)))
	if deep[0] != "string" {
		t.Errorf("nested too deeply: %v", deep)
	}
}

func TestRawJSONNeverFails(t *testing.T) {
	conn := migrated(t)
	pieces := []string{`"`, `\`, `\\`, `\u`, `\u0000`, `\ud800`, `\udc00`, `\uD83D\uDE00`, `{`, `}`, `[`, `]`, `:`, `,`, `1e9`, `null`,
		"\x00", "\x01", "\xff", "\xc3", "\xa9", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80", "é", "\n", "a"}
	rapid.Check(t, func(rt *rapid.T) {
		inner := strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(rt, "pieces"), "")
		if rapid.Bool().Draw(rt, "quoted") {
			inner = `"` + inner + `"`
		}
		raw := append([]byte(inner), rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(rt, "bytes")...)
		var got *string
		if err := conn.QueryRow(t.Context(), `select logferry_private.raw_json($1)::text`, raw).Scan(&got); err != nil {
			rt.Fatalf("%q: %v", raw, err)
		}
		if got == nil {
			rt.Fatalf("%q: null", raw)
		}
		// Go reads NUL escapes and lone surrogates without complaint, so what it
		// accepts must have come as a document, not as a string of its text.
		var read any
		if utf8.Valid(raw) && json.Unmarshal(raw, &read) == nil {
			var rendered any
			if err := json.Unmarshal([]byte(*got), &rendered); err != nil {
				rt.Fatal(err)
			}
			if want := withoutNUL(read); !cmp.Equal(want, rendered) {
				rt.Fatalf("%q: %v, want %v", raw, rendered, want)
			}
		}
	})
}

func withoutNUL(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case []any:
		for i := range v {
			v[i] = withoutNUL(v[i])
		}
	case map[string]any:
		clean := make(map[string]any)
		for key, value := range v {
			clean[withoutNUL(key).(string)] = withoutNUL(value)
		}
		return clean
	}
	return v
}
