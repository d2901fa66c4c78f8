package load

import (
	"context"
	"fmt"
	"net"
	"time"
)

// usualSilence is how long a server that was asked may say nothing. Statements
// in transactions are cut at two minutes, and a count of a very large stream
// may take longer: one that is still silent then is not slow. It is gone, or
// something on the way has stopped passing on.
const usualSilence = 5 * time.Minute

// dialer opens connections that a server can't keep waiting for ever. TCP alone
// notices a peer that has vanished, if it does at all, after minutes, and one
// that accepts and says nothing never.
func dialer(limit time.Duration) func(context.Context, string, string) (net.Conn, error) {
	if limit == 0 {
		limit = usualSilence
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{conn, limit}, nil
	}
}

// An impatient connection closes when a read or a write takes longer than its
// limit. Deadlines are left to the driver, which ends statements by them. The
// driver reads only while it waits for an answer.
type impatient struct {
	net.Conn
	limit time.Duration
}

// Read reads what arrives within the limit.
func (c *impatient) Read(p []byte) (int, error) { return c.within("read", c.Conn.Read, p) }

// Write writes what the server takes within the limit.
func (c *impatient) Write(p []byte) (int, error) { return c.within("write", c.Conn.Write, p) }

func (c *impatient) within(op string, do func([]byte) (int, error), p []byte) (int, error) {
	timer := time.AfterFunc(c.limit, func() { c.Close() })
	n, err := do(p)
	if !timer.Stop() && err != nil {
		// The driver takes an error with a timeout for the end of a context, and
		// would keep the connection: this one has none.
		err = &net.OpError{Op: op, Net: "tcp", Err: fmt.Errorf("silent for %s", c.limit)}
	}
	return n, err
}
