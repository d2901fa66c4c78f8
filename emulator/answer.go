package emulator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// encode is JSON without HTML escapes, as the providers write it.
func encode(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("emulator: encode an answer: " + err.Error()) // built here from plain values
	}
	return bytes.TrimSpace(text.Bytes())
}

// array splices documents into a JSON array, byte for byte.
func array(docs [][]byte) []byte {
	return bytes.Join([][]byte{{'['}, bytes.Join(docs, []byte{','}), {']'}}, nil)
}

// reply writes a whole answer.
func (x *exchange) reply(status int, contentType string, body []byte) {
	x.begin(status, contentType, &body)
	x.w.WriteHeader(status)
	x.w.Write(body) // the client may have gone; nothing is left to do then
}

func (x *exchange) begin(status int, contentType string, body *[]byte) {
	x.note(func(r *Request) { r.Status = status })
	if x.faults.AnswerTime > 0 {
		pause(x.r.Context(), x.faults.AnswerTime)
	}
	header := x.w.Header()
	header.Set("Content-Type", contentType)
	if x.compresses() {
		header.Set("Content-Encoding", "gzip")
		*body = compressed(*body)
	}
	header.Set("Content-Length", fmt.Sprint(len(*body)))
}

func (x *exchange) compresses() bool {
	return x.faults.Gzip && strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip")
}

func compressed(body []byte) []byte {
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = w.Write(body) // a bytes.Buffer takes everything
	w.Close()
	return small.Bytes()
}

// replyJSON writes a JSON answer, in the way that a failure of the body wants.
func (x *exchange) replyJSON(body []byte, failure Failure) {
	const contentType = "application/json"
	if len(x.pads) > 0 {
		x.pour(contentType, body)
		return
	}
	switch failure {
	case CutBody:
		x.begin(http.StatusOK, contentType, &body)
		x.w.Write(body[:len(body)/2])
		x.flush()
		panic(http.ErrAbortHandler) // net/http closes the connection
	case SlowBody:
		x.begin(http.StatusOK, contentType, &body)
		x.dribble(body)
	default:
		x.reply(http.StatusOK, contentType, body)
	}
}

// dribble writes a body in ten pieces over SlowTime.
func (x *exchange) dribble(body []byte) {
	const pieces = 10
	whole := x.faults.SlowTime
	if whole == 0 {
		whole = 2 * time.Second
	}
	reader := bytes.NewReader(body)
	for i := range pieces {
		_, _ = io.CopyN(x.w, reader, int64(len(body)*(i+1)/pieces-len(body)*i/pieces)) // nobody may be there any more
		x.flush()
		pause(x.r.Context(), whole/pieces)
	}
}

func (x *exchange) flush() {
	if flusher, ok := x.w.(http.Flusher); ok {
		flusher.Flush()
	}
}

// fails asks what befalls this request, and answers it if that leaves nothing
// of the ordinary answer. What it returns is left to the ordinary answer.
func (x *exchange) fails(refuse func(Failure)) (failure Failure, answered bool) {
	if x.faults.Fail == nil {
		return None, false
	}
	failure = x.faults.Fail(x.n, x.note(func(*Request) {}))
	switch failure {
	case ServerError:
		x.html(http.StatusBadGateway)
	case Unavailable:
		x.hint(time.Second)
		x.html(http.StatusServiceUnavailable)
	case Throttled, NotSuccess, NotAllowed:
		refuse(failure)
	case HungUp:
		panic(http.ErrAbortHandler)
	case Redirected:
		x.w.Header().Set("Location", x.faults.RedirectTo+x.r.URL.RequestURI())
		x.html(http.StatusTemporaryRedirect)
	default:
		return failure, false
	}
	return failure, true
}

// html is the page that a proxy in front of an API shows.
func (x *exchange) html(status int) {
	text := http.StatusText(status)
	x.reply(status, "text/html", fmt.Appendf(nil,
		"<html><head><title>%d %s</title></head><body><h1>%s</h1></body></html>\n", status, text, text))
}

// hint sets the Retry-After header where the faults want one; the body is the
// caller's.
func (x *exchange) hint(wait time.Duration) {
	switch x.faults.RetryHint {
	case HintSeconds:
		x.w.Header().Set("Retry-After", fmt.Sprint(seconds(wait)))
	case HintDate:
		at := x.now.Add(wait + time.Second - time.Nanosecond) // the format cuts to seconds
		x.w.Header().Set("Retry-After", at.Format(http.TimeFormat))
	}
}
