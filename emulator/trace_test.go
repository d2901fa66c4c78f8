package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/emulator"
)

const traceLines = "TIMESTAMP,ContextTokens,GeneratedTokens\n"

func TestReadTrace(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(traceLines, "\n", "\r\n") +
		"2023-11-16 18:17:04.0319689,3180,8\r\n2023-11-16 18:17:03.9799600,4808,0\r\n"
	calls, err := emulator.ReadTrace(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	again, err := emulator.ReadTrace(strings.NewReader(text))
	if err != nil || !cmp.Equal(calls, again) {
		t.Errorf("a second reading made other calls: %v", err)
	}
	if want := time.Date(2023, 11, 16, 18, 17, 3, 979960000, time.UTC); len(calls) != 2 || !calls[0].At.Equal(want) {
		t.Fatalf("%d calls, the first at %s", len(calls), calls[0].At)
	}
	if want := time.Date(2023, 11, 16, 18, 17, 4, 31968000, time.UTC); !calls[1].At.Equal(want) {
		t.Errorf("not cut to microseconds: %s", calls[1].At)
	}
}

func TestReadTraceKeepsTokens(t *testing.T) {
	var rows strings.Builder
	rows.WriteString(traceLines)
	for range 500 {
		rows.WriteString("2023-11-16 18:17:03.9799600,4808,10\n")
	}
	calls, err := emulator.ReadTrace(strings.NewReader(rows.String()))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range calls {
		if c.InputTokens == nil || *c.InputTokens != 4808 || c.OutputTokens == nil || *c.OutputTokens != 10 {
			t.Fatalf("call %d lost its tokens", i)
		}
	}
}

func TestReadTraceErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":          {"", "trace: the file is empty; its first line must be TIMESTAMP,ContextTokens,GeneratedTokens"},
		"only a header":  {traceLines, "trace: no request after the header line"},
		"other columns":  {"a,b,c\n", "trace: line 1: the columns are a,b,c; they must be TIMESTAMP,ContextTokens,GeneratedTokens"},
		"two columns":    {traceLines + "2023-11-16 18:17:03,1\n", "trace: line 2, column 1: wrong number of fields"},
		"a bad time":     {traceLines + "2023-11-16 18:17:03,1,1\nsoon,1,1\n", `trace: line 3, column 1 (TIMESTAMP): "soon" is not a time such as 2023-11-16 18:17:03.9799600`},
		"a bad number":   {traceLines + "2023-11-16 18:17:03,x,1\n", `trace: line 2, column 21 (ContextTokens): "x" is not a whole number from 0`},
		"a negative one": {traceLines + "2023-11-16 18:17:03,1,-1\n", `trace: line 2, column 23 (GeneratedTokens): "-1" is not a whole number from 0`},
		"a huge one":     {traceLines + "2023-11-16 18:17:03,99999999999,1\n", `trace: line 2, column 21 (ContextTokens): "99999999999" is not a whole number from 0`},
		"a bare quote":   {traceLines + "2023-11-16 18:17:03,1\",1\n", `trace: line 2, column 22: bare " in non-quoted-field`},
	} {
		t.Run(name, func(t *testing.T) {
			calls, err := emulator.ReadTrace(strings.NewReader(test.text))
			if err == nil || err.Error() != test.want || calls != nil {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add(traceLines + "2023-11-16 18:17:03.9799600,4808,10\n")
	f.Add(traceLines + "\"2023-11-16 18:17:03\",1,1\n\n")
	f.Add("\ufeff")
	f.Fuzz(func(t *testing.T, text string) {
		calls, err := emulator.ReadTrace(strings.NewReader(text))
		if (err == nil) != (len(calls) > 0) {
			t.Errorf("%d calls and error %v", len(calls), err)
		}
	})
}
