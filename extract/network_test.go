package extract

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// hijacked answers every request by what do does to its connection.
func hijacked(t *testing.T, do func(*net.TCPConn)) string {
	t.Helper()
	s, _ := diary(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		do(conn.(*net.TCPConn))
		_ = conn.Close()
	})
	return s.URL
}

// reset sends some bytes and then a reset instead of an end.
func reset(some string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, some)
		_ = conn.SetLinger(0)
	}
}

// A network that fails, whenever it does, is tried again, until there is no
// time left; and what it said is not repeated.
func TestP04ConnectionFaultsAreRetried(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	const head = "HTTP/1.1 200 OK\r\nX-Canary: " + canaryPrompt
	for _, c := range []struct {
		name, base string
		want       string // any of these, by |
	}{
		{"connection refused", "http://" + closed.Addr().String(), "connection refused"},
		{"closed before headers", hijacked(t, func(*net.TCPConn) {}), "the connection ended before the answer did"},
		{"reset before headers", hijacked(t, reset("")), "connection reset"},
		{"reset in headers", hijacked(t, reset(head)), "connection reset|the connection ended before the answer did"},
		{"reset in the body", hijacked(t, reset(head+"\r\nContent-Length: 5000\r\n\r\n"+canaryPrompt)), "connection reset|the connection ended before the answer did"},
		{"noise", hijacked(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, canaryPrompt+" is not HTTP\r\n\r\n") }), "the connection failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			retriedUntilLate(t, cloudflareAt(c.base), strings.Split(c.want, "|")...)
		})
	}
	t.Run("no such host", func(t *testing.T) {
		t.Parallel()
		transport := newTransport(1)
		transport.DialContext = (&net.Dialer{Resolver: &net.Resolver{
			PreferGo: true,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("the name server " + canaryPrompt + " is down")
			},
		}}).DialContext
		retriedUntilLate(t, NewCloudflare(CloudflareConfig{
			Token: canaryToken, AccountID: "acc", BaseURL: "http://" + strings.ToLower(canaryPrompt) + ".test", Options: Options{Transport: transport},
		}), "the host name can't be resolved")
	})
}

// retriedUntilLate checks that a request fails for want of time to try again,
// and says one of the causes.
func retriedUntilLate(t *testing.T, cf *Cloudflare, causes ...string) {
	t.Helper()
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		_, err := cf.Page(ctx, firstPage)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && try < 5 {
			continue // a busy machine: the time was over while a request was under way
		}
		if KindOf(err) != Unavailable || !errors.Is(err, ErrNoTime) {
			t.Errorf("%v; want Unavailable for want of time", err)
		}
		said := false
		for _, cause := range causes {
			said = said || strings.Contains(err.Error(), cause)
		}
		if !said || strings.Contains(strings.ToUpper(err.Error()), "CANARY") {
			t.Errorf("%v; want %q and nothing that was sent", err, causes)
		}
		return
	}
}

// A server that can't prove who it is gets no credential, now or later.
func TestP04TLSIdentityIsNotRetried(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		name     string
		host     string
		from, to time.Time
		trusted  bool
		want     Kind
	}{
		{"good", "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour), true, 0},
		{"expired", "127.0.0.1", now.Add(-2 * time.Hour), now.Add(-time.Hour), true, Config},
		{"not valid yet", "127.0.0.1", now.Add(time.Hour), now.Add(2 * time.Hour), true, Config},
		{"of another host", "127.0.0.2", now.Add(-time.Hour), now.Add(time.Hour), true, Config},
		{"of an unknown authority", "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour), false, Config},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			certificate, authority := certify(t, c.host, c.from, c.to)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.want != 0 {
					t.Error("the request was sent")
				}
				_, _ = io.WriteString(w, emptyPage)
			}))
			s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the handshake
			s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
			s.StartTLS()
			defer s.Close()
			transport := newTransport(1)
			if c.trusted {
				transport.TLSClientConfig.RootCAs = authority
			}
			cf := NewCloudflare(CloudflareConfig{Token: canaryToken, AccountID: "acc", BaseURL: s.URL, Options: Options{Transport: transport}})
			_, err := cf.Page(t.Context(), firstPage)
			if KindOf(err) != c.want || cf.Stats().Requests != 1 || err != nil && !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%v after %d requests, want kind %d after one", err, cf.Stats().Requests, c.want)
			}
		})
	}
}

// certify makes a certificate for an address, and an authority that vouches
// for it.
func certify(t *testing.T, host string, from, to time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, IPAddresses: []net.IP{net.ParseIP(host)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	authority := x509.NewCertPool()
	authority.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority
}
