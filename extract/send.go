package extract

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// MaxBody is how large an answer may be, inflated, in bytes.
const MaxBody = 8 << 20

const (
	attemptTime  = 30 * time.Second // one request, its body included
	maxErrorBody = 64 << 10         // bytes read of an answer that is an error
)

// newTransport is HTTP as Go has it (proxy variables, SSL_CERT_FILE, gzip),
// with TLS 1.2 as the floor. The pings find an HTTP/2 connection that has
// silently died, which would otherwise swallow every retry.
func newTransport(concurrency int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		MaxIdleConnsPerHost:    concurrency,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// An exchange is one HTTP answer, read to its end or, for an error status, as
// far as it matters.
type exchange struct {
	status int
	header http.Header
	body   []byte
}

// target builds a call's URL. The page's URL is always our own: a link in an
// answer may lead to another host, or back to page 1.
func (c *client) target(call *call) (*url.URL, error) {
	if strings.ContainsFunc(c.token, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, c.failed(call, Refused, 0, errors.New("it holds a line break or another control character"))
	}
	u, err := url.Parse(c.base + call.path)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, c.failed(call, Config, 0, errors.New("the base URL is not an http or https URL"))
	}
	u.RawQuery = call.query.Encode()
	return u, nil
}

// send makes one HTTP request and reads its answer. It adds to sent how often
// the request went out. A *fault may be tried again; other errors mean that ctx
// has ended.
func (c *client) send(ctx context.Context, call *call, target *url.URL, sent *int) (exchange, error) {
	limited, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	c.count(sent)
	c.inFlight.Add(1)
	defer c.inFlight.Add(-1)
	var denied error
	again := func() {
		if denied = c.permit(ctx, call); denied != nil {
			cancel()
			return
		}
		c.count(sent)
	}
	res, err := c.http.Do(c.request(watch(limited, again), call, target))
	if denied != nil {
		return exchange{}, denied
	}
	if err != nil {
		return exchange{}, c.broken(ctx, limited, call, err)
	}
	defer res.Body.Close()
	ex := exchange{status: res.StatusCode, header: res.Header}
	if ex.status/100 != 2 {
		// The status decides; the body may add a code or a hint.
		ex.body, _ = io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
		c.bytes.Add(int64(len(ex.body)))
		return ex, ctx.Err()
	}
	// The transport has inflated the stream: the limit is on what comes out.
	ex.body, err = readBody(res.Body, res.ContentLength, call.room)
	c.bytes.Add(int64(len(ex.body)))
	switch {
	case errors.Is(err, errOutgrown):
		return exchange{}, c.failed(call, TooLarge, ex.status, err)
	case err != nil:
		return exchange{}, c.broken(ctx, limited, call, err)
	case len(ex.body) > MaxBody:
		e := c.failed(call, TooLarge, ex.status, ErrTooLarge)
		e.stub = stubOf(ex.body)
		return exchange{}, e
	}
	return ex, nil
}

// count counts a request that goes out.
func (c *client) count(sent *int) {
	*sent++
	c.requests.Add(1)
	if c.onRequest != nil {
		c.onRequest()
	}
}

// watch makes the transport tell when it sends a request again by itself, as it
// does with a GET when a connection that it reused turns out to be dead: that takes
// a permit of its own, and without one the request ends.
func watch(ctx context.Context, again func()) context.Context {
	sent := false
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if sent {
			again()
		}
		sent = true
	}})
}

// readBody reads a body, or MaxBody and a byte of it, in as little memory as it
// can: length is what the answer says, -1 where it doesn't. It ends with
// errOutgrown where the room can't be made large enough.
func readBody(r io.Reader, length int64, m *room) ([]byte, error) {
	if length < 0 {
		length = 64 << 10
	}
	var body []byte
	for size := min(length, MaxBody) + 1; ; size = min(2*size, MaxBody+1) { // one more byte meets the end
		if !m.grow(min(size, MaxBody)) {
			return nil, errOutgrown
		}
		body = append(make([]byte, 0, size), body...)
		for len(body) < cap(body) {
			n, err := r.Read(body[len(body):cap(body)])
			body = body[:len(body)+n]
			if errors.Is(err, io.EOF) {
				return body, nil
			} else if err != nil {
				return body, err
			}
		}
		if len(body) > MaxBody {
			return body, nil
		}
	}
}

// request makes the http.Request of a call; target is known to be good.
func (c *client) request(ctx context.Context, call *call, target *url.URL) *http.Request {
	r := (&http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: http.Header{}}).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("Accept", "application/json")
	if call.body != nil {
		r.Method = http.MethodPost
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(call.body))
		r.Body = io.NopCloser(bytes.NewReader(call.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.body)), nil }
	}
	return r
}

// follow checks a redirect and returns where to go. The same request, method
// and body included, is sent again, and only to the same scheme and host:
// elsewhere it would hand over the credential. Three hops for GET, one for POST.
func (c *client) follow(call *call, from *url.URL, location string, hop int) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil {
		return nil, c.failed(call, Config, 0, errors.New("it redirects to something that is not a URL"))
	}
	if to.Scheme != from.Scheme || to.Host != from.Host {
		return nil, c.failed(call, Config, 0, fmt.Errorf("it redirects to %s, where the credential is not sent", origin(to)))
	}
	if call.body != nil && hop > 1 || hop > 3 {
		return nil, c.failed(call, Config, 0, errors.New("it redirects again and again"))
	}
	if to.RawQuery == "" {
		to.RawQuery = from.RawQuery
	}
	return to, nil
}

// origin is a URL's scheme and host, for messages.
func origin(u *url.URL) string {
	return fmt.Sprintf("%.100q", (&url.URL{Scheme: u.Scheme, Host: u.Host}).String())
}

// broken makes an error of a request that got no whole answer. If ctx itself
// has ended that is no fault of the source.
func (c *client) broken(ctx, limited context.Context, call *call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if limited.Err() != nil {
		return c.retryable(call, 0, fmt.Errorf("no whole answer within %s", attemptTime))
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return c.failed(call, Config, 0, errors.New("its TLS certificate is not valid for this host, see also SSL_CERT_FILE"))
	}
	return c.retryable(call, 0, networkCause(err))
}

// networkCause puts a network error in words of our own: the errors of
// net/http quote URLs, proxy passwords and pieces of what was received.
func networkCause(err error) error {
	var op *net.OpError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return errors.New("the proxy can't be reached")
	case errors.As(err, &dns):
		return errors.New("the host name can't be resolved")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("connection reset")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended before the answer did")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the connection timed out")
	}
	return errors.New("the connection failed")
}
