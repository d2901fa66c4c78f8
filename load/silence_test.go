package load

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// A server that neither answers nor takes what it is sent is found out. The
// error must not be a timeout's: the driver would keep the connection for it.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(net.Conn) (int, error){
		"read":  func(c net.Conn) (int, error) { return c.Read(make([]byte, 1)) },
		"write": func(c net.Conn) (int, error) { return c.Write([]byte("x")) },
	} {
		near, far := net.Pipe()
		defer far.Close()
		_, err := do(&impatient{near, 20 * time.Millisecond})
		var network net.Error
		if !errors.As(err, &network) || network.Timeout() || !passing(err) {
			t.Errorf("%s: %v, want a broken connection", name, err)
		}
		if err := classify("try", err); err == nil || !strings.Contains(err.Error(), "no answer (silent for 20ms)") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := near.Write([]byte("x")); err == nil {
			t.Errorf("%s: the connection is still open", name)
		}
	}
}
