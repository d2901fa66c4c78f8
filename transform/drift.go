package transform

import (
	"cmp"
	"iter"
	"slices"
	"sync"
)

const (
	maxDriftPaths = 2000 // distinct paths and types a source; the rest is counted under "*"
	maxDriftDepth = 4    // levels of names in a path
)

// A Field is a member seen in upstream documents.
type Field struct {
	Source string
	Path   string // names joined by dots; [] for any array position; * for metadata keys and names that are no plain words
	Type   string // string, number, boolean, object, array or null
	Known  bool   // logferry has a rule for it, if only to keep it in the raw document
	Count  int64  // how often it was seen
}

// Drift collects which members documents have and of what type: names only,
// never values, nothing from inside payloads, and a bounded number of names.
// The zero value is ready; it is safe for concurrent use.
type Drift struct {
	mu   sync.Mutex
	seen map[string]map[string]*Field // source, then path and type
}

// Seen returns what was collected so far, ordered by source, path and type.
func (d *Drift) Seen() []Field {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Field
	for _, paths := range d.seen {
		for _, f := range paths {
			all = append(all, *f)
		}
	}
	slices.SortFunc(all, func(a, b Field) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Type, b.Type))
	})
	return all
}

// see counts the members of one document; a nil Drift counts nothing.
func (d *Drift) see(source string, members iter.Seq[member], known fields) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[string]map[string]*Field{}
	}
	if d.seen[source] == nil {
		d.seen[source] = map[string]*Field{}
	}
	w := driftWalk{source: source, seen: d.seen[source]}
	w.object(make([]byte, 0, 128), members, field{disposal: inner, inside: known}, 1)
}

// A driftWalk goes through one document.
type driftWalk struct {
	source string
	seen   map[string]*Field
}

func (w *driftWalk) object(prefix []byte, members iter.Seq[member], parent field, depth int) {
	for m := range members {
		path := prefix
		if depth > 1 {
			path = append(path, '.')
		}
		name, f, known := parent.child(m)
		w.value(append(path, name...), m.value, f, known, depth)
	}
}

// child returns the name to show for a member, its rule, and whether the
// tables list it.
func (parent field) child(m member) (name string, f field, known bool) {
	name = plainName(m.quoted)
	switch parent.disposal {
	case tags:
		return "*", parent, true
	case numbers:
		f, known = parent, true
	case inner:
		f, known = parent.inside[name]
	}
	if name == "" {
		return "*", field{disposal: unlisted}, false
	}
	if !known {
		f.disposal = unlisted
	}
	return name, f, known
}

// unlisted is the rule of a member that no table has: withheld, but its inner
// names are worth knowing.
const unlisted disposal = -1

func (w *driftWalk) value(path, value []byte, f field, known bool, depth int) {
	w.count(path, kind(value), known)
	if f.disposal == withheld || f.disposal == tags && depth > 1 || depth == maxDriftDepth {
		return
	}
	switch value[0] {
	case '{':
		w.object(path, membersOf(value), f, depth+1)
	case '[':
		path = append(path, "[]"...)
		for _, element := range elementsOf(value) {
			w.value(path, element, f, known, depth+1)
		}
	}
}

func (w *driftWalk) count(path []byte, typ string, known bool) {
	length := len(path)
	key := append(append(path, '|'), typ...)
	if f := w.seen[string(key)]; f != nil {
		f.Count++
		return
	}
	path = path[:length]
	if len(w.seen) >= maxDriftPaths {
		path, known, key = []byte("*"), false, append([]byte("*|"), typ...)
		if f := w.seen[string(key)]; f != nil {
			f.Count++
			return
		}
	}
	w.seen[string(key)] = &Field{Source: w.source, Path: string(path), Type: typ, Known: known, Count: 1}
}
