package main

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"logferry/ferry"
)

// A checker turns text into values and gathers every problem instead of
// stopping at the first. Each problem names the variable, what was given
// (unless secret), and what is wanted.
type checker struct {
	problems []string
	warnings []string
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// refuse says that a value that is no secret cannot be used.
func (c *checker) refuse(name, text string, why any) {
	shown := text
	if len(shown) > 60 {
		shown = strings.ToValidUTF8(shown[:60], "") + "..."
	}
	if isQuoted(text) {
		c.problem("%s: %q %v; the quotes are part of the value: remove them", name, shown, why)
		return
	}
	c.problem("%s: %q %v", name, shown, why)
}

func isQuoted(text string) bool {
	return len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]
}

// quoted refuses, without showing it, a value in quotes: env files and YAML
// keep them where a shell would not.
func (c *checker) quoted(name, text string) bool {
	if isQuoted(text) {
		c.problem("%s: is wrapped in quotes, which are part of the value: remove them", name)
	}
	return isQuoted(text)
}

func (c *checker) duration(name, text string, least, most time.Duration) time.Duration {
	d, err := parseDuration(text)
	switch {
	case err != nil:
		c.refuse(name, text, err)
	case d < least || d > most:
		c.refuse(name, text, fmt.Sprintf("is out of range: give %s to %s", ferry.FormatDuration(least), ferry.FormatDuration(most)))
	}
	return d
}

func (c *checker) onOff(name, text string) bool {
	on, err := parseOnOff(text)
	if err != nil {
		c.refuse(name, text, err)
	}
	return on
}

func (c *checker) budget(name, text string) ferry.Budget {
	b, err := parseBudget(text)
	if err != nil {
		c.refuse(name, text, err)
	}
	return b
}

func (c *checker) number(name, text string, least, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		c.refuse(name, text, fmt.Sprintf("is not a whole number from %d to %d", least, most))
	}
	return n
}

func (c *checker) oneOf(name, text string, words ...string) string {
	if !slices.Contains(words, text) {
		c.refuse(name, text, "is not one of "+strings.Join(words, ", "))
	}
	return text
}

// identifier accepts what providers use as ids in paths, and nothing that
// would change the path.
var identifier = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// list reads a comma list of ids; * alone means all and gives nil.
func (c *checker) list(name, text string) []string {
	var ids []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(ids, item) {
			ids = append(ids, item)
		}
	}
	isBad := func(id string) bool { return !identifier.MatchString(id) }
	switch {
	case slices.Equal(ids, []string{"*"}):
		return nil
	case len(ids) == 0 || slices.ContainsFunc(ids, isBad):
		c.refuse(name, text, "is not a list of ids: give ids with commas between, or * alone")
	}
	return ids
}

// baseURL reads an address of a provider's API. It must not end in any of the
// tails, which logferry appends itself.
func (c *checker) baseURL(name, text string, tails ...string) string {
	if c.quoted(name, text) {
		return ""
	}
	isOdd := func(r rune) bool { return r <= ' ' || r == utf8.RuneError } // a path's would be sent escaped
	u, err := url.Parse(text)
	if err == nil && u.User != nil {
		c.problem("%s: has a user name or password in it: remove them", name)
		return ""
	}
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsFunc(text, isOdd):
		// The text may hold a password that did not parse as one.
		c.problem("%s: is not an address: give https://host/path", name)
	case u.RawQuery != "" || u.Fragment != "":
		c.refuse(name, text, "has a query or fragment: give https://host/path")
	case slices.ContainsFunc(tails, func(tail string) bool { return strings.HasSuffix(strings.TrimRight(u.Path, "/"), tail) }):
		c.refuse(name, text, fmt.Sprintf("ends in what is appended anyway: leave out %s", tails[0]))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		c.warn("%s: plain http to %s shows the credential and the logs to the network: use https", name, u.Hostname())
	}
	return strings.TrimRight(text, "/")
}

// isAddress tells whether text is something to listen on.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// secret returns a token or key that can be sent in a header.
func (c *checker) secret(name string, s Secret) string {
	text := s.reveal()
	isOdd := func(r rune) bool { return r <= ' ' || r > '~' }
	if !c.quoted(name, text) && strings.ContainsFunc(text, isOdd) {
		c.problem("%s: has a space, a line break or a character that no token has: copy it again", name)
	}
	return text
}

// databaseURL returns a connection string that pgx can parse; empty if text is
// not one.
func (c *checker) databaseURL(name string, s Secret) string {
	text := s.reveal()
	if text == "" || c.quoted(name, text) {
		return ""
	}
	if _, err := pgx.ParseConfig(text); err != nil {
		c.problem("%s: is not a Postgres URL%s; give postgres://user:password@host:5432/database, special characters in the password percent-encoded", name, safeReason(text, err))
		return ""
	}
	return text
}

// safeReason is why a connection string did not parse, or nothing when the
// reason repeats any part of what may be a password. Today's pgx repeats none;
// but a password with an unescaped @ or / is taken for a host or port, which an
// error may quote.
func safeReason(text string, err error) string {
	_, reason, ok := strings.Cut(err.Error(), "`: ")
	if !ok {
		return ""
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		_, rest, _ = strings.Cut(rest, ":")
		if end := strings.LastIndex(rest, "@"); end >= 0 && sharesText(reason, rest[:end]) {
			return ""
		}
	}
	if at := strings.Index(strings.ToLower(text), "password"); at >= 0 && sharesText(reason, text[at+len("password"):]) {
		return ""
	}
	return " (" + reason + ")"
}

// sharesText tells whether three characters in a row of private (or all of it,
// if shorter) are in shown.
func sharesText(shown, private string) bool {
	n := min(3, len(private))
	for i := 0; n > 0 && i+n <= len(private); i++ {
		if strings.Contains(shown, private[i:i+n]) {
			return true
		}
	}
	return false
}
