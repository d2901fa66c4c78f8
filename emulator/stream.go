package emulator

import (
	"slices"
	"sync"
	"time"
)

// A Log is one entry of a stream.
type Log struct {
	// ID names the log inside the emulator and breaks ties of At. It is
	// normally the id in Doc, but Doc is served as it is: two Logs with one id
	// in their documents are an id listed twice, a document without an id is
	// an entry without an id.
	ID string
	// At is the time that filters and orders compare; normally the one that
	// Doc carries.
	At time.Time
	// Doc are the bytes of the entry as served; they need not be valid JSON.
	// They must not be changed after [Stream.Insert].
	Doc []byte
	// VisibleAt is when the log is first served; zero: at once.
	VisibleAt time.Time
}

// A Stream is one gateway or dataset and its logs. Its methods may be called
// at any time, also from [Faults.OnRequest] in the middle of a walk.
type Stream struct {
	emulator *Emulator
	name     string // cloudflare/<account>/<gateway> or keywordsai/<dataset>
	account  string // empty: a dataset
	id       string
	title    string // of a dataset

	mu      sync.Mutex
	logs    shelf
	asked   int // log-list requests so far
	faults  *Faults
	dialect Dialect
	entry   []byte // of the stream list; nil: the ordinary one
}

// Name is cloudflare/<account>/<gateway> or keywordsai/<dataset>.
func (s *Stream) Name() string { return s.name }

// SetFaults sets what goes wrong with this stream's log lists, in place of the
// emulator's faults.
func (s *Stream) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = &f
}

// SetDialect sets how this dataset's log list speaks. A gateway has none.
func (s *Stream) SetDialect(d Dialect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialect = d
}

// SetEntry replaces the JSON document under which the stream is listed.
func (s *Stream) SetEntry(doc []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entry = doc
}

// Insert adds logs; one whose ID is there already is replaced.
func (s *Stream) Insert(logs ...Log) {
	delay := s.currentFaults().Latency
	added := make([]*Log, len(logs))
	for i, l := range logs {
		if l.VisibleAt.IsZero() && delay != nil {
			l.VisibleAt = l.At.Add(delay(l))
		}
		added[i] = &l
	}
	now := s.emulator.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs.add(added...)
	s.logs.settle(now)
}

// Delete removes logs and returns how many of the ids were there.
func (s *Stream) Delete(ids ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.remove(ids...)
}

// DeleteOldest removes the n oldest visible logs, as a gateway at its cap does
// under the strategy DELETE_OLDEST.
func (s *Stream) DeleteOldest(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs.settle(s.emulator.now())
	oldest := s.logs.rows[:min(n, len(s.logs.rows))]
	ids := make([]string, len(oldest))
	for i, l := range oldest {
		ids[i] = l.ID
	}
	s.logs.remove(ids...)
}

// Edit replaces a log's document by what change returns; the id and the time
// by which the log is found stay. It reports whether the log was there.
func (s *Stream) Edit(id string, change func(doc []byte) []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs.byID[id]
	if l == nil {
		return false
	}
	l.Doc = change(slices.Clone(l.Doc))
	return true
}

// MoveTime gives a log another time: in the emulator's order and in the time
// member of its document, spelt as the provider spells it. It reports whether
// the log was there.
func (s *Stream) MoveTime(id string, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs.byID[id]
	if l == nil {
		return false
	}
	moved := *l
	moved.At = at.UTC()
	moved.Doc = withMember(l.Doc, s.timeField(), timeText(at, s.account != ""))
	s.logs.add(&moved)
	s.logs.settle(s.emulator.now())
	return true
}

// Logs are the visible logs as they would be served now, by (At, ID).
func (s *Stream) Logs() []Log {
	faults, now := s.currentFaults(), s.emulator.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs.settle(now)
	served := make([]Log, len(s.logs.rows))
	for i, l := range s.logs.rows {
		served[i] = *l
		served[i].Doc = faults.served(l, now)
	}
	return served
}

// Len is the number of visible logs.
func (s *Stream) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs.settle(s.emulator.now())
	return len(s.logs.rows)
}

func (s *Stream) currentFaults() Faults {
	s.mu.Lock()
	own := s.faults
	s.mu.Unlock()
	if own != nil {
		return *own
	}
	s.emulator.mu.Lock()
	defer s.emulator.mu.Unlock()
	return s.emulator.faults
}

// timeField is the member of a document that carries its time.
func (s *Stream) timeField() string {
	if s.account != "" || s.dialect.TimeField == "" {
		return "created_at"
	}
	return s.dialect.TimeField
}
