package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
)

// A stand-in says of a value that was withheld how large it was, and its SHA-256.

// standInHead is how every stand-in begins. In valid JSON it can't be part of a
// text, where its quotes would be escaped.
const standInHead = `{"withheld_bytes":`

var standIn = regexp.MustCompile(`^` + regexp.QuoteMeta(standInHead) + `\d{1,19},"sha256":"[0-9a-f]{64}"\}$`)

// isStandIn tells whether a value is exactly what appendStandIn writes.
func isStandIn(value []byte) bool {
	return bytes.HasPrefix(value, []byte(standInHead)) && standIn.Match(value)
}

// appendWithheld appends what stands in for bytes that may not be stored.
func appendWithheld(dst, value []byte) []byte {
	sum := sha256.Sum256(value)
	return appendStandIn(dst, len(value), sum[:])
}

func appendStandIn(dst []byte, size int, sum []byte) []byte {
	dst = append(dst, standInHead...)
	dst = strconv.AppendInt(dst, int64(size), 10)
	dst = append(dst, `,"sha256":"`...)
	dst = hex.AppendEncode(dst, sum)
	return append(dst, `"}`...)
}
