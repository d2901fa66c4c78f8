package ferry_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/extract"
	"logferry/ferry"
)

// A document that is too large to be read counts in its window, which is covered,
// and is in quarantine without its bytes; all others are loaded.
func TestDocumentTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.cfg.Raw = false
	prod := w.gateway("prod")
	now := time.Now()
	logs := cloudflareLogs(1, 60, now.Add(-9*day), now.Add(-time.Hour))
	prod.Insert(logs...)
	large := logs[20]
	prod.Edit(large.ID, func(doc []byte) []byte {
		text, err := json.Marshal(strings.Repeat("much ", extract.MaxBody/5))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Appendf(nil, `{"request":%s,%s`, text, doc[1:])
	})
	if sum := w.sync(ferry.ExitOK); sum.Rejected != 1 || sum.Inserted != 59 || sum.Unfinished != 0 || sum.Doubtful != 0 {
		t.Errorf("%+v", sum)
	}
	if got := query[string](w, `select concat_ws(' ', reason_code, convert_from(raw, 'utf8')) from logferry_private.quarantine where resolved_at is null`); got != fmt.Sprintf(`too_large {"withheld_bytes":%d}`, extract.MaxBody) {
		t.Errorf("in quarantine: %s", got)
	}
	prod.Edit(large.ID, func([]byte) []byte { return large.Doc })
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-31 * day), Force: true})
	w.equal(prod)
	if n := query[int](w, `select count(*) from logferry_private.quarantine where resolved_at is null`); n != 0 {
		t.Errorf("%d cases are still open", n)
	}
}
