package transform

import (
	"bytes"
	"iter"
)

// The functions of this file split JSON that is known to be valid, without
// decoding it: values stay the bytes they were. The standard decoder is not
// used for this, because it matches names regardless of case, hides repeated
// members and loses the spelling of numbers.

// A member is one name and value of a JSON object.
type member struct {
	quoted []byte // the name as written, with its quotes
	name   []byte // the name decoded
	value  []byte
}

// An object is a JSON object's members in the order they were written.
type object []member

// is tells whether the member has the given name, exactly.
func (m *member) is(name string) bool { return string(m.name) == name }

// bareName decodes a member's name, without a copy where it can.
func bareName(quoted []byte) []byte {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		text, _ := unquote(quoted)
		name = []byte(text)
	}
	return name
}

// last returns the value of the last member of that name, and how many have
// it. Postgres keeps the last one too.
func (o object) last(name string) (value []byte, count int) {
	for i := range o { // by index: a member is large to copy, and most are passed over
		if o[i].is(name) {
			value = o[i].value
			count++
		}
	}
	return value, count
}

// maxMembers bounds the members of an object that are held at once: each takes
// ten times the six bytes that it may be written with. What people mean has
// some hundred at most.
const maxMembers = 20_000

// splitObject returns the members of a valid JSON object; nil for a crowded
// one, which has more than maxMembers.
func splitObject(doc []byte) object {
	members := make(object, 0, min(len(doc)/minMemberBytes, 40))
	for m := range membersOf(doc) {
		if len(members) == maxMembers {
			return nil
		}
		members = append(members, m)
	}
	return members
}

// listedMembers returns the members of a crowded object that a table lists; of
// a repeated one the last.
func listedMembers(doc []byte, known fields) object {
	var listed object
	at := map[string]int{}
	for m := range membersOf(doc) {
		if _, is := known[string(m.name)]; !is {
			continue
		}
		if i, again := at[string(m.name)]; again {
			listed[i] = m
			continue
		}
		at[string(m.name)] = len(listed)
		listed = append(listed, m)
	}
	return listed
}

// minMemberBytes is about what a member takes at least: room is reserved by it.
const minMemberBytes = 10

// membersOf yields the members of a valid JSON object, however many.
func membersOf(doc []byte) iter.Seq[member] {
	return func(yield func(member) bool) {
		for i := skipSpace(doc, skipSpace(doc, 0)+1); doc[i] != '}'; i = nextItem(doc, i) {
			nameEnd := valueEnd(doc, i)
			start := skipSpace(doc, skipSpace(doc, nameEnd)+1)
			end := valueEnd(doc, start)
			quoted := doc[i:nameEnd]
			if !yield(member{quoted: quoted, name: bareName(quoted), value: doc[start:end]}) {
				return
			}
			i = end
		}
	}
}

// elementsOf yields the elements of a valid JSON array, counted from 0.
func elementsOf(doc []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		n := 0
		for i := skipSpace(doc, skipSpace(doc, 0)+1); doc[i] != ']'; i = nextItem(doc, i) {
			end := valueEnd(doc, i)
			if !yield(n, doc[i:end]) {
				return
			}
			n++
			i = end
		}
	}
}

// nextItem moves from the end of an item to the next one, or to the closing
// bracket.
func nextItem(doc []byte, i int) int {
	i = skipSpace(doc, i)
	if doc[i] == ',' {
		i = skipSpace(doc, i+1)
	}
	return i
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\t' || doc[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns the position just past the value that begins at i.
func valueEnd(doc []byte, i int) int {
	switch doc[i] {
	case '"':
		return stringEnd(doc, i)
	case '{', '[':
		return containerEnd(doc, i)
	}
	for i < len(doc) {
		switch doc[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}

func stringEnd(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func containerEnd(doc []byte, i int) int {
	for depth := 0; ; {
		switch doc[i] {
		case '"':
			i = stringEnd(doc, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
}

// kind names a value's JSON type as field_drift spells it.
func kind(value []byte) string {
	switch value[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
