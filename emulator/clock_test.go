package emulator_test

import (
	"bytes"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// a clock stands still until it is advanced.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock(at time.Time) *clock { return &clock{at: at} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func contains(body []byte, text string) bool { return bytes.Contains(body, []byte(text)) }

// window is a filters parameter for the instants between two, both excluded.
func window(from, to time.Time) string {
	bound := func(operator string, at time.Time) string {
		return fmt.Sprintf(`{"key":"created_at","operator":%q,"value":[%q]}`, operator, at.Format(time.RFC3339Nano))
	}
	return url.QueryEscape("[" + bound("gt", from) + "," + bound("lt", to) + "]")
}
