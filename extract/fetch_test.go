package extract

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// slow lists one row a page, 1 to total, and answers the slower the lower the
// page; it runs in synctest's time.
func slow(total int, bytes func(page int) int64, fail map[int]error) *scripted {
	return &scripted{
		delay: func(ask Ask) time.Duration { return time.Second - time.Duration(ask.Page)*10*ms },
		answer: func(_ int, ask Ask) (Answer, error) {
			a := Answer{Total: int64(total), Bytes: 50}
			if err := fail[ask.Page]; err != nil || ask.Page > total {
				return a, err
			}
			a.Bytes = bytes(ask.Page)
			a.Docs = [][]byte{doc(fmt.Sprint(ask.Page), at(5))}
			return a, nil
		},
	}
}

func small(int) int64 { return 1000 }

func TestPagesAreFetchedSideBySideAndDeliveredInOrder(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			api := slow(20, small, nil)
			f := feedOf(api, 1)
			f.Ahead = ahead
			r := f.Read(span(0, 10))
			load, err := walkOnce(t.Context(), r)
			if err != nil || r.Verdict() != Attested {
				t.Fatalf("%s, %v", r.Verdict(), err)
			}
			for i, id := range load {
				if id != fmt.Sprint(i+1) {
					t.Fatalf("ahead %d: delivered in the order %v", ahead, load)
				}
			}
			if len(load) != 20 || api.most != ahead || r.Requests != 21 || len(api.asks) != 21 {
				t.Errorf("ahead %d: %d rows, %d requests in flight, %d made, %d counted", ahead, len(load), api.most, len(api.asks), r.Requests)
			}
			allFree(t, f)
		})
	}
}

// However a walk ends, it ends once, counts the requests that it began, and
// holds no memory.
func TestEndingsOfAWalk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		fail    map[int]error
		breakAt int           // rows after which the loop breaks off
		cancel  time.Duration // after which the context is cancelled
		rows    int
		want    error
	}{
		{name: "normally", rows: 20},
		{name: "error on the first page", fail: map[int]error{1: errDown}, want: errDown},
		{name: "error on a page fetched ahead", fail: map[int]error{7: errDown, 8: errDown}, rows: 6, want: errDown},
		{name: "error on the page after the last", fail: map[int]error{21: errDown}, rows: 20, want: errDown},
		{name: "400 on the first page", fail: map[int]error{1: errConfig}, want: errConfig},
		{name: "the page after the last refused", fail: map[int]error{21: errNoPage}, rows: 20},
		{name: "a page refused before the last", fail: map[int]error{9: errNoPage}, rows: 19},
		{name: "broken off on the first page", breakAt: 1, rows: 1},
		{name: "broken off on a page fetched ahead", breakAt: 9, rows: 9},
		{name: "broken off on the last", breakAt: 20, rows: 20},
		{name: "cancelled during the first page", cancel: 500 * ms, want: context.Canceled},
		{name: "cancelled with pages in flight", cancel: 2500 * ms, rows: 5, want: context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := slow(20, small, c.fail)
				f := feedOf(api, 1)
				f.Ahead = 4
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.cancel > 0 {
					time.AfterFunc(c.cancel, cancel)
				}
				r := f.Read(span(0, 10))
				rows, ends := 0, 0
				var failed error
				var last time.Time // when the loop had its turn
				for page, err := range r.Walk(ctx) {
					last = time.Now()
					if err != nil {
						failed = err
						ends++
						continue
					}
					if failed != nil {
						t.Error("a page after the error")
					}
					for i, doc := range page.Docs {
						page.Count(i, identify(doc, "created_at"))
						rows++
					}
					if rows == c.breakAt {
						break
					}
				}
				if !errors.Is(failed, c.want) || (c.want != nil) != (ends == 1) || rows != c.rows {
					t.Errorf("%d rows, then %d errors, %v; want %d rows, then %v", rows, ends, failed, c.rows, c.want)
				}
				if wait := time.Since(last); wait > 0 && (c.want != nil || c.breakAt > 0) {
					t.Errorf("waited %s for pages that nobody wants", wait)
				}
				if r.Requests != len(api.asks) {
					t.Errorf("counted %d requests of %d", r.Requests, len(api.asks))
				}
				allFree(t, f)
			})
		})
	}
}

