package emulator_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"logferry/emulator"
)

// Padding is made as it is sent: with gzip, far more comes out than went over
// the wire; and it ends where the document does.
func TestPadding(t *testing.T) {
	const size = 20 << 20
	s := newScene(t, emulator.Options{})
	s.fill(3, "created_at")
	for _, zipped := range []bool{false, true} {
		s.gateway.SetFaults(emulator.Faults{Gzip: zipped, Pad: func(l emulator.Log) int {
			if l.ID == "a001" {
				return size
			}
			return 0
		}})
		body, wire := s.bytes(t)
		if n := len(body); n < size || n > size+4096 || !strings.Contains(body, `,"padding":"`+strings.Repeat("padding ", size/8)+`"}`) {
			t.Errorf("gzip %t: %d bytes, padded with %d", zipped, n, size)
		}
		if zipped != (wire < size/100) {
			t.Errorf("gzip %t: %d bytes over the wire", zipped, wire)
		}
	}
}

// A counter counts what is read through it.
type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// bytes asks for the gateway's logs; what comes may be compressed.
func (s *scene) bytes(t *testing.T) (body string, wire int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/client/v4/accounts/acc/ai-gateway/gateways/gw/logs", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	counted := &counter{Reader: answer.Body}
	var from io.Reader = counted
	if answer.Header.Get("Content-Encoding") == "gzip" {
		if from, err = gzip.NewReader(counted); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), counted.n
}
