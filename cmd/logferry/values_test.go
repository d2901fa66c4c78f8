package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"logferry/ferry"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90s": 90 * time.Second, "10m": 10 * time.Minute, "1d12h": 36 * time.Hour, "2w": 14 * day,
		"1h1h": 2 * time.Hour, "007m": 7 * time.Minute, "15250w": 15250 * week,
		"": -1, "10": -1, "m": -1, "1.5h": -1, "-1h": -1, "+1h": -1, "10 m": -1, "500ms": -1, "1y": -1, "1H": -1, "١h": -1,
		"15251w": -1, "99999999999999999999s": -1, "15250w52w": -1,
	} {
		got, err := parseDuration(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestDurationsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(290*365*day/time.Second)).Draw(t, "seconds")) * time.Second
		if got, err := parseDuration(ferry.FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%v was written as %q and read as %v, %v", d, ferry.FormatDuration(d), got, err)
		}
	})
}

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-01":                "2026-11-01T00:00:00Z",
		"2026-11-01T08:00:00Z":      "2026-11-01T08:00:00Z",
		"2026-11-01T08:00:00+02:00": "2026-11-01T06:00:00Z",
		" 1d12h\n":                  "2026-11-20T00:00:00Z",
		"":                          "", "yesterday": "", "2026-02-30": "", "2026-11-1": "", "2026-11-01 08:00:00": "",
		"2026-11-01T08:00:00": "", "1762000000": "", "now": "", "-1d": "",
		"2015-01-01": "2015-01-01T00:00:00Z", "2014-12-31": "", "0001-01-01": "", "0000-06-01T00:00:00Z": "", "9999w": "",
	} {
		got, err := parseInstant(text, noon)
		if want == "" && err == nil || want != "" && (err != nil || got.Format(time.RFC3339) != want || got.Location() != time.UTC) {
			t.Errorf("%q: got %v, %v; want %q", text, got, err, want)
		}
	}
}

func TestParseBudget(t *testing.T) {
	good := ferry.Budget{Requests: 1000, Per: 5 * time.Minute}
	for text, want := range map[string]ferry.Budget{
		"1000/5m": good, "1000 / 5m": good, "1000/300s": good,
		"": {}, "1000": {}, "/5m": {}, "1000/": {}, "0/5m": {}, "-1/5m": {}, "1000/0s": {}, "1000/2d": {}, "1e3/5m": {}, "1000/5": {}, "1000001/5m": {},
	} {
		got, err := parseBudget(text)
		if got != want || (err != nil) != (want == ferry.Budget{}) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestParseSchedule(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	schedule, err := parseSchedule("30 8 * * *", newYork, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := nextTimes(schedule, noon.In(newYork)); got != "2026-11-21 08:30 EST, 2026-11-22 08:30 EST, 2026-11-23 08:30 EST" {
		t.Error(got)
	}
	for _, text := range []string{
		"TZ=0", "CRON_TZ=UTC", "TZ=UTC * * * * *", "", "* * * *", "* * * * * *", "60 * * * *", "@reboot", "0 0 30 2 *", "0 0 31 4,6 *",
	} {
		if _, err := parseSchedule(text, time.UTC, noon); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// FuzzValues: no text makes a parser panic, and what one takes is in range.
func FuzzValues(f *testing.F) {
	for _, text := range []string{"1d12h", "1000/5m", "2026-11-01", "*/15 * * * *", "TZ=0", "@every 1h", "99999999999999999999w", "1/1s", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseDuration(text); err == nil && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
		if b, err := parseBudget(text); err == nil && (b.Requests < 1 || b.Per < time.Second) {
			t.Errorf("%q is %v", text, b)
		}
		if at, err := parseInstant(text, noon); err == nil && at.Year() < 2015 {
			t.Errorf("%q is %s, before any log", text, at)
		}
		if s, err := parseSchedule(text, time.UTC, noon); err == nil && s.Next(noon).IsZero() {
			t.Errorf("%q never comes", text)
		}
	})
}
