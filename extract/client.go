package extract

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what both sources' clients take besides their credential.
type Options struct {
	Version     string            // logferry's own, for the user agent
	Concurrency int               // requests in flight; below 1: 1
	Tries       int               // of one call; below 1: 5
	Budget      Budget            // of the credential; the zero value: no limit
	OnRequest   func()            // called as each request is sent, retries included; nil: not called
	Transport   http.RoundTripper // nil: our own
}

// Stats counts what a client has done so far.
type Stats struct {
	Requests int64 // sent, retries and redirects included
	Retries  int64 // of them, repetitions of a failed one
	Bytes    int64 // inflated bytes of bodies read
	// Awaited is until when nothing is sent, for want of budget or because the
	// source asked for a pause, although requests wait; zero: none does.
	Awaited time.Time
}

// A client sends requests with one credential to one host. Every request
// takes a slot (requests in flight) and a permit (the shared budget), has one
// time limit for its headers and body together, and is repeated as patience
// allows. An answer counts only when its body is whole and decodes.
type client struct {
	source    string
	token     string
	secret    string // the environment variable that token came from
	base      string // without a trailing slash
	agent     string
	http      *http.Client
	slots     chan struct{}
	permits   *permits
	tries     int // of one call
	onRequest func()
	// blind is how long a 429 without any hint stops everybody; try is from 1.
	blind func(try int) time.Duration

	inFlight, requests, bytes atomic.Int64

	mu        sync.Mutex
	retries   int64     // all repetitions
	spent     int64     // of them, those that count against the client's own limit
	accepted  bool      // the credential worked earlier in this run
	forbidden time.Time // the first 403 since it last worked
}

// A call is one thing asked of the source, however many requests it takes.
type call struct {
	op        string // for messages: list logs
	container string // gateway or dataset id; empty: about the account
	page      int    // from 1
	path      string // after the base URL, escaped
	query     url.Values
	body      []byte // nil: GET, else POST
	room      *room  // for the answer's body; nil: not bounded
	// decode keeps what the call wants of a whole body, or says why it is
	// not an answer: errNotJSON, errSpoilt, errEnvelope or a *denial.
	decode func(body []byte) error
}

// A reply is what is known about a call beside its decoded body.
type reply struct {
	date     time.Time // the Date header; zero: missing
	bytes    int64     // inflated body size
	requests int       // requests used, failed ones included
}

func newClient(source, token, secret, base string, o Options) *client {
	o.Concurrency = max(o.Concurrency, 1)
	if o.Tries < 1 {
		o.Tries = maxTries
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.Concurrency)
	}
	return &client{
		source: source,
		token:  token,
		secret: secret,
		base:   strings.TrimRight(base, "/"),
		agent:  "logferry/" + o.Version,
		http: &http.Client{
			Transport: o.Transport,
			// Redirects are followed by hand: see follow.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots:     make(chan struct{}, o.Concurrency),
		permits:   newPermits(o.Budget),
		tries:     o.Tries,
		onRequest: o.OnRequest,
	}
}

// stats may be called at any time.
func (c *client) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Requests: c.requests.Load(), Retries: c.retries, Bytes: c.bytes.Load(), Awaited: c.permits.awaited()}
}

// do asks until there is an answer or no more patience. It returns an *Error
// when the source failed, and other errors when ctx ended or the budget could
// not be drawn from.
func (c *client) do(ctx context.Context, call *call) (reply, error) {
	patience := newPatience(c)
	requests := 0
	for {
		r, err := c.attempt(ctx, call)
		requests += r.requests
		r.requests = requests
		var f *fault
		if !errors.As(err, &f) {
			return r, err
		}
		wait, again := patience.next(f)
		if f.verdict == limited {
			if err := c.permits.block(ctx, f.hint); err != nil {
				return r, err
			}
		}
		f.err.Tries = patience.tries
		if !again {
			return r, f.err
		}
		if err := c.permits.rest(ctx, wait); errors.Is(err, ErrNoTime) {
			return r, f.outOfTime(wait)
		} else if err != nil {
			return r, err
		}
	}
}

// list asks for one page of a list, which read finds in an answer's body.
func (c *client) list(ctx context.Context, read func(body []byte) (listing, error), call *call) (l listing, r reply, err error) {
	m := mender{read: read}
	call.decode = func(body []byte) (err error) {
		l, err = m.listing(body)
		return err
	}
	r, err = c.do(ctx, call)
	return l, r, err
}

// attempt makes one try: one request, or a few when it is redirected.
func (c *client) attempt(ctx context.Context, call *call) (reply, error) {
	var r reply
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return r, ctx.Err()
	}
	target, err := c.target(call)
	if err != nil {
		return r, err
	}
	for hop := 1; ; hop++ {
		if err := c.permit(ctx, call); err != nil {
			return r, err
		}
		ex, err := c.send(ctx, call, target, &r.requests)
		if err != nil {
			return r, err
		}
		if err := c.permits.block(ctx, lowWait(ex.header, c.inFlight.Load())); err != nil {
			return r, err
		}
		if location := ex.header.Get("Location"); location != "" && ex.status/100 == 3 {
			if target, err = c.follow(call, target, location, hop); err != nil {
				return r, err
			}
			continue
		}
		r.date, _ = http.ParseTime(ex.header.Get("Date"))
		r.bytes = int64(len(ex.body))
		return r, c.judge(call, ex)
	}
}

// permit waits for a permit for one request.
func (c *client) permit(ctx context.Context, call *call) error {
	err := c.permits.take(ctx)
	if errors.Is(err, ErrNoTime) {
		return c.failed(call, Unavailable, 0, err)
	}
	return err
}

// failed is a final Error without a fault: it is not tried again.
func (c *client) failed(call *call, kind Kind, status int, cause error) *Error {
	return &Error{
		Kind: kind, Source: c.source, Container: call.container, Op: call.op,
		Secret: c.secret, Status: status, Tries: 1, Err: cause,
	}
}
