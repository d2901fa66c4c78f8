package load

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// horizon is the modelled time: this many milliseconds after instant.
const horizon = 64

// A claimModel says of every millisecond what claims and coverage should be.
type claimModel struct {
	t       *rapid.T
	f       *feed
	runs    []int64
	covered [horizon]bool
	waits   [horizon]bool // last read as a mismatch, whose retry_at has not come
	claims  map[int64]*modelClaim
	mark    int // the watermark
}

type modelClaim struct {
	*Claim
	from, to int
	lapsed   bool // its lease ran out; the next claimer ends it
	ended    bool // somebody did
}

var models atomic.Int64

// Several runs claim, narrow, split, finish and let go at random; after every
// step the database agrees with the model.
func TestClaimsAgainstAModel(t *testing.T) {
	t.Parallel()
	s := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := feedOn(t, s, fmt.Sprint("model ", models.Add(1)))
		m := &claimModel{t: rt, f: f, runs: []int64{f.run, f.newRun(), f.newRun()}, claims: map[int64]*modelClaim{}}
		rt.Repeat(map[string]func(*rapid.T){
			"claim": m.claim, "claim again": m.claim, "finish": m.finish, "narrow": m.narrow, "split": m.split,
			"release": m.release, "lapse": m.lapse, "": m.check,
		})
	})
}

func (m *claimModel) at(ms int) time.Time { return instant.Add(time.Duration(ms) * time.Millisecond) }

