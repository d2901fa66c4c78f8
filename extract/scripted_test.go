package extract

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
)

const ms = time.Millisecond

// at is an instant of the tests' day, so many milliseconds in.
func at(n int) time.Time {
	return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * ms)
}

// span is the window [at(from), at(to)).
func span(from, to int) Window { return Window{at(from), at(to)} }

// doc is an entry as the tests' sources list it.
func doc(id string, when time.Time) []byte {
	text, err := json.Marshal(map[string]string{"id": id, "created_at": when.Format(time.RFC3339Nano)})
	if err != nil {
		panic(err)
	}
	return text
}

// identify reads a doc.
func identify(doc []byte, field string) Mark {
	var members map[string]string
	if err := json.Unmarshal(doc, &members); err != nil {
		return Mark{}
	}
	when, _ := time.Parse(time.RFC3339Nano, members[field])
	return Mark{ID: members["id"], At: when}
}

// A scripted API is a function of the ask and its ordinal, from 1.
type scripted struct {
	answer func(n int, ask Ask) (Answer, error)
	delay  func(ask Ask) time.Duration // before it answers; nil: none

	dialects []Dialect

	mu             sync.Mutex
	asks           []Ask
	inFlight, most int
}

func (s *scripted) Streams(context.Context) ([]Stream, error) { return nil, nil }

func (s *scripted) Dialects() []Dialect { return slices.Clone(s.dialects) }

// Page ends with its context, as real requests do; it counts all the same.
func (s *scripted) Page(ctx context.Context, ask Ask) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	s.mu.Lock()
	s.asks = append(s.asks, ask)
	n := len(s.asks)
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
	}()
	if s.delay != nil {
		select {
		case <-time.After(s.delay(ask)):
		case <-ctx.Done():
			return Answer{Requests: 1}, ctx.Err()
		}
	}
	a, err := s.answer(n, ask)
	a.Requests = 1
	return a, err
}

// pagesAsked are the page numbers of the asks, in order.
func (s *scripted) pagesAsked() []int {
	var list []int
	for _, ask := range s.asks {
		list = append(list, ask.Page)
	}
	return list
}

var (
	errNoPage   = &Error{Kind: NoPage, Op: "list logs", Status: 404}
	errTooLarge = &Error{Kind: TooLarge, Op: "list logs", Err: ErrTooLarge}
	errConfig   = &Error{Kind: Config, Op: "list logs", Status: 400}
	errDown     = &Error{Kind: Unavailable, Op: "list logs", Status: 503}
)

// A step is one answer of a script.
type step struct {
	Answer
	err error
}

// page is an answer with a total, listing ids at at(5).
func page(total int64, ids ...string) step {
	a := Answer{Total: total, Bytes: 1000}
	for _, id := range ids {
		a.Docs = append(a.Docs, doc(id, at(5)))
	}
	return step{Answer: a}
}

func fails(err error) step { return step{err: err} }

// many are n ids with a prefix.
func many(prefix string, n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%d", prefix, i))
	}
	return ids
}

// answers replies with one step after another, and fails the test beyond them.
func answers(t *testing.T, steps ...step) *scripted {
	return &scripted{answer: func(n int, ask Ask) (Answer, error) {
		if n > len(steps) {
			t.Errorf("request %d was not expected: page %d of %d rows", n, ask.Page, ask.Size)
			return Answer{}, errNoPage
		}
		return steps[n-1].Answer, steps[n-1].err
	}}
}

// feedOf reads an API by pages of the size, one at a time, at ticks of 1 ms.
func feedOf(api API, size int) *Feed {
	return &Feed{
		API: api, Container: "c", Name: "test/c", Ahead: 1, Memory: semaphore.NewWeighted(MaxInFlight),
		Dialect: Dialect{Filter: "f", TimeField: "created_at", Tick: ms, PageSize: size, Sorted: true, HasTotal: true},
	}
}

// walkOnce walks once, counts every entry, and returns those to be loaded.
func walkOnce(ctx context.Context, r *Reading) (load []string, err error) {
	for page, err := range r.Walk(ctx) {
		if err != nil {
			return load, err
		}
		for i, doc := range page.Docs {
			m := Mark{}
			if doc != nil {
				m = identify(doc, "created_at")
			}
			if page.Count(i, m) {
				load = append(load, nameOf(doc, m))
			}
		}
	}
	return load, nil
}

// nameOf is how the tests call an entry: its id, or its bytes.
func nameOf(doc []byte, m Mark) string {
	switch {
	case doc == nil:
		return "(too large)"
	case m.ID == "":
		return string(doc)
	}
	return m.ID
}

// readAll walks until the verdict is not Again, and returns all entries to be
// loaded, each once.
func readAll(t testing.TB, r *Reading) (Verdict, []string) {
	t.Helper()
	var load []string
	for {
		one, err := walkOnce(context.Background(), r)
		if err != nil {
			t.Fatalf("walk %d: %v", r.Walks, err)
		}
		load = distinct(append(load, one...))
		if v := r.Verdict(); v != Again {
			return v, load
		}
	}
}

// distinct are the ids, each once, sorted.
func distinct(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// allFree fails the test unless no memory is held.
func allFree(t testing.TB, f *Feed) {
	t.Helper()
	if !f.Memory.TryAcquire(MaxInFlight) {
		t.Error("memory for documents is still held")
		return
	}
	f.Memory.Release(MaxInFlight)
}

func (v Verdict) String() string {
	return [...]string{"none", "Again", "Attested", "Halve", "Mismatch", "Foreign"}[v]
}

func joined(ids []string) string { return strings.Join(ids, " ") }
