package transform

import (
	"math"
	"strconv"
	"strings"
)

// A decimal is a number exactly as its JSON text says: digits × 10^exponent.
// Its size is that of the text, however large the exponent.
type decimal struct {
	negative bool
	digits   string // without leading zeros; "" is zero
	exponent int64
}

// parseDecimal reads a number in JSON's grammar; false when the text is none.
func parseDecimal(text string) (decimal, bool) {
	var d decimal
	text, d.negative = strings.CutPrefix(text, "-")
	mantissa := text
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var ok bool
		if d.exponent, ok = parseExponent(text[i+1:]); !ok {
			return decimal{}, false
		}
		mantissa = text[:i]
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !allDigits(whole) || point && !allDigits(fraction) || len(whole) > 1 && whole[0] == '0' {
		return decimal{}, false
	}
	d.digits = strings.TrimLeft(whole+fraction, "0")
	d.exponent -= int64(len(fraction))
	return d, true
}

// parseExponent reads a signed exponent. One past any use is taken as a number
// of that sign that no rule accepts.
func parseExponent(text string) (int64, bool) {
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || !allDigits(digits) {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		n = math.MaxInt32
		if text[0] == '-' {
			n = math.MinInt32
		}
	}
	return n, true
}

func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// scaled returns the absolute value times 10^places, rounded half up, as digits
// without leading zeros, and whether nothing was rounded. It is false when
// there are more than limit digits.
func (d decimal) scaled(places, limit int) (units string, exact, ok bool) {
	if d.digits == "" {
		return "0", true, true
	}
	n := int64(len(d.digits)) + d.exponent + int64(places) // digits before the point
	if n > int64(limit) {
		return "", false, false
	}
	if n < 0 {
		return "0", false, true
	}
	kept, rest := d.digits, ""
	if missing := n - int64(len(kept)); missing >= 0 {
		kept += strings.Repeat("0", int(missing))
	} else {
		kept, rest = kept[:n], kept[n:]
	}
	if rest != "" && rest[0] >= '5' {
		kept = increment(kept)
	}
	if kept == "" {
		kept = "0"
	}
	return kept, strings.Trim(rest, "0") == "", len(kept) <= limit
}

// increment adds one to a number of decimal digits.
func increment(digits string) string {
	nines := len(digits) - len(strings.TrimRight(digits, "9"))
	head := digits[:len(digits)-nines]
	if head == "" {
		return "1" + strings.Repeat("0", nines)
	}
	last := len(head) - 1
	return head[:last] + string(head[last]+1) + strings.Repeat("0", nines)
}

// count returns the value times 10^places as a whole number, rounded half up.
// It is false when the value is negative or does not fit.
func (d decimal) count(places int) (n int32, exact, ok bool) {
	units, exact, ok := d.scaled(places, 10)
	if !ok || d.negative && d.digits != "" {
		return 0, false, false
	}
	wide, err := strconv.ParseInt(units, 10, 64)
	return int32(wide), exact, err == nil && wide <= math.MaxInt32
}

// Money has 12 decimals and 8 digits before the point: numeric(20,12).
const (
	moneyPlaces = 12
	moneyDigits = 20
)

// money returns dollars as plain decimal text, rounded half up to 12 decimals,
// without needless zeros. It is false when the amount is negative (no price
// is; a source that says -1 means unknown) or does not fit numeric(20,12).
func (d decimal) money() (string, bool) {
	units, _, ok := d.scaled(moneyPlaces, moneyDigits)
	if !ok || d.negative && d.digits != "" {
		return "", false
	}
	if len(units) <= moneyPlaces {
		units = strings.Repeat("0", moneyPlaces+1-len(units)) + units
	}
	point := len(units) - moneyPlaces
	cents := strings.TrimRight(units[point:], "0")
	if cents == "" {
		return units[:point], true
	}
	return units[:point] + "." + cents, true
}

// maxNumericDigits bounds the digits on either side of the point that a number
// inside metadata or a payload may have. A numeric holds more, but nobody means
// more, and 1e131000 would be written out in full.
const maxNumericDigits = 1000

// fitsNumeric tells whether a valid JSON number can be stored inside jsonb.
func fitsNumeric(number []byte) bool {
	if len(number) <= 15 && !strings.ContainsAny(string(number), "eE") {
		return true
	}
	d, ok := parseDecimal(string(number))
	return ok && int64(len(d.digits))+d.exponent <= maxNumericDigits && d.exponent >= -maxNumericDigits
}
