package transform

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// maxDepth bounds how deep metadata and payloads may nest. Postgres gives up
// on jsonb somewhere past 5,000 levels; nobody means more than a few dozen.
const maxDepth = 100

// canonical returns the one spelling of a valid JSON value that jsonb accepts:
// members sorted by name, no white space, text cleaned, numbers as written
// unless a numeric could not hold them (then null). It returns nil when the
// value nests too deep, or holds an object of too many members.
func canonical(value []byte, found *issues) []byte {
	dst, ok := appendCanonical(make([]byte, 0, len(value)), value, maxDepth, found)
	if !ok {
		return nil
	}
	return dst
}

func appendCanonical(dst, value []byte, depth int, found *issues) (out []byte, ok bool) {
	switch value[0] {
	case '"':
		return appendQuoted(dst, found.unquote(value)), true
	case '{', '[':
		if depth == 0 {
			found.note(IssueNestedTooDeep)
			return dst, false
		}
		if value[0] == '{' {
			return appendObject(dst, value, depth-1, found)
		}
		return appendArray(dst, value, depth-1, found)
	case 't', 'f', 'n':
		return append(dst, value...), true
	}
	if !fitsNumeric(value) {
		found.note(IssueValueOutOfRange)
		return append(dst, "null"...), true
	}
	return append(dst, value...), true
}

func appendArray(dst, value []byte, depth int, found *issues) (out []byte, ok bool) {
	dst = append(dst, '[')
	for i, element := range elementsOf(value) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, ok = appendCanonical(dst, element, depth, found); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), true
}

func appendObject(dst, value []byte, depth int, found *issues) (out []byte, ok bool) {
	members := sortedMembers(value, found)
	found.held += cap(members) // repeated ones were held, too
	defer func() { found.held -= cap(members) }()
	if found.held > maxMembers || members == nil {
		found.note(IssueValueTooLong)
		return dst, false
	}
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, m.name), ':')
		if dst, ok = appendCanonical(dst, m.value, depth, found); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

// A namedValue is a member with its name decoded.
type namedValue struct {
	name  string
	value []byte
}

// sortedMembers returns an object's members by name; of equal names the last.
// It is nil for a crowded object.
func sortedMembers(value []byte, found *issues) []namedValue {
	split := splitObject(value)
	if split == nil {
		return nil
	}
	named := make([]namedValue, len(split))
	for i, m := range split {
		named[i] = namedValue{found.unquote(m.quoted), m.value}
	}
	slices.SortStableFunc(named, func(a, b namedValue) int { return cmp.Compare(a.name, b.name) })
	kept := named[:0]
	for i, m := range named {
		if i+1 < len(named) && named[i+1].name == m.name {
			found.note(IssueDuplicateMember)
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

// unquote decodes a JSON string and notes when it had to be cleaned.
func (s *issues) unquote(quoted []byte) string {
	text, clean := unquote(quoted)
	if !clean {
		s.note(IssueTextSanitised)
	}
	return text
}

// embedded returns the JSON object or array that a text holds, nil when it
// holds anything else. One level only: text inside it stays text.
func embedded(text string) []byte {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil
	}
	if value := []byte(text); json.Valid(value) {
		return value
	}
	return nil
}

// isEmpty tells whether a value says nothing: absent, null, or empty text.
func isEmpty(value []byte) bool {
	return len(value) == 0 || value[0] == 'n' || bytes.Equal(value, []byte(`""`))
}
