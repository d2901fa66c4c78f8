package extract

import (
	"encoding/json"
	"iter"
	"strings"
)

// A body of 8 MiB is split where it lies: encoding/json would copy its entries
// twice, and the memory of a page is what is counted, so it must be all there
// is. Both bounds are far above what any answer needs, and keep one that is
// made of millions of tiny values from taking many times its size.
const (
	maxEntries = 20_000 // of a list
	maxMembers = 1000   // of an object whose members are looked at by name
)

// object reads a whole body as one JSON object. Names are compared exactly,
// as encoding/json would not do for a struct. Trailing data is an error. The
// values share the body's memory.
func object(body []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(body) {
		return nil, errNotJSON
	}
	if kindOf(body) != '{' {
		return nil, errEnvelope
	}
	members := map[string]json.RawMessage{}
	name := ""
	for _, value := range values(body) {
		if name == "" {
			name = string(value)
			continue
		}
		members[unquoted(name)] = value
		if name = ""; len(members) > maxMembers {
			return nil, errEnvelope
		}
	}
	return members, nil
}

// array reads a JSON array's elements, which share its memory; null and
// everything else is refused.
func array(raw []byte) ([][]byte, bool) {
	if kindOf(raw) != '[' || !json.Valid(raw) {
		return nil, false
	}
	return elements(raw)
}

// elements are what stands in an array; false: more than a list may have.
func elements(raw []byte) ([][]byte, bool) {
	entries := [][]byte{}
	for _, entry := range values(raw) {
		if len(entries) == maxEntries {
			return nil, false
		}
		entries = append(entries, entry)
	}
	return entries, true
}

// blanks are what JSON allows between tokens.
const blanks = " \t\r\n"

// kindOf is the first byte of a value; 0: there is none.
func kindOf(raw []byte) byte {
	if i := skip(raw, 0, blanks); i < len(raw) {
		return raw[i]
	}
	return 0
}

// unquoted is the text of a valid JSON string.
func unquoted(quoted string) string {
	bare := quoted[1 : len(quoted)-1]
	if strings.IndexByte(bare, '\\') >= 0 {
		_ = json.Unmarshal([]byte(quoted), &bare) // it is valid
	}
	return bare
}

// values yields what stands in an array or object, and where: elements, or
// names and values in turn. One that is not valid ends where it can't be
// followed.
func values(raw []byte) iter.Seq2[int, []byte] {
	const between = blanks + ",:"
	return func(yield func(int, []byte) bool) {
		i := skip(raw, skip(raw, 0, between)+1, between)
		for i < len(raw) && raw[i] != ']' && raw[i] != '}' {
			end := endOf(raw, i)
			if end > len(raw) || !yield(i, raw[i:end:end]) {
				return
			}
			i = skip(raw, end, between)
		}
	}
}

// skip is the first position from i on whose byte is none of these.
func skip(raw []byte, i int, these string) int {
	for i < len(raw) && strings.IndexByte(these, raw[i]) >= 0 {
		i++
	}
	return i
}

// endOf is where the value that begins at i ends; more than the length of what
// it stands in: nowhere.
func endOf(raw []byte, i int) int {
	for depth := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = quoteAfter(raw, i+1)
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of what a number or a word stands in
				return i
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(raw) + 1
}

// quoteAfter is where a string ends whose text goes on at i.
func quoteAfter(raw []byte, i int) int {
	for i < len(raw) && raw[i] != '"' {
		if raw[i] == '\\' {
			i++
		}
		i++
	}
	return i
}
