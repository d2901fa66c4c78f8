package extract

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v7"
)

const (
	maxTries    = 5                // of one call
	freeRetries = 20               // of one client, or a tenth of its requests if that is more
	flapTime    = 60 * time.Second // how long a freshly made token may be refused now and then
)

// A verdict says what may be done about a fault.
type verdict int

const (
	final     verdict = iota // nothing
	retry                    // try again after a random delay
	doubted                  // ask once more: it is not known yet whether this is a fault
	limited                  // too many requests: everybody waits
	forbidden                // the credential was refused; it may be flapping
)

// A fault is a failed try.
type fault struct {
	err     *Error
	verdict verdict
	hint    time.Duration // the wait that the source asks for
	hinted  bool          // it asks for one
}

func (f *fault) Error() string { return f.err.Error() }

// outOfTime is the fault's Error when the next try would come too late.
func (f *fault) outOfTime(wait time.Duration) *Error {
	e := *f.err
	e.Kind = Unavailable
	e.Err = fmt.Errorf("the next try may be made in %s: %w", wait.Round(time.Second), ErrNoTime)
	if f.err.Err != nil {
		e.Err = fmt.Errorf("%w, %w", f.err.Err, e.Err)
	}
	return &e
}

func (c *client) retryable(call *call, status int, cause error) *fault {
	return &fault{err: c.failed(call, Unavailable, status, cause), verdict: retry}
}

// judge tells an answer from a fault.
func (c *client) judge(call *call, ex exchange) error {
	if ex.status/100 == 2 {
		err := call.decode(ex.body)
		if err == nil {
			c.accept()
			return nil
		}
		if _, denied := errors.AsType[*denial](err); !denied {
			f := c.retryable(call, ex.status, err)
			if errors.Is(err, errSpoilt) {
				f.verdict = doubted
			}
			return f
		}
	}
	code, bodyHint := readFailure(ex.body)
	kind, verdict := classify(ex.status, code, call.page)
	if kind == Gone && call.container == "" {
		kind = Config // the account itself: nothing that could be marked gone
	}
	f := &fault{err: c.failed(call, kind, ex.status, nil), verdict: verdict}
	f.err.Code = code
	f.hint, f.hinted = waitHint(ex.header, bodyHint)
	return f
}

// classify reads a failure by its HTTP status and by Cloudflare's numeric
// code: 6003 and 6111 are a malformed Authorization header, 10000 and 9109 a
// token that may not; 7001 is a bad request, 7003 a path that can't be routed
// (a wrong account id), 7002 a gateway that is not there.
func classify(status, code, page int) (Kind, verdict) {
	switch {
	case status == http.StatusTooManyRequests:
		return Unavailable, limited
	case status >= 500, status == 408, status == 409, status == 425:
		return Unavailable, retry
	case status == 401, code == 6003, code == 6111:
		return Refused, final
	case status == 403, code == 10000, code == 9109:
		return Refused, forbidden
	case page > 1 && (status == 400 || status == 404 || status == 422):
		return NoPage, final
	case code == 7001, code == 7003:
		return Config, final
	case status == 404, status == 410, code == 7002:
		return Gone, final
	case status/100 == 2:
		return Unavailable, retry
	}
	return Config, final
}

// decisive says whether a code of Cloudflare's alone says what went wrong.
func decisive(code int) bool {
	_, verdict := classify(http.StatusOK, code, 1)
	return verdict != retry
}

// waitHint is the wait that an answer asks for, by its Retry-After, else by
// its body, else by the reset of a quota that is used up.
func waitHint(h http.Header, body string) (time.Duration, bool) {
	date, _ := http.ParseTime(h.Get("Date"))
	if d, ok := retryAfter(h.Get("Retry-After"), date, time.Now()); ok {
		return d, true
	}
	if d, ok := seconds(body); ok {
		return d, true
	}
	d := lowWait(h, 1)
	return d, d > 0
}

// accept remembers that the credential works.
func (c *client) accept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted = true
	c.forbidden = time.Time{}
}

// flapping says whether a 403 now may be that of a token which was made a
// moment ago: the credential worked in this run, and has not been refused for
// longer than flapTime since.
func (c *client) flapping(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forbidden.IsZero() {
		c.forbidden = now
	}
	return c.accepted && now.Sub(c.forbidden) < flapTime
}

// spend takes one retry from the client's own, and reports false when they
// are used up. A source in trouble is not helped by being asked more often.
func (c *client) spend() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spent >= max(freeRetries, c.requests.Load()/10) {
		return false
	}
	c.spent++
	c.retries++
	return true
}

// again counts a repetition that is no retry of the client's own: the source
// answers, only not yet in a way that can be believed.
func (c *client) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retries++
}

// A patience decides for one call whether and when to try again.
type patience struct {
	client    *client
	tries     int
	delays    *backoff.ExponentialBackOff
	forbidden time.Time // this call's first 403
}

// newPatience uses full jitter: a delay is anywhere between nothing and twice
// its mean, which doubles from half a second.
func newPatience(c *client) *patience {
	delays := &backoff.ExponentialBackOff{
		InitialInterval:     500 * time.Millisecond,
		RandomizationFactor: 1,
		Multiplier:          2,
		MaxInterval:         8 * time.Second,
	}
	return &patience{client: c, delays: delays}
}

// next returns how long to wait before the next try, and whether there is one.
// A limited fault has its hint filled in either way: everybody else waits that
// long, even when this call is given up.
func (p *patience) next(f *fault) (time.Duration, bool) {
	p.tries++
	delay := p.delays.NextBackOff()
	switch f.verdict {
	case limited:
		if !f.hinted {
			f.hint = p.client.blind(p.tries)
		}
		return f.hint + delay/4, p.tries < p.client.tries && p.client.spend()
	case doubted:
		if p.tries == 1 {
			p.client.again()
			return 0, true
		}
		fallthrough
	case retry:
		return max(f.hint, delay), p.tries < p.client.tries && p.client.spend()
	case forbidden:
		return p.afterForbidden(time.Now())
	}
	return 0, false
}

// afterForbidden is bounded by time, not by tries: a new token is accepted
// and refused in turns for about a minute.
func (p *patience) afterForbidden(now time.Time) (time.Duration, bool) {
	if p.forbidden.IsZero() {
		p.forbidden = now
	}
	if !p.client.flapping(now) || now.Sub(p.forbidden) >= flapTime {
		return 0, false
	}
	p.client.again()
	return 2*time.Second + rand.N(4*time.Second), true
}
