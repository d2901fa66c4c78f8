package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// instant is the database clock of the tests that need none.
var instant = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)

func TestDrawWait(t *testing.T) {
	b := Budget{Requests: 10, Per: 100 * time.Second} // slots of 1 s
	at := func(d time.Duration) *time.Time { u := instant.Add(d); return &u }
	for name, test := range map[string]struct {
		draw draw
		want time.Duration
	}{
		"granted":                      {draw{granted: 1, oldest: at(-50 * time.Second)}, 0},
		"until the oldest slot goes":   {draw{oldest: at(-90 * time.Second)}, 11 * time.Second},
		"at least a slot":              {draw{oldest: at(-101 * time.Second)}, time.Second},
		"nothing counted":              {draw{}, time.Second},
		"blocked":                      {draw{blocked: at(42 * time.Second), oldest: at(-90 * time.Second)}, 42 * time.Second},
		"blocked for less than a slot": {draw{blocked: at(time.Millisecond)}, time.Second},
		"blocked by a mistaken clock":  {draw{blocked: at(48 * time.Hour)}, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			test.draw.at = instant
			if got := test.draw.wait(b); got != test.want {
				t.Errorf("wait %v, want %v", got, test.want)
			}
		})
	}
}

func TestDrawGrantsWhatIsLeft(t *testing.T) {
	s, ctx := open(t), t.Context()
	c, b := NewCredential("keywords_ai", "a key"), Budget{Requests: 10, Per: time.Hour}
	for i, want := range []struct{ ask, get int }{{7, 7}, {0, 0}, {-3, 0}, {7, 3}, {1, 0}} {
		got, wait, err := s.Draw(ctx, c, b, ByPass, want.ask)
		if err != nil || got != want.get {
			t.Fatalf("draw %d of %d: got %d, %v; want %d", i, want.ask, got, err, want.get)
		}
		if (got == 0) != (wait > 0) || wait > maxBlock {
			t.Errorf("draw %d: got %d, wait %v", i, got, wait)
		}
	}
	used, blocked, err := s.BudgetUse(ctx, c, b)
	if err != nil || used != 10 || !blocked.IsZero() {
		t.Errorf("use %d until %v, %v; want 10, not blocked", used, blocked, err)
	}
}

func TestBudgetsDoNotMix(t *testing.T) {
	s, ctx := open(t), t.Context()
	b := Budget{Requests: 3, Per: time.Hour}
	for _, c := range []Credential{
		NewCredential("keywords_ai", "one"), NewCredential("keywords_ai", "two"), NewCredential("cloudflare_ai_gateway", "one"),
	} {
		if got, _, err := s.Draw(ctx, c, b, ByPass, 5); err != nil || got != 3 {
			t.Errorf("got %d, %v; want the whole budget of 3", got, err)
		}
		if err := s.Block(ctx, c, time.Minute); err != nil {
			t.Error(err)
		}
	}
}

func TestBlockHoldsForEveryProcess(t *testing.T) {
	one, ctx := open(t), t.Context()
	two := connect(t, one)
	c, b := NewCredential("keywords_ai", "a key"), Budget{Requests: 10, Per: time.Hour}
	check := func(from, to time.Duration) {
		t.Helper()
		got, wait, err := two.Draw(ctx, c, b, ByPass, 1)
		if err != nil || got != 0 || wait <= from || wait > to {
			t.Errorf("got %d, wait %v, %v; want 0 and a wait in (%v, %v]", got, wait, err, from, to)
		}
	}
	must(t, one.Block(ctx, c, 2*time.Minute))
	check(time.Minute, 2*time.Minute)
	must(t, one.Block(ctx, c, time.Second)) // does not shorten
	check(time.Minute, 2*time.Minute)
	must(t, one.Block(ctx, c, time.Hour)) // is cut
	check(4*time.Minute, 5*time.Minute)
	if _, blocked, err := two.BudgetUse(ctx, c, b); err != nil || time.Until(blocked) < 4*time.Minute {
		t.Errorf("blocked until %v, %v", blocked, err)
	}
	execSQL(t, one, `update logferry.budgets set blocked_until = clock_timestamp()`)
	if got, _, err := two.Draw(ctx, c, b, ByPass, 1); err != nil || got != 1 {
		t.Errorf("after the block: got %d, %v; want 1", got, err)
	}
}

