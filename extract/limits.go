package extract

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait caps every wait that a source asks for: Cloudflare's block after
// too many requests lasts five minutes, and nothing longer is believed.
const longestWait = 5 * time.Minute

// retryAfter reads a Retry-After value: seconds, or an HTTP date, which is
// taken relative to the answer's own Date (now if that is zero), so that a
// skewed clock changes nothing. A date in the past means no wait. It reports
// false for anything else, negative numbers too.
func retryAfter(value string, date, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if d, ok := seconds(value); ok {
		return d, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if date.IsZero() {
		date = now
	}
	return min(max(at.Sub(date), 0), longestWait), true
}

// seconds reads a count of seconds, fractions rounded up, at most longestWait.
func seconds(text string) (time.Duration, bool) {
	if text == "" || text[0] < '0' || text[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(n, 1) || math.IsNaN(n) {
		return 0, false
	}
	if n >= longestWait.Seconds() {
		return longestWait, true
	}
	return time.Duration(math.Ceil(n)) * time.Second, true
}

// An allowance is one item of a Ratelimit header: what the source still
// grants under one of its policies.
type allowance struct {
	left  int64         // requests left
	reset time.Duration // until the quota is whole again, at most longestWait
	quota int64         // q of the policy of the same name; 0: not said
}

// allowances reads the Ratelimit and Ratelimit-Policy headers as Cloudflare
// sends them since 2025-09-03: `"default";r=50;t=30` and
// `"default";q=1200;w=300`. Both may be lists, parameters may come in any
// order, names may lack their quotes. An item without r or t is left out.
func allowances(h http.Header) []allowance {
	quotas := map[string]int64{}
	for _, it := range listItems(h.Values("Ratelimit-Policy")) {
		if q, err := strconv.ParseInt(it.params["q"], 10, 64); err == nil {
			quotas[it.name] = q
		}
	}
	var out []allowance
	for _, it := range listItems(h.Values("Ratelimit")) {
		left, err := strconv.ParseInt(it.params["r"], 10, 64)
		reset, ok := seconds(it.params["t"])
		if err == nil && left >= 0 && ok {
			out = append(out, allowance{left: left, reset: reset, quota: max(quotas[it.name], 0)})
		}
	}
	return out
}

// low says whether so little is left that a request beyond the inFlight ones,
// or somebody at the dashboard, could exceed the quota: less than inFlight
// plus 5 % of the quota.
func (a allowance) low(inFlight int64) bool {
	return a.left < inFlight+a.quota/20
}

// lowWait is how long to send nothing given these headers; 0: go on.
func lowWait(h http.Header, inFlight int64) time.Duration {
	var wait time.Duration
	for _, a := range allowances(h) {
		if a.low(inFlight) {
			wait = max(wait, a.reset)
		}
	}
	return wait
}

// A listItem is one member of a structured header list.
type listItem struct {
	name   string
	params map[string]string
}

// listItems reads `name;key=value;key=value, name;…` from all lines of a
// header. It is lenient: what has no form is skipped.
func listItems(lines []string) []listItem {
	var items []listItem
	for _, part := range splitOutside(strings.Join(lines, ","), ',') {
		fields := splitOutside(part, ';')
		it := listItem{name: unquote(fields[0]), params: map[string]string{}}
		for _, f := range fields[1:] {
			if key, value, ok := strings.Cut(f, "="); ok {
				it.params[strings.ToLower(strings.TrimSpace(key))] = unquote(value)
			}
		}
		items = append(items, it)
	}
	return items
}

// splitOutside splits text at sep, but not inside double quotes.
func splitOutside(text string, sep byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == sep && !quoted:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func unquote(text string) string {
	return strings.Trim(strings.TrimSpace(text), `"`)
}
