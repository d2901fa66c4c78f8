package emulator

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
)

// gap stands in a document for padding that is made as it is sent. No JSON
// holds these bytes.
var gap = []byte("\x00padding\x00")

// padded is a document with the member padding at its end, if the log is to
// have one. A document that is no object stays as it is.
func (x *exchange) padded(l *Log, doc []byte) []byte {
	if x.faults.Pad == nil {
		return doc
	}
	n := x.faults.Pad(*l)
	if n <= 0 || !bytes.HasSuffix(doc, []byte("}")) {
		return doc
	}
	x.pads = append(x.pads, n)
	return slices.Concat(doc[:len(doc)-1], []byte(`,"padding":"`), gap, []byte(`"}`))
}

// pour writes an answer whose length nobody counts before, filling its gaps.
// It ends when the client has gone, as one does that reads only so much.
func (x *exchange) pour(contentType string, body []byte) {
	x.note(func(r *Request) { r.Status = http.StatusOK })
	x.w.Header().Set("Content-Type", contentType)
	var to io.Writer = x.w
	if x.compresses() {
		x.w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(x.w)
		defer z.Close()
		to = z
	}
	for i, piece := range bytes.Split(body, gap) {
		if i > 0 && pad(to, x.pads[i-1]) != nil {
			return
		}
		if _, err := to.Write(piece); err != nil {
			return
		}
	}
}

// filler is what padding consists of.
var filler = strings.Repeat("padding ", 8<<10)

// pad writes n bytes of text.
func pad(to io.Writer, n int) error {
	for n > 0 {
		some := filler[:min(n, len(filler))]
		if _, err := io.WriteString(to, some); err != nil {
			return err
		}
		n -= len(some)
	}
	return nil
}
