package ferry_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// A case can be looked at, tried again once the rules can read it, and
// discarded; a discarded case stays closed when its document is met again.
func TestQuarantineCases(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 200, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	at := now.Add(-5 * time.Hour).UTC().Truncate(time.Millisecond)
	prod.Insert(
		emulator.Log{ID: "a", At: at, Doc: []byte(`{"id":"no-time","created_at":"yesterday","success":true}`)},
		emulator.Log{ID: "b", At: at, Doc: []byte(`{"created_at":"` + at.Format(time.RFC3339Nano) + `","success":true}`)},
	)
	w.sync(ferry.ExitOK)
	f := w.ferry()
	cases, err := f.Quarantine(ctx, "", false)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases (%v), want 2", len(cases), err)
	}
	_, raw, err := f.QuarantineShow(ctx, cases[0].ID)
	if err != nil || len(raw) == 0 {
		t.Errorf("show: %d bytes, %v", len(raw), err)
	}
	if _, _, err := f.QuarantineShow(ctx, 999); ferry.ExitCode(err) != ferry.ExitUsage {
		t.Errorf("an unknown case: %v", err)
	}
	done, err := f.QuarantineReplay(ctx, nil)
	if err != nil || done.Still != 2 || done.Stored+done.Held+len(done.Closed) > 0 {
		t.Fatalf("replaying what still can't be read: %+v, %v", done, err)
	}

	// What a later version can read: the bytes are mended in place.
	var noTime, noID ferry.QuarantineCase
	for _, c := range cases {
		if strings.Contains(c.Code, "created_at") {
			noTime = c
		} else {
			noID = c
		}
	}
	w.exec(`update logferry_private.quarantine set raw = $2 where quarantine_id = $1`, noTime.ID,
		[]byte(`{"id":"no-time","created_at":"`+at.Format(time.RFC3339Nano)+`","success":true}`))
	done, err = f.QuarantineReplay(ctx, []int64{noTime.ID})
	if err != nil || done.Stored != 1 || done.Still+done.Held+len(done.Closed) > 0 {
		t.Fatalf("replay: %+v, %v", done, err)
	}
	if n := query[int](w, `select count(*) from logferry.requests where log_id = 'no-time'`); n != 1 {
		t.Errorf("%d rows of the replayed log, want 1", n)
	}
	if _, _, err := f.QuarantineDiscard(ctx, []int64{noID.ID, 998, 999}); ferry.ExitCode(err) != ferry.ExitUsage || !strings.Contains(err.Error(), "no cases 998, 999:") {
		t.Errorf("discarding unknown cases: %v", err)
	}
	if n, closed, err := f.QuarantineDiscard(ctx, []int64{noID.ID, noTime.ID}); err != nil || n != 1 || !slices.Equal(closed, []int64{noTime.ID}) {
		t.Errorf("discarded %d, %v were closed, %v", n, closed, err)
	}
	if done, err := f.QuarantineReplay(ctx, []int64{noID.ID}); err != nil || !slices.Equal(done.Closed, []int64{noID.ID}) {
		t.Errorf("replaying a closed case: %+v, %v", done, err)
	}
	if _, err := f.QuarantineReplay(ctx, []int64{999}); ferry.ExitCode(err) != ferry.ExitUsage {
		t.Errorf("replaying an unknown case: %v", err)
	}
	if _, err := f.Quarantine(ctx, "cloudflare/nope", true); ferry.ExitCode(err) != ferry.ExitUsage {
		t.Errorf("cases of an unknown stream: %v", err)
	}
	w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-21 * time.Hour), Force: true})
	open, err := f.Quarantine(ctx, "", false)
	if err != nil || len(open) != 0 && open[0].ID == noID.ID {
		t.Errorf("a discarded case is open again: %+v, %v", open, err)
	}
	all, err := f.Quarantine(ctx, prod.Name(), true)
	if err != nil || len(all) != 2 {
		t.Errorf("%d cases in all, want 2 (%v)", len(all), err)
	}
	w.invariants()
}

// Cases that turn out to be of one log are replayed from the one that was met
// last, which alone becomes the row.
func TestReplayBeginsWithTheNewestCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	prod.Insert(cloudflareLogs(1, 20, now.Add(-20*time.Hour), now.Add(-2*time.Hour))...)
	at := now.Add(-5 * time.Hour).UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	for _, id := range []string{"x", "y"} {
		prod.Insert(emulator.Log{ID: id, At: now.Add(-5 * time.Hour), Doc: []byte(`{"created_at":"` + at + `","path":"` + id + `"}`)})
	}
	w.sync(ferry.ExitOK)
	f := w.ferry()
	cases, err := f.Quarantine(t.Context(), "", false)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for i, tokens := range []string{"1", "2"} { // a later version reads one id out of both
		w.exec(`update logferry_private.quarantine set raw = $2, last_seen_at = last_seen_at + $3 * interval '1 ms' where quarantine_id = $1`,
			cases[i].ID, []byte(`{"id":"one","created_at":"`+at+`","tokens_in":`+tokens+`}`), i)
	}
	if done, err := f.QuarantineReplay(t.Context(), nil); err != nil || !reflect.DeepEqual(done, ferry.Replayed{Stored: 1, Superseded: 1}) {
		t.Errorf("replay: %+v, %v; want one stored and one superseded", done, err)
	}
	if got := query[int](w, `select input_tokens from logferry.requests where log_id = 'one'`); got != 2 {
		t.Errorf("the row has %d tokens, want those that the source said last: 2", got)
	}
}

