package emulator

import (
	"slices"
	"time"
)

// A Request is one request as the emulator saw it.
type Request struct {
	At         time.Time // arrival, by the emulator's clock
	Method     string
	Path       string // without query
	Credential string // the bearer token; empty: none
	Status     int    // of the answer; 0: not answered yet, or by an Intercept

	// The rest is set for requests that were understood as lists.

	Stream   string // whose logs were asked for, as in cloudflare/<account>/<gateway>; empty: a list of streams
	Page     int    // from 1
	Size     int    // rows a page as asked for, before any clamp
	Filtered bool   // a time filter was sent and understood
	// From and To are the half-open span [From, To) that the filters select as
	// the emulator understood them; zero: open on that side.
	From, To time.Time
}

func (x *exchange) record() {
	x.seen = &Request{At: x.now, Method: x.r.Method, Path: x.r.URL.Path, Credential: bearer(x.r)}
	if x.stream != nil {
		x.seen.Stream = x.stream.name
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.requests = append(x.requests, x.seen)
}

// note adds what became known of the recorded request and returns a copy.
func (x *exchange) note(add func(*Request)) Request {
	x.mu.Lock()
	defer x.mu.Unlock()
	add(x.seen)
	return *x.seen
}

// Requests are all requests so far, in the order of arrival, refused ones
// included.
func (e *Emulator) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]Request, len(e.requests))
	for i, r := range e.requests {
		all[i] = *r
	}
	return all
}

// CountRequests counts the requests that match; nil: all.
func (e *Emulator) CountRequests(match func(Request) bool) int {
	count := 0
	for _, r := range e.Requests() {
		if match == nil || match(r) {
			count++
		}
	}
	return count
}

// ForgetRequests empties the record. Budgets keep their memory.
func (e *Emulator) ForgetRequests() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = nil
}

// MaxInWindow is the greatest number of requests of a credential in any span
// (t - d, t], refused ones included; an empty credential means all of them.
func (e *Emulator) MaxInWindow(credential string, d time.Duration) int {
	var times []time.Time
	for _, r := range e.Requests() {
		if credential == "" || r.Credential == credential {
			times = append(times, r.At)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	most, first := 0, 0
	for i, at := range times {
		for !times[first].After(at.Add(-d)) {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
