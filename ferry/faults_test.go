package ferry_test

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// mishaps are what may go wrong together without making a whole list and a
// torn one look the same.
var mishaps = []func(*rand.Rand, *emulator.Faults){
	func(_ *rand.Rand, f *emulator.Faults) { f.UnstableTies = true },
	func(_ *rand.Rand, f *emulator.Faults) { f.TotalMoves = true },
	func(_ *rand.Rand, f *emulator.Faults) { f.TotalMissing, f.Withhold = true, nil },
	func(_ *rand.Rand, f *emulator.Faults) { f.NoDate = true },
	func(_ *rand.Rand, f *emulator.Faults) { f.Gzip = true },
	func(r *rand.Rand, f *emulator.Faults) { f.RepeatRows = 1 + r.IntN(5) },
	func(r *rand.Rand, f *emulator.Faults) { f.MaxRows = 10 + r.IntN(60) },
	func(r *rand.Rand, f *emulator.Faults) {
		if !f.TotalMissing { // rows missing from every walk alike can't be told from an end
			f.Withhold = every(2+r.IntN(9), 1+r.IntN(60))
		}
	},
	func(r *rand.Rand, f *emulator.Faults) { f.PageRows = map[int]int{1 + r.IntN(4): 1 + r.IntN(30)} },
	func(r *rand.Rand, f *emulator.Faults) {
		f.Order = []emulator.Order{emulator.Newest, emulator.Oldest, emulator.ByID}[r.IntN(3)]
	},
	func(r *rand.Rand, f *emulator.Faults) {
		f.Fail = emulator.Sometimes(r.Uint64(), 0.03, emulator.ServerError, emulator.Unavailable, emulator.CutBody, emulator.SlowBody, emulator.HungUp, emulator.NotSuccess, emulator.Throttled)
		f.SlowTime = time.Duration(1+r.IntN(100)) * time.Millisecond
		f.RetryHint = []emulator.RetryHint{"", emulator.HintSeconds, emulator.HintDate, emulator.HintBody}[r.IntN(4)]
	},
	func(r *rand.Rand, f *emulator.Faults) {
		f.RateHeaders = []emulator.RateHeaders{emulator.HeadersSwapped, emulator.HeadersListed, emulator.HeadersLegacy, emulator.HeadersNone}[r.IntN(4)]
	},
	func(r *rand.Rand, f *emulator.Faults) { f.Fail = refusedOnce(1 + r.IntN(10)) },
	func(r *rand.Rand, f *emulator.Faults) { f.FillAfter, f.Unfilled = forEver, blankSome(r.Uint64()) },
	func(r *rand.Rand, f *emulator.Faults) {
		f.LowBound = []emulator.Bound{emulator.Strict, emulator.Inclusive}[r.IntN(2)]
		f.TopBound = []emulator.Bound{emulator.Strict, emulator.Inclusive}[r.IntN(2)]
	},
}

// refusedOnce answers the n-th request from now on with 403, as a token that was
// just made gets it now and then: it is asked again some seconds later.
func refusedOnce(n int) func(int, emulator.Request) emulator.Failure {
	var asked atomic.Int64
	return func(int, emulator.Request) emulator.Failure {
		if int(asked.Add(1)) == n {
			return emulator.NotAllowed
		}
		return emulator.None
	}
}

// forEver is how long what is not filled in stays so: until the faults end.
const forEver = 100 * 365 * day

// blankSome serves a quarter of the logs without token counts and cost.
func blankSome(seed uint64) func(doc []byte) []byte {
	return func(doc []byte) []byte {
		if (uint64(crc32.ChecksumIEEE(doc))^seed)%4 > 0 {
			return doc
		}
		return emulator.BlankUsage(doc)
	}
}

// Whatever goes wrong together, a run ends, and what it covers is held as the
// source lists it; once nothing goes wrong any more all of it is.
func TestP09MishapsTogether(t *testing.T) {
	t.Parallel()
	first, _ := seeded(t)
	for i := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", first+i), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(first+i, 0))
			faults := emulator.Faults{Seed: rng.Uint64()}
			for _, n := range rng.Perm(len(mishaps))[:3] {
				mishaps[n](rng, &faults)
			}
			w := newWorld(t, emulator.Options{})
			w.cfg.Raw = false
			prod := w.gateway("prod")
			now := time.Now()
			prod.Insert(cloudflareLogs(rng.Uint64(), 300, now.Add(-9*day), now.Add(-time.Hour))...)
			prod.Insert(tied(rng.Uint64(), 70, now.Add(-5*day).Truncate(time.Millisecond))...)
			prod.SetFaults(faults)
			w.syncAny(ferry.ExitOK, ferry.ExitData)
			w.attestedIsTrue(prod)
			w.syncAny(ferry.ExitOK, ferry.ExitData)
			w.attestedIsTrue(prod)
			prod.SetFaults(emulator.Faults{})
			filled := faults.FillAfter > 0 // where it was read: an edit, which no count shows
			w.backfill(ferry.ExitOK, ferry.BackfillOptions{From: now.Add(-30 * day), Force: filled})
			w.equal(prod)
			if n := len(w.missing(prod)); n > 0 {
				t.Errorf("%d logs are marked as missing, none was deleted", n)
			}
			if t.Failed() {
				faults.OnRequest, faults.Fail, faults.Withhold, faults.Unfilled = nil, nil, nil, nil
				t.Logf("%+v", faults)
			}
		})
	}
}
