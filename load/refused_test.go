package load

import (
	"fmt"
	"strings"
	"testing"

	"logferry/transform"
)

// A record that transform would never let through: Postgres refuses one of its
// values. Its row is cornered and put into quarantine, the others are loaded.
func TestD12RefusedValueIsCornered(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, test := range map[string]struct {
		spoil func(*transform.Record)
		state string
	}{
		"NUL in a text":          {func(r *transform.Record) { r.UserID = canary + "\x00" }, "22021"},
		"invalid UTF-8":          {func(r *transform.Record) { r.TraceID = canary + "\xff" }, "22021"},
		"NUL in the model":       {func(r *transform.Record) { r.Model.ModelRaw = canary + "\x00" }, "22021"},
		"NUL in the path":        {func(r *transform.Record) { r.Endpoint.URLPath = canary + "\x00" }, "22021"},
		"NUL in the id":          {func(r *transform.Record) { r.LogID = canary + "\x00" }, "22021"},
		"broken metadata":        {func(r *transform.Record) { r.Metadata = []byte(`{"a":"` + canary + `}`) }, "22P02"},
		"NUL in metadata":        {func(r *transform.Record) { r.Metadata = []byte(`{"a":"` + canary + `\u0000"}`) }, "22P05"},
		"a cost beyond numeric":  {func(r *transform.Record) { r.CostUSD = "123456789.5" }, "22003"},
		"a cost that is no cost": {func(r *transform.Record) { r.CostUSD = canary }, "57014"},
		"metadata nested deep": {func(r *transform.Record) {
			r.Metadata = []byte(`{"a":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`)
		}, "54001"},
		"an id beyond the index": {func(r *transform.Record) { r.LogID = incompressible(9000) }, "54000"},
	} {
		t.Run(name, func(t *testing.T) {
			f := feedOn(t, s, t.Name())
			f.cover(0, 100) // so that new ids are looked up too
			for _, changed := range []bool{false, true} {
				var entries []Entry
				for n := range 9 {
					e := entry(fmt.Sprint("log ", n), minute(n), fmt.Sprintf(`"tokens_in":1,"success":%t`, changed))
					if n == 5 {
						e.Record.Raw = []byte(`{"id":"` + canary + `"}`)
						test.spoil(e.Record)
						e.Record.Hash[0]++
					}
					entries = append(entries, e)
				}
				w := f.begin(f.claim(0, 100))
				f.write(w, entries...)
				f.finish(w, attested)
				if w.Quarantined != 1 {
					t.Errorf("counts %+v, want one in quarantine", w.Counts)
				}
			}
			if got := count(t, s, `select count(*) from logferry.requests where stream_id = $1::integer and outcome = 'success'`, f.stream.ID); got != 8 {
				t.Errorf("%d of the other 8 rows are there, as read last", got)
			}
			got := f.one(`select concat_ws('; ', count(*), min(reason_code), min(reason_detail), min(convert_from(raw, 'UTF8')), min(seen_count))
				from logferry_private.quarantine where stream_id = $1::integer`, f.stream.ID)
			want := `1; value_out_of_range; Postgres refused a value (SQLSTATE ` + test.state + `); {"id":"` + canary + `"}; 2`
			if got != want {
				t.Errorf("in quarantine: %s\nwant %s", got, want)
			}
		})
	}
}

// incompressible is text that no compression makes fit.
func incompressible(n int) string {
	var b strings.Builder
	for i := uint32(1); b.Len() < n; i++ {
		fmt.Fprintf(&b, "%08x", i*2654435761)
	}
	return b.String()[:n]
}

// When nothing can be made of an error it says what failed, and no content.
func TestErrorOfAChunkShowsNoContent(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	e := entry("a", minute(1), "")
	e.Record.Outcome = canary // refused by a check, which is no value's fault
	w := f.begin(f.claim(0, 10))
	err := w.Write(t.Context(), []Entry{e, entry("b", minute(2), "")})
	if err == nil || !strings.Contains(err.Error(), "write a chunk") || !strings.Contains(err.Error(), "requests_outcome_check") {
		t.Errorf("%v, want an error that names the check", err)
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("shows content: %v", err)
	}
	if n := count(t, f.Store, `select count(*) from logferry.requests`); n != 0 {
		t.Errorf("%d rows of the chunk are there", n)
	}
}

const unreadable = `{"id":"a","created_at":"never"}`

// openCases are the unresolved cases in quarantine.
func (f *feed) openCases() int {
	f.t.Helper()
	return count(f.t, f.Store, `select count(*) from logferry_private.quarantine where stream_id = $1::integer and resolved_at is null`, f.stream.ID)
}

// A case ends when its log can be read: as a new row, a changed one, or as what
// was stored before the document broke; and it begins again when it breaks again.
func TestQuarantineIsSuperseded(t *testing.T) {
	t.Parallel()
	good, edited, bad := entry("a", minute(1), ""), entry("a", minute(1), `"tokens_in":1`), decoded([]byte(unreadable), false)
	s := open(t)
	for name, steps := range map[string][]struct {
		entry Entry
		open  int
	}{
		"new":           {{bad, 1}, {good, 0}},
		"changed":       {{good, 0}, {bad, 1}, {edited, 0}},
		"as before":     {{good, 0}, {bad, 1}, {good, 0}, {good, 0}},
		"broken again":  {{bad, 1}, {good, 0}, {bad, 1}},
		"still broken":  {{bad, 1}, {bad, 1}},
		"another's log": {{bad, 1}, {entry("b", minute(1), ""), 1}},
	} {
		t.Run(name, func(t *testing.T) {
			inWindows, inWalks := feedOn(t, s, name+" by windows"), feedOn(t, s, name+" by walks")
			w := inWalks.begin(inWalks.claim(0, 10))
			for i, step := range steps {
				inWindows.read(0, 10, step.entry)
				inWalks.write(w, step.entry)
				if a, b := inWindows.openCases(), inWalks.openCases(); a != step.open || b != step.open {
					t.Errorf("step %d: open cases %d by windows and %d by walks, want %d", i, a, b, step.open)
				}
			}
			inWalks.finish(w, attested)
		})
	}
}

// A stored log whose document can't be read any more is still listed: its row
// stays as last read, and it is one log, not two.
func TestUnreadableIsNotMissing(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.read(0, 10, entry("a", minute(1), ""), entry("b", minute(2), ""))
	w := f.begin(f.claim(0, 10))
	f.write(w, entry("b", minute(2), ""), decoded([]byte(unreadable), false))
	if n := w.Unseen(); n != 0 {
		t.Errorf("%d stored logs were not met, want none", n)
	}
	f.finish(w, attested)
	if n := count(t, f.Store, `select count(*) from logferry.requests where missing_upstream_at is not null`); n != 0 {
		t.Errorf("%d rows are marked as missing", n)
	}
	stored, err := f.Stored(t.Context(), f.stream.ID, Range{Low: minute(0), Top: minute(10)})
	if err != nil || stored != 2 {
		t.Errorf("stored %d, %v; the source counts 2", stored, err)
	}
	if held, err := f.Held(t.Context(), f.stream.ID); err != nil || held != 2 {
		t.Errorf("held %d, %v; the source counts 2", held, err)
	}
}
