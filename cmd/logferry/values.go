package main

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"logferry/ferry"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

var (
	durationForm = regexp.MustCompile(`^([0-9]+[smhdw])+$`)
	durationPart = regexp.MustCompile(`([0-9]+)([smhdw])`)
	unitLength   = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": week}
)

// parseDuration reads whole numbers with s, m, h, d or w, joined: 90s, 1d12h.
// A day has 24 hours.
func parseDuration(text string) (time.Duration, error) {
	if !durationForm.MatchString(text) {
		return 0, errors.New("is not a duration: give whole numbers with s, m, h, d or w, such as 10m or 1d12h")
	}
	var sum time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		unit := unitLength[part[2]]
		n, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil || n > int64((math.MaxInt64-sum)/unit) {
			return 0, errors.New("is longer than 292 years")
		}
		sum += time.Duration(n) * unit
	}
	return sum, nil
}

// roughly is d in its two largest units, for people.
func roughly(d time.Duration) string {
	parts := durationPart.FindAllString(ferry.FormatDuration(d), 2)
	return strings.Join(parts, "")
}

// parseInstant reads what the flags call T: RFC 3339, a date (UTC midnight),
// or a duration before now.
func parseInstant(text string, now time.Time) (time.Time, error) {
	t, err := readInstant(strings.TrimSpace(text), now)
	if err == nil && t.Before(firstLog) {
		err = errors.New("is before 2015-01-01, from when on a log can be")
	}
	return t, err
}

// firstLog is the first time that a log may have: see transform.
var firstLog = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

func readInstant(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	if ago, err := parseDuration(text); err == nil {
		return now.Add(-ago).UTC(), nil
	}
	return time.Time{}, errors.New("is not a time: give 2026-11-01T08:00:00Z, a date such as 2026-11-01, or how long ago, such as 7d")
}

// parseBudget reads requests per span: 1000/5m.
func parseBudget(text string) (ferry.Budget, error) {
	wrong := errors.New("is not a budget: give requests/duration, such as 1000/5m")
	count, span, ok := strings.Cut(text, "/")
	if !ok {
		return ferry.Budget{}, wrong
	}
	requests, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil {
		return ferry.Budget{}, wrong
	}
	per, err := parseDuration(strings.TrimSpace(span))
	if err != nil {
		return ferry.Budget{}, wrong
	}
	if requests < 1 || requests > 1_000_000 || per < time.Second || per > day {
		return ferry.Budget{}, errors.New("is out of range: give 1 to 1000000 requests in 1s to 1d")
	}
	return ferry.Budget{Requests: requests, Per: per}, nil
}

// parseOnOff reads a switch, in the spellings people use.
func parseOnOff(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "on", "true", "yes", "1":
		return true, nil
	case "off", "false", "no", "0":
		return false, nil
	}
	return false, errors.New("is neither on nor off")
}
