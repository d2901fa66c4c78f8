package extract

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// An answer that is no JSON may be so for one entry's sake: NaN, as Python
// spells a number, a control character in a text, nesting deeper than
// encoding/json follows. Refused whole it would hold up its window for ever.
// So its list is set apart from the rest: where the rest is an answer by
// itself, what stands in the list are its entries, and transform puts the
// broken ones aside. A transfer may have spoilt the body too; that does not
// happen twice alike, so it is asked for once more.

// errSpoilt is why an answer is asked for once more: its list can't be valid,
// and was not seen to be so before.
var errSpoilt = errors.New("the answer has entries that are not valid JSON")

// A mender reads the answers to one call.
type mender struct {
	read   func(body []byte) (listing, error)
	doubts *[sha256.Size]byte // of the broken entries that came the time before; nil: none did
}

// listing reads a body. Broken entries are believed the second time.
func (m *mender) listing(body []byte) (listing, error) {
	l, err := m.read(body)
	if !errors.Is(err, errNotJSON) {
		return l, err
	}
	list, rest := setApart(body)
	entries, ok := elements(list)
	l, incomplete := m.read(rest)
	if !ok || incomplete != nil {
		return listing{}, err
	}
	broken := sumOfBroken(entries)
	if m.doubts == nil || *m.doubts != broken {
		m.doubts = &broken
		return listing{}, errSpoilt
	}
	l.entries = entries
	return l, nil
}

// sumOfBroken is the same for the same broken entries, in whatever order and among
// whatever others they come.
func sumOfBroken(entries [][]byte) [sha256.Size]byte {
	var sums [][]byte
	for _, e := range entries {
		if !json.Valid(e) {
			sum := sha256.Sum256(e)
			sums = append(sums, sum[:])
		}
	}
	slices.SortFunc(sums, bytes.Compare)
	return sha256.Sum256(bytes.Join(sums, nil))
}

// listNames are what answers call their lists, in quotes.
var listNames = func() []string {
	names := []string{`"result"`}
	for _, shape := range keywordsShapes {
		names = append(names, strconv.Quote(shape.array))
	}
	return names
}()

// setApart cuts the list out of a body that need not be valid; the rest has an
// empty one in its place. A list that doesn't end is none: nil.
func setApart(body []byte) (list, rest []byte) {
	start := skip(body, 0, blanks)
	if kindOf(body) == '{' {
		start = listIn(body)
	}
	if start >= len(body) || body[start] != '[' {
		return nil, nil
	}
	end := endOf(body, start)
	if end > len(body) {
		return nil, nil
	}
	return body[start:end], slices.Concat(body[:start], []byte("[]"), body[end:])
}

// listIn is where an object's list begins; its length: nowhere.
func listIn(body []byte) int {
	named := false
	for at, value := range values(body) {
		if named = !named; named && slices.Contains(listNames, string(value)) {
			return skip(body, at+len(value), blanks+":")
		}
	}
	return len(body)
}