// A slot counts until all of it is older than the budget's length, and is
// removed some time later.
func TestSlotsCountAndGo(t *testing.T) {
	s, ctx := open(t), t.Context()
	c, b := NewCredential("keywords_ai", "a key"), Budget{Requests: 10, Per: 100 * time.Second}
	execSQL(t, s, `
		insert into logferry.budget_slots (credential_hash, slot_at, used)
		select $1::bytea, clock_timestamp() - age, n
		from (values (interval '50 s', 1), ('99.9 s', 2), ('101.1 s', 4), ('201 s', 8)) v (age, n)`, c[:])
	if got, _, err := s.Draw(ctx, c, b, ByPass, 10); err != nil || got != 7 {
		t.Errorf("got %d, %v; want 7, for 3 count", got, err)
	}
	if n := count(t, s, `select count(*) from logferry.budget_slots where used = 8`); n != 0 {
		t.Error("the slot of two lengths ago is still there")
	}
	if n := count(t, s, `select count(*) from logferry.budget_slots`); n != 4 {
		t.Errorf("%d slots, want the three planted and the new one", n)
	}
}

// Processes may count a credential's permits over spans of different lengths: a
// short draw leaves what the long one still counts, and counts a coarse slot of
// the long one until all of it is old.
func TestBudgetsOfTwoLengths(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := NewCredential("keywords_ai", "a key")
	long, short := Budget{Requests: 10, Per: 1000 * time.Second}, Budget{Requests: 10, Per: 100 * time.Second}
	draw := func(b Budget, want, granted int) {
		t.Helper()
		got, _, err := s.Draw(t.Context(), c, b, ByPass, want)
		if err != nil || got != granted {
			t.Errorf("a draw of %d by %s: granted %d, %v; want %d", want, b.Per, got, err, granted)
		}
	}
	aged := func(by string) {
		t.Helper()
		execSQL(t, s, `update logferry.budget_slots set slot_at = slot_at - $1::text::interval`, by)
	}
	draw(long, 6, 6)
	execSQL(t, s, `update logferry.budget_slots set slot_at = clock_timestamp() - interval '105 s'`) // drawn within the ten seconds from then
	draw(short, 10, 4)
	if used, _, err := s.BudgetUse(t.Context(), c, short); err != nil || used != 10 {
		t.Errorf("use %d, %v; want 10", used, err)
	}
	aged("250 s") // over twice the short length
	draw(short, 0, 0)
	draw(long, 10, 0)
	aged("1800 s") // twice the long one
	draw(short, 1, 1)
	if n := count(t, s, `select count(*) from logferry.budget_slots`); n != 1 {
		t.Errorf("%d slots, want the new one alone", n)
	}
}

// Eight workers in two processes draw as fast as they can. No span of the
// budget's length, wherever it begins, holds more permits than the budget; and
// the budget is used.
func TestBudgetIsNeverExceeded(t *testing.T) {
	seed, _ := seeded(t)
	one := open(t)
	two := connect(t, one)
	c, b := NewCredential("keywords_ai", "a key"), Budget{Requests: 20, Per: 400 * time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var mu sync.Mutex
	var draws []draw
	var workers sync.WaitGroup
	for i := range 8 {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		s := []*Store{one, two}[i%2]
		workers.Go(func() {
			for ctx.Err() == nil {
				d, err := s.draw(ctx, c, b, ByPass, 1+random.IntN(7))
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				draws = append(draws, d)
				mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(min(d.wait(b), 20*time.Millisecond)):
				}
			}
		})
	}
	workers.Wait()
	slices.SortFunc(draws, func(x, y draw) int { return x.at.Compare(y.at) })
	total, most := 0, 0
	for i, first := range draws {
		total += first.granted
		inSpan := 0
		for _, d := range draws[i:] {
			if d.at.Sub(first.at) < b.Per {
				inSpan += d.granted
			}
		}
		most = max(most, inSpan)
	}
	if most > b.Requests {
		t.Errorf("%d permits in one span of %v, budget %d", most, b.Per, b.Requests)
	}
	if total < 3*b.Requests {
		t.Errorf("only %d permits in 2 s, want at least three budgets of %d", total, b.Requests)
	}
}

// While a pass of the credential runs, everything else keeps to four fifths;
// a minute after the pass's last permit it has the whole budget again.
func TestOthersYieldToAPass(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t)
	c, b := NewCredential("keywords_ai", "yield"), Budget{Requests: 10, Per: time.Hour}
	draw := func(by Drawer, want, granted int) {
		t.Helper()
		got, _, err := s.Draw(ctx, c, b, by, want)
		if err != nil || got != granted {
			t.Fatalf("granted %d (%v), want %d", got, err, granted)
		}
	}
	draw(ByOther, 5, 5)
	draw(ByPass, 1, 1)
	draw(ByOther, 5, 2) // four fifths of ten are eight
	draw(ByOther, 1, 0)
	draw(ByPass, 1, 1)
	execSQL(t, s, `update logferry.budgets set pass_until = clock_timestamp() - interval '1 second'`)
	draw(ByOther, 5, 1)
}