// What a case was kept without is neither guessed nor stored as if it was what the
// source says: the row tells, and the next reading of its time mends it.
func TestReplayOfACaseKeptInPart(t *testing.T) {
	t.Parallel()
	for _, payloads := range []bool{false, true} {
		t.Run(fmt.Sprintf("payloads %t", payloads), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			now := time.Now()
			set := w.dataset("ds1")
			set.Insert(keywordsLogs(1, 20, now.Add(-20*time.Hour), now.Add(-2*time.Hour), "ds1", "created_at")...)
			at := now.Add(-5 * time.Hour).UTC().Truncate(time.Millisecond)
			said, dated := []byte("yesterday"), []byte(at.Format(time.RFC3339Nano))
			set.Insert(emulator.Log{ID: "kept", At: at, Doc: []byte(
				`{"id":"kept","dataset_id":"ds1","created_at":"yesterday","usage":{"prompt_tokens":"12"},"input":"hello"}`)})
			w.sync(ferry.ExitOK)
			w.exec(`update logferry_private.quarantine set raw = convert_to(replace(convert_from(raw, 'UTF8'), $1, $2), 'UTF8')`, string(said), string(dated))
			row := func() string {
				return query[string](w, `
					select concat_ws(' ', coalesce(input_tokens::text, '-'), array_to_string(array_remove(load_issues, 'no_model'), ','),
					       (select count(*) from logferry_private.raw_logs where log_id = 'kept'), (select count(*) from logferry_private.payloads where log_id = 'kept'))
					  from logferry.requests where log_id = 'kept'`)
			}
			w.cfg.Payloads = payloads
			done, err := w.ferry().QuarantineReplay(t.Context(), nil)
			if err != nil || done.Stored != 1 {
				t.Fatalf("replay: %+v, %v", done, err)
			}
			if got := row(); got != "- value_withheld 0 0" {
				t.Errorf("tokens, issues, raw documents, payloads: %s", got)
			}
			set.Edit("kept", func(doc []byte) []byte { return bytes.Replace(doc, said, dated, 1) })
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-21 * time.Hour), Force: true})
			want := "12 type_coerced 1 0"
			if payloads {
				want = "12 type_coerced 1 1"
			}
			if got := row(); got != want {
				t.Errorf("once it was read: %s; want %s", got, want)
			}
		})
	}
}

// Of a log that is no JSON only the window is known that it lies in. A span that
// begins amid that window is counted from where the window begins, and what else
// differs there is told, and mended.
func TestVerifyAmidAWindowWithABrokenLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	now := time.Now()
	prod := w.gateway("prod")
	logs := cloudflareLogs(1, 300, now.Add(-9*day), now.Add(-time.Hour))
	prod.Insert(logs...)
	broken := logs[200]
	prod.Edit(broken.ID, breaks)
	w.sync(ferry.ExitOK)
	states := func(code int, repair bool) (said []string) {
		t.Helper()
		f := w.ferry()
		defer f.Close()
		report, err := f.Verify(t.Context(), ferry.VerifyOptions{From: broken.At.Add(-day), Repair: repair})
		w.exits(code, err)
		for _, sp := range report.Spans {
			said = append(said, sp.State)
		}
		return said
	}
	equal := func(said []string) bool {
		return !slices.ContainsFunc(said, func(state string) bool { return state != ferry.SpanEqual })
	}
	if said := states(ferry.ExitOK, false); !equal(said) {
		t.Errorf("counted around a broken log: %q", said)
	}
	prod.Insert(cloudflareLogs(2, 2, broken.At.Add(-time.Hour), broken.At.Add(time.Hour))...)
	if said := states(ferry.ExitData, false); !slices.Contains(said, ferry.SpanDifferent) {
		t.Errorf("two logs more came late: %q", said)
	}
	states(ferry.ExitOK, true)
	if said := states(ferry.ExitOK, false); !equal(said) {
		t.Errorf("read again: %q", said)
	}
}

// breaks makes of a document one that is no JSON, and mends it again.
func breaks(doc []byte) []byte {
	broken := []byte(`{"cost":NaN,`)
	if rest, is := bytes.CutPrefix(doc, broken); is {
		return append([]byte("{"), rest...)
	}
	return append(broken, doc[1:]...)
}
