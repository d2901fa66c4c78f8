package emulator

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// A shelf keeps a stream's logs in order. Additions are gathered and merged in
// by settle, so filling a stream costs one sort, and reading it none.
type shelf struct {
	rows   []*Log // visible, by (At, ID)
	byID   map[string]*Log
	fresh  []*Log // added, not looked at by settle yet
	hidden []*Log // not visible yet, by VisibleAt

	changed int    // counts changes of rows
	byName  []*Log // the last window asked for by id, in that order
	nameKey nameKey
}

// A nameKey says of which rows byName is a sorted copy.
type nameKey struct{ changed, low, high int }

// byTime is the order of a shelf.
func byTime(a, b *Log) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}

// add puts logs on the shelf, in place of those with the same IDs.
func (s *shelf) add(logs ...*Log) {
	if s.byID == nil {
		s.byID = make(map[string]*Log, len(logs))
	}
	var replaced []string
	for _, l := range logs {
		if s.byID[l.ID] != nil {
			replaced = append(replaced, l.ID)
		}
	}
	s.remove(replaced...)
	for _, l := range logs {
		s.byID[l.ID] = l
	}
	s.fresh = append(s.fresh, logs...)
}

func (s *shelf) remove(ids ...string) int {
	gone := make(map[*Log]bool, len(ids))
	for _, id := range ids {
		if l := s.byID[id]; l != nil {
			gone[l] = true
			delete(s.byID, id)
		}
	}
	if len(gone) == 0 {
		return 0
	}
	isGone := func(l *Log) bool { return gone[l] }
	s.fresh = slices.DeleteFunc(s.fresh, isGone)
	s.hidden = slices.DeleteFunc(s.hidden, isGone)
	s.rows = slices.DeleteFunc(s.rows, isGone)
	s.changed++
	return len(gone)
}

// settle makes visible what is due at the instant now.
func (s *shelf) settle(now time.Time) {
	var due []*Log
	late := len(s.hidden)
	for _, l := range s.fresh {
		switch {
		case s.byID[l.ID] != l: // twice in one addition: the later one stays
		case l.VisibleAt.After(now):
			s.hidden = append(s.hidden, l)
		default:
			due = append(due, l)
		}
	}
	s.fresh = nil
	if len(s.hidden) > late {
		slices.SortFunc(s.hidden, func(a, b *Log) int { return a.VisibleAt.Compare(b.VisibleAt) })
	}
	shown := 0
	for shown < len(s.hidden) && !s.hidden[shown].VisibleAt.After(now) {
		shown++
	}
	due = append(due, s.hidden[:shown]...)
	s.hidden = s.hidden[shown:]
	s.merge(due)
}

// merge adds sorted rows to sorted rows.
func (s *shelf) merge(due []*Log) {
	if len(due) == 0 {
		return
	}
	s.changed++
	slices.SortFunc(due, byTime)
	if len(s.rows) == 0 || byTime(s.rows[len(s.rows)-1], due[0]) < 0 {
		s.rows = append(s.rows, due...)
		return
	}
	merged := make([]*Log, 0, len(s.rows)+len(due))
	old := s.rows
	for len(old) > 0 && len(due) > 0 {
		if byTime(old[0], due[0]) < 0 {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, due = append(merged, due[0]), due[1:]
		}
	}
	s.rows = append(append(merged, old...), due...)
}

// span finds the rows of a window: rows[low:high].
func (s *shelf) span(w window) (low, high int) {
	first := func(at time.Time) int {
		i, _ := slices.BinarySearchFunc(s.rows, at, func(l *Log, at time.Time) int {
			if l.At.Before(at) {
				return -1
			}
			return 1
		})
		return i
	}
	high = len(s.rows)
	if !w.from.IsZero() {
		low = first(w.from)
	}
	if !w.to.IsZero() {
		high = first(w.to)
	}
	return low, max(low, high)
}

// sortedByID is rows[low:high] by id, remembered until rows change or another
// span is asked for.
func (s *shelf) sortedByID(low, high int) []*Log {
	key := nameKey{s.changed, low, high}
	if s.byName == nil || s.nameKey != key {
		s.byName = slices.Clone(s.rows[low:high])
		slices.SortFunc(s.byName, func(a, b *Log) int { return cmp.Compare(a.ID, b.ID) })
		s.nameKey = key
	}
	return s.byName
}

// shuffleTies is a copy of rows, sorted by time, with the rows of equal times
// in an order that the generator decides.
func shuffleTies(rows []*Log, rng *rand.Rand) []*Log {
	rows = slices.Clone(rows)
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && rows[end].At.Equal(rows[start].At) {
			end++
		}
		ties := rows[start:end]
		rng.Shuffle(len(ties), func(i, j int) { ties[i], ties[j] = ties[j], ties[i] })
		start = end
	}
	return rows
}
