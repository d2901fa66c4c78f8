package emulator

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers one request of either API.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Emulator: e, w: w, r: r, now: e.now()}
	x.path = strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	x.stream = e.streamNamed(streamAt(x.path))
	x.takeFaults()
	x.record()
	x.setDate()
	if x.faults.Intercept != nil && x.faults.Intercept(w, r, x.n) {
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/client/v4/"):
		x.serveCloudflare()
	case strings.HasPrefix(r.URL.Path, "/api/datasets"):
		x.serveKeywordsAI()
	default:
		http.NotFound(w, r)
	}
}

// streamAt is the name of the stream whose logs a path asks for; empty: none.
func streamAt(path []string) string {
	switch {
	case len(path) == 8 && path[0] == "client" && path[7] == "logs":
		return "cloudflare/" + path[3] + "/" + path[6]
	case len(path) >= 4 && path[1] == "datasets" && path[3] == "logs":
		return "keywordsai/" + path[2]
	}
	return ""
}

// An exchange is one request and what is known about it so far.
type exchange struct {
	*Emulator
	w      http.ResponseWriter
	r      *http.Request
	now    time.Time // when the request arrived, by the emulator's clock
	path   []string
	stream *Stream // nil: the request asks for no stream's logs
	faults Faults
	n      int // ordinal of the request among those under the same faults, from 1
	seen   *Request
	pads   []int // bytes of padding that the body's gaps stand for, in order
}

// takeFaults copies the faults that apply, so that they hold for one exchange.
func (x *exchange) takeFaults() {
	x.mu.Lock()
	x.handled++
	x.faults, x.n = x.Emulator.faults, x.handled
	x.mu.Unlock()
	if x.stream == nil {
		return
	}
	x.stream.mu.Lock()
	defer x.stream.mu.Unlock()
	x.stream.asked++
	x.n = x.stream.asked
	if x.stream.faults != nil {
		x.faults = *x.stream.faults
	}
}

func (x *exchange) setDate() {
	if x.faults.NoDate {
		x.w.Header()["Date"] = nil // the server adds none
		return
	}
	x.w.Header().Set("Date", x.now.Add(x.faults.DateOff).Format(http.TimeFormat))
}

// pause waits, or ends early when the client has gone.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// bearer is the token of an Authorization header; empty: missing or another
// scheme.
func bearer(r *http.Request) string {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return ""
	}
	return strings.TrimSpace(token)
}
