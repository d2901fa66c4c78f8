package load

import "testing"

// The tail is loaded and never covered. It has one ledger row, the latest, with
// the sums of those before it, reaching back over what nothing has covered since.
func TestTail(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	tail := func(from, to int, entries ...Entry) {
		want := f.want(from, to)
		want.Kind = KindTail
		c, err := f.ClaimTail(t.Context(), want)
		f.must(err)
		w := f.begin(c)
		f.write(w, entries...)
		f.finish(w, Outcome{Status: "loaded", Missing: true})
	}
	row := func() string {
		return f.spans(`select window_start, window_end from logferry.windows where stream_id = $1::integer and kind = 'tail' order by 1`) +
			f.one(`select ' ' || sum(inserted_rows) from logferry.windows where kind = 'tail'`)
	}
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() { tail(0, 10, tokens("a", 1, 1), tokens("b", 9, 1)) }, "[0,10) 2"},
		{func() { tail(15, 25, tokens("c", 16, 1)) }, "[0,25) 3"},
		{func() { tail(20, 30) }, "[0,30) 3"},
		{func() { f.read(0, 20, tokens("a", 1, 1), tokens("b", 9, 1), tokens("c", 16, 1)); tail(25, 35) }, "[0,35) 3"},
		{func() { f.read(20, 35); tail(35, 45, tokens("d", 40, 1)) }, "[35,45) 4"},
	} {
		step.do()
		if got := row(); got != step.want {
			t.Errorf("step %d: tail rows %s, want %s", i, got, step.want)
		}
	}
	if got := f.coverage(); got != "[0,35)" {
		t.Errorf("covered %s", got)
	}
	if got := f.one(`select concat_ws(' ', (select count(*) from logferry.requests), (select sum(inserted_rows) from logferry.windows))`); got != "4 4" {
		t.Errorf("rows and the ledger's sum: %s, want 4 and 4", got)
	}
	held := f.hold(f.newRun(), 50, 60)
	if c, err := f.ClaimTail(t.Context(), f.want(45, 55)); err != nil || c != nil {
		t.Errorf("claimed the tail %+v, %v although window %d is read there", c, err, held.ID)
	}
}
