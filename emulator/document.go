package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// timeText spells a time as the provider does: Cloudflare with milliseconds,
// Keywords AI with microseconds.
func timeText(at time.Time, cloudflare bool) string {
	if cloudflare {
		return at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return at.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// member finds the value of an object's own member; nil: the document is not
// an object, or has none of that name.
func member(doc []byte, name string) json.RawMessage {
	start, end := memberSpan(doc, name)
	return doc[start:end]
}

// withMember replaces the value of a member, leaving every other byte as it
// is. A document without it stays the same.
func withMember(doc []byte, name string, value any) []byte {
	start, end := memberSpan(doc, name)
	if start == end {
		return doc
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic("emulator: a value for a document: " + err.Error()) // only strings and raw JSON come here
	}
	return bytes.Join([][]byte{doc[:start], text, doc[end:]}, nil)
}

// withMore is an object with further members at its end, sorted by name.
func withMore(doc []byte, members map[string]json.RawMessage) []byte {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		doc = fmt.Appendf(doc[:len(doc)-1], ",%q:%s}", name, members[name])
	}
	return doc
}

// memberSpan is doc[start:end] of a member's value; an empty span: none.
func memberSpan(doc []byte, name string) (start, end int) {
	decoder := json.NewDecoder(bytes.NewReader(doc))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return 0, 0
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return 0, 0
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return 0, 0
		}
		if key == name {
			end := int(decoder.InputOffset())
			return end - len(value), end
		}
	}
	return 0, 0
}

// hashText is a number for a text, the same in every process.
func hashText(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}