// A loop that panics, and is recovered from by a worker, leaves no memory held.
func TestPanicInTheLoop(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 9} {
		synctest.Test(t, func(t *testing.T) {
			f := feedOf(slow(20, small, nil), 1)
			f.Ahead = 4
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				n := 0
				for page, err := range f.Read(span(0, 10)).Walk(t.Context()) {
					if n++; err != nil || n == at {
						panic("in the loop")
					}
					page.Count(0, identify(page.Docs[0], "created_at"))
				}
			}()
			allFree(t, f)
		})
	}
}

// Documents in flight stay within their memory, however many windows are read
// at once, as long as bodies don't more than double from page to page.
func TestDocumentsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var live, most int64
		add := func(n int64) {
			mu.Lock()
			defer mu.Unlock()
			live += n
			most = max(most, live)
		}
		memory := semaphore.NewWeighted(MaxInFlight)
		var wg sync.WaitGroup
		for i, base := range []int64{8 << 10, 64 << 10, 300 << 10, 1 << 20, 2 << 20, 4 << 20, 4 << 20, 4 << 20} {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			sizes := make([]int64, 41)
			for p := range sizes {
				sizes[p] = base + rng.Int64N(base)
			}
			api := slow(40, func(page int) int64 { return sizes[page] }, nil)
			delay := api.delay
			api.delay = func(ask Ask) time.Duration {
				if ask.Page <= 40 { // in flight from the request on
					add(sizes[ask.Page])
				}
				return delay(ask)
			}
			f := feedOf(api, 1)
			f.Ahead, f.Memory = 8, memory
			wg.Go(func() {
				r := f.Read(span(0, 10))
				n := 0
				for page, err := range r.Walk(t.Context()) {
					if err != nil {
						t.Error(err)
						return
					}
					page.Count(0, identify(page.Docs[0], "created_at"))
					time.Sleep(ms) // what loading takes
					n++
					add(-sizes[n])
				}
				if r.Verdict() != Attested {
					t.Error(r.Verdict())
				}
			})
		}
		wg.Wait()
		if live != 0 || most > MaxInFlight || most < MaxInFlight/3 {
			t.Errorf("at most %d bytes in flight of %d, %d at the end", most, MaxInFlight, live)
		}
		if !memory.TryAcquire(MaxInFlight) {
			t.Error("memory for documents is still held")
		}
	})
}

// A page that is too large is met while others are in flight and memory is
// short: its reading must not wait for room while it holds some.
func TestTooLargePagesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := semaphore.NewWeighted(MaxInFlight)
		var wg sync.WaitGroup
		for range 3 {
			rows := entries(40)
			for i := range rows {
				rows[i].weight = 100 + 200*(i/10%2)
			}
			src := &source{rows: rows, limit: 2000} // every other page of ten is too large
			api := &scripted{
				delay: func(Ask) time.Duration { return 100 * ms },
				answer: func(_ int, ask Ask) (Answer, error) {
					a, err := src.Page(t.Context(), ask)
					a.Bytes = 5 << 20
					return a, err
				},
			}
			f := feedOf(api, 10)
			f.Ahead, f.Memory = 4, memory
			wg.Go(func() {
				r := f.Read(span(0, 100))
				load, err := walkOnce(t.Context(), r)
				if err != nil || r.Verdict() != Attested || !slices.Equal(distinct(load), src.held(span(0, 100))) {
					t.Errorf("%d rows, %v", len(load), err)
				}
			})
		}
		wg.Wait()
		if !memory.TryAcquire(MaxInFlight) {
			t.Error("memory for documents is still held")
		}
	})
}

// Who waits for memory can be cancelled, and asks for nothing then.
func TestCancelledWhileWaitingForMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := slow(5, small, nil)
		f := feedOf(api, 1)
		if !f.Memory.TryAcquire(MaxInFlight) {
			t.Fatal("no memory")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := f.Read(span(0, 10))
		if _, err := r.Begin(ctx); !errors.Is(err, context.DeadlineExceeded) || len(api.asks) != 0 {
			t.Errorf("%v after %d requests", err, len(api.asks))
		}
		f.Memory.Release(MaxInFlight)
		allFree(t, f)
	})
}
