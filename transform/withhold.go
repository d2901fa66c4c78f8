package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// maxScalarBytes is the longest single value that the allow-list lets through:
// room for any id, far less than a prompt.
const maxScalarBytes = 1024

// withhold returns a document as it may be stored when payloads are off: an
// allow-list of members stays, every other value is replaced by its size and
// SHA-256. Empty values stay, they say nothing. A name that is no plain word
// may itself be text that somebody typed, and becomes "*".
func withhold(members object, known fields) []byte {
	return appendAllowed(nil, members, known)
}

func appendAllowed(dst []byte, members object, known fields) []byte {
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
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
	case saysNothing(value), f.disposal == tags:
		return append(dst, value...)
	case f.disposal == inner && value[0] == '{':
		return appendAllowed(dst, splitObject(value), f.inside)
	case f.disposal == numbers:
		return appendNumbers(dst, value)
	case f.disposal == scalar && isScalar(value) && len(value) <= maxScalarBytes:
		return append(dst, value...)
	}
	return appendWithheld(dst, value)
}

// appendNumbers keeps an open-ended structure, but none of its texts.
func appendNumbers(dst, value []byte) []byte {
	switch value[0] {
	case '{':
		dst = append(dst, '{')
		for i, m := range splitObject(value) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendName(dst, m.quoted, false), ':')
			dst = appendNumbers(dst, m.value)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, element := range splitArray(value) {
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

// appendWithheld appends what stands in for bytes that may not be stored.
func appendWithheld(dst, value []byte) []byte {
	sum := sha256.Sum256(value)
	dst = append(dst, `{"withheld_bytes":`...)
	dst = strconv.AppendInt(dst, int64(len(value)), 10)
	dst = append(dst, `,"sha256":"`...)
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, `"}`...)
}

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
