package transform

import (
	"math"
	"strconv"
	"strings"
)

// number reads a number's text; a number inside a text is accepted. The second
// result is false when the member is absent or empty.
func (r *reading) number(name string) (text string, given bool) {
	value := r.value(name)
	switch {
	case value == nil || isEmpty(value):
		return "", false
	case kind(value) == "number":
		return string(value), true
	case value[0] == '"':
		text = strings.TrimSpace(r.unquote(value))
		if _, ok := parseDecimal(text); ok {
			r.note(IssueTypeCoerced)
		}
		return text, true
	}
	r.note(IssueTypeMismatch)
	return "", false
}

// count reads a whole number from 0 to the largest int32.
func (r *reading) count(name string) *int32 {
	text, given := r.number(name)
	if !given {
		return nil
	}
	if d, ok := parseDecimal(text); ok {
		if n, exact, ok := d.count(0); ok && exact {
			return &n
		}
	}
	r.note(IssueValueOutOfRange)
	return nil
}

// small reads a whole number within bounds.
func (r *reading) small(name string, low, high int32) *int16 {
	text, given := r.number(name)
	if !given {
		return nil
	}
	d, ok := parseDecimal(text)
	negative := d.negative
	d.negative = false
	n, exact, fits := d.count(0)
	if negative {
		n = -n
	}
	if !ok || !exact || !fits || n < low || n > high {
		r.note(IssueValueOutOfRange)
		return nil
	}
	short := int16(n)
	return &short
}

// milliseconds reads a duration given in units of 10^places milliseconds,
// rounded half up: 0 for milliseconds, 3 for seconds.
func (r *reading) milliseconds(name string, places int) *int32 {
	text, given := r.number(name)
	if !given {
		return nil
	}
	if d, ok := parseDecimal(text); ok {
		if n, _, ok := d.count(places); ok {
			return &n
		}
	}
	r.note(IssueBadDuration)
	return nil
}

// money reads dollars as decimal text; "" when absent or unusable.
func (r *reading) money(name string) string {
	text, given := r.number(name)
	if !given {
		return ""
	}
	if d, ok := parseDecimal(text); ok {
		if dollars, ok := d.money(); ok {
			return dollars
		}
	}
	r.note(IssueValueOutOfRange)
	return ""
}

// real reads a finite number of the given size in bits.
func (r *reading) real(name string, bits int) *float64 {
	text, given := r.number(name)
	if !given {
		return nil
	}
	return r.finite(text, bits)
}

func (r *reading) finite(text string, bits int) *float64 {
	x, err := strconv.ParseFloat(text, bits)
	if _, isNumber := parseDecimal(text); !isNumber || err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		r.note(IssueValueOutOfRange)
		return nil
	}
	x += 0 // -0 is 0
	return &x
}

func (r *reading) real32(name string) *float32 {
	x := r.real(name, 32)
	if x == nil {
		return nil
	}
	narrow := float32(*x)
	return &narrow
}
