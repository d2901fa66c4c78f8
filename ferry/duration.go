package ferry

import (
	"fmt"
	"strings"
	"time"
)

// FormatDuration spells a duration as flags and settings take it, such as
// 1d12h; less than a second is cut off.
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / unit.length; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d %= unit.length
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