func (m *claimModel) must(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

// held says what live claims hold, widened to ticks; own tells the run's.
func (m *claimModel) held(tick int, run int64) (live, own, others [horizon]bool) {
	for _, c := range m.claims {
		for ms := c.from - c.from%tick; !c.ended && ms < min(horizon, (c.to+tick-1)/tick*tick); ms++ {
			live[ms] = true
			own[ms] = own[ms] || c.Run == run
			others[ms] = others[ms] || c.Run != run
		}
	}
	return live, own, others
}

func (m *claimModel) claim(t *rapid.T) {
	from := rapid.IntRange(0, horizon-1).Draw(t, "from")
	to := rapid.IntRange(from+1, horizon).Draw(t, "to")
	tick := rapid.SampledFrom([]int{1, 4}).Draw(t, "tick")
	newest := rapid.SampledFrom([]int{0, 8}).Draw(t, "newest")
	w := Want{
		Stream: m.f.stream.ID, Run: rapid.SampledFrom(m.runs).Draw(t, "run"), Kind: KindSync, Span: Span{m.at(from), m.at(to)},
		Force: rapid.Bool().Draw(t, "force"), Hurry: rapid.Bool().Draw(t, "hurry"), Exact: rapid.Bool().Draw(t, "exact"),
		Newest: time.Duration(newest) * time.Millisecond, Tick: time.Duration(tick) * time.Millisecond, Lease: time.Hour,
	}
	done := rapid.IntRange(0, 10).Draw(t, "done")
	w.Done = []Span{{m.at(from), m.at(from + done)}}
	for _, c := range m.claims {
		c.ended = c.ended || c.lapsed
	}
	live, own, others := m.held(tick, w.Run)
	var gap, wanted [horizon]bool
	wantTurn := Turn{}
	for ms := from; ms < to; ms++ {
		wanted[ms] = (w.Force || !m.covered[ms]) && (w.Hurry || !m.waits[ms]) && ms >= from+done
		gap[ms] = wanted[ms] && !live[ms]
		wantTurn.Others = wantTurn.Others || wanted[ms] && others[ms]
		wantTurn.Ours = wantTurn.Ours || wanted[ms] && own[ms] && !others[ms]
	}
	gotFrom, gotTo := pick(gap, from, to, newest, w.Exact)
	turn, err := m.f.Claim(m.f.t.Context(), w)
	m.must(err)
	if turn.Others != wantTurn.Others || turn.Ours != wantTurn.Ours {
		t.Errorf("others %t, ours %t; want %t, %t", turn.Others, turn.Ours, wantTurn.Others, wantTurn.Ours)
	}
	if (turn.Claim == nil) != (gotFrom == gotTo) {
		t.Fatalf("claimed %+v, want [%d,%d)", turn.Claim, gotFrom, gotTo)
	}
	if turn.Claim == nil {
		return
	}
	c := &modelClaim{Claim: turn.Claim, from: gotFrom - gotFrom%tick, to: (gotTo + tick - 1) / tick * tick}
	m.claims[turn.Claim.ID] = c
	if !c.From.Equal(m.at(c.from)) || !c.To.Equal(m.at(c.to)) {
		t.Fatalf("claimed %s, want [%d,%d)", c.Span, c.from, c.to)
	}
}

// pick is the gap to take: the last one's newest part if it reaches there,
// else the first.
func pick(gap [horizon]bool, from, to, newest int, exact bool) (gotFrom, gotTo int) {
	first := slices.Index(gap[:], true)
	if first < 0 {
		return 0, 0
	}
	gotFrom, gotTo = first, first
	for gotTo < horizon && gap[gotTo] {
		gotTo++
	}
	end := horizon
	for !gap[end-1] {
		end--
	}
	if newest > 0 && end > to-newest {
		gotTo, gotFrom = end, end
		for gotFrom > max(from, to-newest) && gap[gotFrom-1] {
			gotFrom--
		}
	}
	if exact && (gotFrom > from || gotTo < to) {
		return 0, 0
	}
	return gotFrom, gotTo
}

// any is a claim that some process believes to hold; nil when there is none.
func (m *claimModel) any(t *rapid.T) *modelClaim {
	if len(m.claims) == 0 {
		return nil
	}
	return m.claims[rapid.SampledFrom(slices.Sorted(maps.Keys(m.claims))).Draw(t, "claim")]
}

// fenced drops a claim that was used up, and tells whether it was ended before.
func (m *claimModel) fenced(c *modelClaim, err error) (lost bool) {
	if c.ended != errors.Is(err, ErrLost) || !c.ended && err != nil {
		m.t.Fatalf("claim ended %t, but %v", c.ended, err)
	}
	return c.ended
}

func (m *claimModel) finish(t *rapid.T) {
	c := m.any(t)
	if c == nil {
		return
	}
	o := Outcome{Status: rapid.SampledFrom([]string{"attested", "accepted", "mismatch", "failed", "loaded", "expired"}).Draw(t, "status")}
	to := c.to
	if o.covers() {
		to = rapid.IntRange(c.from+1, c.to).Draw(t, "proven to")
		o.To = m.at(to)
	}
	w, err := m.f.Begin(m.f.t.Context(), c.Claim, source, Keep{})
	m.must(err)
	err = w.Finish(m.f.t.Context(), o)
	delete(m.claims, c.ID)
	if m.fenced(c, err) {
		return
	}
	for ms := c.from; ms < min(to, horizon); ms++ {
		m.covered[ms] = m.covered[ms] || o.covers()
		m.waits[ms] = m.waits[ms] || o.Status == "mismatch"
	}
}

func (m *claimModel) narrow(t *rapid.T) {
	c := m.any(t)
	if c == nil {
		return
	}
	to := rapid.IntRange(c.from+1, c.to).Draw(t, "narrowed to")
	if err := m.f.Narrow(m.f.t.Context(), c.Claim, m.at(to)); m.fenced(c, err) {
		delete(m.claims, c.ID)
		return
	}
	c.to, c.lapsed = to, false
}

func (m *claimModel) split(t *rapid.T) {
	c := m.any(t)
	if c == nil || c.to-c.from < 2 {
		return
	}
	at := rapid.IntRange(c.from+1, c.to-1).Draw(t, "split at")
	w, err := m.f.Begin(m.f.t.Context(), c.Claim, source, Keep{})
	m.must(err)
	left, right, err := w.Split(m.f.t.Context(), m.at(at), Outcome{})
	delete(m.claims, c.ID)
	if m.fenced(c, err) {
		return
	}
	m.claims[left.ID] = &modelClaim{Claim: left, from: c.from, to: at}
	m.claims[right.ID] = &modelClaim{Claim: right, from: at, to: c.to}
}

func (m *claimModel) release(t *rapid.T) {
	if c := m.any(t); c != nil {
		m.must(m.f.Release(m.f.t.Context(), []int64{c.ID}, "the model let go"))
		delete(m.claims, c.ID)
	}
}

func (m *claimModel) lapse(t *rapid.T) {
	if c := m.any(t); c != nil && !c.ended {
		m.f.lapse(c.Claim)
		c.lapsed = true
	}
}

// check compares coverage, watermark and live claims, which never overlap.
func (m *claimModel) check(t *rapid.T) {
	if want, got := m.state(), m.stored(); !slices.Equal(want, got) {
		t.Fatalf("the database says %q, the model %q", got, want)
	}
	mark := 0
	for mark < horizon && m.covered[mark] {
		mark++
	}
	if mark < m.mark {
		t.Fatalf("the watermark went back from %d to %d", m.mark, mark)
	}
	m.mark = mark
	var taken [horizon]bool
	for _, c := range m.claims {
		for ms := c.from; !c.ended && ms < c.to; ms++ {
			if taken[ms] {
				t.Fatalf("two live claims hold %d", ms)
			}
			taken[ms] = true
		}
	}
}

// state is the model as stored shows the database.
func (m *claimModel) state() []string {
	lines := []string{}
	for from := 0; from < horizon; from++ {
		to := from
		for to < horizon && m.covered[to] {
			to++
		}
		if to > from {
			lines = append(lines, fmt.Sprintf("covered %d-%d", from, to))
			if from == 0 {
				lines = append(lines, fmt.Sprintf("watermark 0-%d", to))
			}
			from = to
		}
	}
	for id, c := range m.claims {
		if !c.ended {
			lines = append(lines, fmt.Sprintf("claim %d %d-%d", id, c.from, c.to))
		}
	}
	slices.Sort(lines)
	return lines
}

func (m *claimModel) stored() []string {
	rows, err := m.f.pool.Query(m.f.t.Context(), `
		select 'covered', lower(g), upper(g) from logferry.stream_state, unnest(coverage) g where stream_id = $1::integer
		union all
		select 'watermark', starts_at, logferry.watermark(starts_at, coverage) from logferry.stream_state
		 where stream_id = $1::integer and logferry.watermark(starts_at, coverage) > starts_at
		union all
		select 'claim ' || window_id, window_start, window_end from logferry.windows where stream_id = $1::integer and status = 'claimed'`,
		m.f.stream.ID)
	m.must(err)
	lines := []string{}
	var what string
	var from, to time.Time
	_, err = pgx.ForEachRow(rows, []any{&what, &from, &to}, func() error {
		lines = append(lines, fmt.Sprintf("%s %d-%d", what, from.Sub(instant).Milliseconds(), to.Sub(instant).Milliseconds()))
		return nil
	})
	m.must(err)
	slices.Sort(lines)
	return lines
}
