package transform

import (
	"crypto/sha256"
	"iter"
	"slices"
)

// maxScalarBytes is the longest single value that the allow-list lets through:
// room for any id, far less than a prompt.
const maxScalarBytes = 1024

// maxNumbersBytes is the largest structure that is looked into for what may
// stay, and the most that may come of it: each short text in it becomes a hundred
// bytes.
const maxNumbersBytes = 64 << 10

// withhold returns a document as it may be stored when payloads are off: an
// allow-list of members stays, every other value is replaced by its size and
// SHA-256. Empty values stay, they say nothing. A name that is no plain word
// may itself be text that somebody typed, and becomes "*". What stands in for a
// value stays too: withheld again, a document is what it was.
func withhold(members object, known fields) []byte {
	return appendAllowed(nil, slices.Values(members), known)
}

// withholdCrowded is withhold for a crowded document. What no table lists is
// replaced together: each size and hash takes many times the bytes that such
// members have.
func withholdCrowded(doc []byte, known fields) []byte {
	rest, size := sha256.New(), 0
	dst := appendAllowed(nil, unless(doc, known, func(m member) {
		rest.Write(m.value)
		size += len(m.value)
	}), known)
	if size == 0 {
		return dst
	}
	if dst = dst[:len(dst)-1]; len(dst) > 1 {
		dst = append(dst, ',')
	}
	return append(appendStandIn(append(dst, `"*":`...), size, rest.Sum(nil)), '}')
}

// unless yields the members that a table lists, and what stands in for others
// already; the others it hands to skipped.
func unless(doc []byte, known fields, skipped func(member)) iter.Seq[member] {
	return func(yield func(member) bool) {
		for m := range membersOf(doc) {
			if _, listed := known[plainName(m.quoted)]; !listed && !isStandIn(m.value) {
				skipped(m)
			} else if !yield(m) {
				return
			}
		}
	}
}

func appendAllowed(dst []byte, members iter.Seq[member], known fields) []byte {
	dst = append(dst, '{')
	first := true
	for m := range members {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		f, listed := known[plainName(m.quoted)]
		dst = appendName(dst, m.quoted, listed)
		dst = append(dst, ':')
		dst = appendDisposed(dst, m.value, f)
	}
	return append(dst, '}')
}

func appendName(dst, quoted []byte, listed bool) []byte {
	if listed || plainName(quoted) != "" {
		return append(dst, quoted...)
	}
	return append(dst, `"*"`...)
}

func appendDisposed(dst, value []byte, f field) []byte {
	switch {
	case saysNothing(value), isStandIn(value), f.disposal == tags:
		return append(dst, value...)
	case f.disposal == inner && value[0] == '{' && len(value) <= maxNumbersBytes:
		return orWithheld(appendAllowed(dst, membersOf(value), f.inside), len(dst), value)
	case f.disposal == numbers && len(value) <= maxNumbersBytes:
		return orWithheld(appendNumbers(dst, value), len(dst), value)
	case f.disposal == scalar && isScalar(value) && len(value) <= maxScalarBytes:
		return append(dst, value...)
	}
	return appendWithheld(dst, value)
}

// orWithheld replaces what came of a value, from start on, if it grew too large to
// be looked into again.
func orWithheld(dst []byte, start int, value []byte) []byte {
	if len(dst)-start > maxNumbersBytes {
		return appendWithheld(dst[:start], value)
	}
	return dst
}

// appendNumbers keeps an open-ended structure, but none of its texts.
func appendNumbers(dst, value []byte) []byte {
	switch value[0] {
	case '{':
		if isStandIn(value) {
			break
		}
		dst = append(dst, '{')
		first := true
		for m := range membersOf(value) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendName(dst, m.quoted, false), ':')
			dst = appendNumbers(dst, m.value)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, element := range elementsOf(value) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendNumbers(dst, element)
		}
		return append(dst, ']')
	case '"':
		if !isEmpty(value) {
			return appendWithheld(dst, value)
		}
	}
	return append(dst, value...)
}

// saysNothing tells whether a value is null, or an empty text, list or object.
func saysNothing(value []byte) bool {
	return isEmpty(value) || string(value) == "[]" || string(value) == "{}"
}

func isScalar(value []byte) bool { return value[0] != '{' && value[0] != '[' }

// plainName returns a member's name if it looks like one that a programmer
// chose: at most 64 letters, digits, _, - and dots, not beginning with a digit.
// It returns "" for any other.
func plainName(quoted []byte) string {
	name := quoted[1 : len(quoted)-1]
	if len(name) == 0 || len(name) > 64 || name[0] >= '0' && name[0] <= '9' {
		return ""
	}
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return ""
		}
	}
	return string(name)
}
