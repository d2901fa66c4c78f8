package transform

import (
	"strconv"
	"strings"
	"time"
)

// identify reads the log's id from the first member that has one.
func (r *reading) identify(names ...string) *Reject {
	for _, name := range names {
		value := r.given(name) // a withheld id is not another one
		if value == nil || isEmpty(value) {
			continue
		}
		if value[0] == '"' {
			id, clean := unquote(value)
			if !clean {
				return r.refuse(RejectNoID, name+" holds NUL, a lone surrogate or invalid UTF-8; two such ids could not be told apart")
			}
			r.logID = id
		} else if allDigits(string(value)) {
			r.note(IssueTypeCoerced)
			r.logID = string(value)
		} else {
			return r.refuse(RejectNoID, name+" is neither text nor a whole number")
		}
		if len(r.logID) > maxIDBytes {
			r.logID = ""
			return r.refuse(RejectIDTooLong, name+" has over "+strconv.Itoa(maxIDBytes)+" bytes")
		}
		return nil
	}
	return r.refuse(RejectNoID, "no "+strings.Join(names, " and no "))
}

// usableTime is the log's time for a reject: zero when there is none that a
// record could have.
func (r *reading) usableTime() time.Time {
	value := r.value(r.timeField)
	if value == nil || value[0] != '"' {
		return time.Time{}
	}
	text, _ := unquote(value)
	t, _, ok := parseTime(text)
	if !ok || !inRange(t, r.options.Now) {
		return time.Time{}
	}
	return t
}

// createdAt reads the stream's one time field.
func (r *reading) createdAt(name string) (time.Time, *Reject) {
	value := r.value(name)
	if value == nil || isEmpty(value) {
		return time.Time{}, r.refuse(RejectNoCreatedAt, "no "+name)
	}
	text := string(value)
	if value[0] == '"' {
		text, _ = unquote(value)
	}
	if len(text) <= maxClaimedBytes && isScalar(value) {
		r.claimed = text
	}
	t, zoned, ok := parseTime(text)
	if value[0] != '"' || !ok {
		return t, r.refuse(RejectNoCreatedAt, name+" is no date and time")
	}
	if !zoned {
		r.note(IssueTZAssumed)
	}
	if !inRange(t, r.options.Now) {
		return t, r.refuse(RejectTimeOutOfRange, name+" is before 2015 or more than a day ahead")
	}
	return t, nil
}

// time reads a time that is not the key.
func (r *reading) time(name string) *time.Time {
	text := r.text(name)
	if text == "" {
		return nil
	}
	t, zoned, ok := parseTime(text)
	if !ok || !inRange(t, r.options.Now) {
		r.note(IssueValueOutOfRange)
		return nil
	}
	if !zoned {
		r.note(IssueTZAssumed)
	}
	return &t
}
