package transform

import "time"

// earliest is the first time a log may have; nothing that logferry reads is
// older. The latest is a day after the pass's clock.
var earliest = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

func inRange(t, now time.Time) bool {
	return !t.Before(earliest) && !t.After(now.Add(24*time.Hour))
}

// parseTime reads a date and time as the sources write them: RFC 3339, with T,
// t or a space between, any number of fractional digits, and Z, z, an offset
// (+02:00, +0200, +02) or no zone, which is taken as UTC (zoned is false then).
// The result is UTC and cut, never rounded, to microseconds. A leap second is
// the first instant of the next minute, as in Postgres.
func parseTime(text string) (t time.Time, zoned, ok bool) {
	const layout = "0000-00-00T00:00:00"
	if len(text) < len(layout) {
		return t, false, false
	}
	for i := range len(layout) {
		if c := text[i]; !fits(layout[i], c) {
			return t, false, false
		}
	}
	year, month, day := number(text[:4]), number(text[5:7]), number(text[8:10])
	hour, minute, second := number(text[11:13]), number(text[14:16]), number(text[17:19])
	nanos, rest, ok := fraction(text[len(layout):])
	if !ok || hour > 23 || minute > 59 || second > 60 {
		return t, false, false
	}
	offset, zoned, ok := zone(rest)
	midnight := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if !ok || midnight.Day() != day || int(midnight.Month()) != month {
		return t, false, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return t.Add(-offset), zoned, true
}

// fits tells whether c can stand where the layout has the given character.
func fits(layout, c byte) bool {
	switch layout {
	case '0':
		return c >= '0' && c <= '9'
	case 'T':
		return c == 'T' || c == 't' || c == ' '
	}
	return c == layout
}

// number reads a few decimal digits.
func number(digits string) int {
	n := 0
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}

// fraction reads an optional decimal fraction of a second, cut to microseconds,
// and returns what follows it.
func fraction(text string) (nanos int, rest string, ok bool) {
	if text == "" || text[0] != '.' {
		return 0, text, true
	}
	end := 1
	for end < len(text) && fits('0', text[end]) {
		end++
	}
	digits := (text[1:end] + "000000")[:6]
	return number(digits) * 1000, text[end:], end > 1
}

// zone reads what follows the seconds.
func zone(text string) (offset time.Duration, zoned, ok bool) {
	switch {
	case text == "":
		return 0, false, true
	case text == "Z" || text == "z":
		return 0, true, true
	case text[0] != '+' && text[0] != '-':
		return 0, false, false
	}
	digits := text[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	if len(digits) == 2 {
		digits += "00"
	}
	if len(digits) != 4 || !allDigits(digits) {
		return 0, false, false
	}
	hours, minutes := number(digits[:2]), number(digits[2:])
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, true, hours <= 23 && minutes <= 59
}
