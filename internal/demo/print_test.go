package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logferry/ferry"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &printer{to: &out}
	p.table([][]string{{"team", "usd"}, {"é", "1.50"}, {"billing", "12.25"}})
	p.table([][]string{{"team", "usd"}})
	want := "  team       usd\n  é         1.50\n  billing  12.25\n  (no rows)\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	a := account{budget: ferry.Budget{Requests: 1000, Per: 5 * time.Minute}}
	for requests, want := range map[int]string{0: "none", 1000: "none", 1001: "5m", 2000: "5m", 20_000: "1h35m"} {
		if got := spoken(a.wait(requests)); got != want {
			t.Errorf("%d requests wait %q, want %q", requests, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 8819: "8,819", 1000000: "1,000,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is spelt %s, want %s", n, got, want)
		}
	}
}
