package transform

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// A reading is one document while it becomes a record: its members, read by
// exact name, and the issues met on the way. A member that is absent or null
// reads as nil or "".
type reading struct {
	members object
	*issues

	doc     []byte
	crowded bool // members are only those that a table lists
	partial bool // values were withheld from the document when it was kept
	known   fields
	options *Options
	logID   string // once read
	claimed string // the time as written, once read

	timeField string // the member that carries the log's time
}

// read splits a document; nil when it is not one JSON object.
func read(source string, doc []byte, known fields, o *Options) *reading {
	if start := skipSpace(doc, 0); start == len(doc) || doc[start] != '{' || !json.Valid(doc) {
		return nil
	}
	r := &reading{
		members: splitObject(doc), issues: &issues{}, doc: doc, known: known, options: o,
		timeField: firstText(o.TimeField, "created_at"),
		partial:   o.Kept && bytes.Contains(doc, []byte(standInHead)),
	}
	all := slices.Values(r.members)
	if r.crowded = r.members == nil; r.crowded {
		r.members, all = listedMembers(doc, known), membersOf(doc)
	}
	o.Drift.see(source, all, known)
	return r
}

// raw is the document as it may be stored.
func (r *reading) raw() []byte {
	if r.options.KeepPayloads || isStandIn(r.doc) {
		return r.doc
	}
	if r.crowded {
		return withholdCrowded(r.doc, r.known)
	}
	return withhold(r.members, r.known)
}

// within reads an inner object; one that is absent has no members.
func (r *reading) within(name string) *reading {
	return &reading{members: r.object(name), issues: r.issues, options: r.options, partial: r.partial}
}

func (r *reading) object(name string) object {
	value := r.value(name)
	if value == nil {
		return nil
	}
	if value[0] == '"' {
		value = embedded(r.unquote(value))
	}
	if len(value) == 0 || value[0] != '{' {
		r.note(IssueTypeMismatch)
		return nil
	}
	members := splitObject(value)
	if members == nil {
		r.note(IssueValueTooLong)
	}
	return members
}

// value returns a member's bytes; nil when it is absent or null, or was withheld
// when the document was kept.
func (r *reading) value(name string) []byte {
	value := r.given(name)
	if r.partial && isStandIn(value) {
		return nil
	}
	return value
}

// given returns a member's bytes, or what stands in for them; nil when it is
// absent or null.
func (r *reading) given(name string) []byte {
	value, count := r.members.last(name)
	if count > 1 {
		r.note(IssueDuplicateMember)
	}
	if value == nil || value[0] == 'n' {
		return nil
	}
	return value
}

// text reads a text. Numbers and flags become their spelling.
func (r *reading) text(name string) string {
	value := r.value(name)
	switch {
	case value == nil:
		return ""
	case value[0] == '"':
		return r.unquote(value)
	case isScalar(value):
		r.note(IssueTypeCoerced)
		return string(value)
	}
	r.note(IssueTypeMismatch)
	return ""
}

// short reads a text that has to fit an index.
func (r *reading) short(name string, maxBytes int) string {
	return r.atMost(r.text(name), maxBytes)
}

func (r *reading) atMost(text string, maxBytes int) string {
	if len(text) > maxBytes {
		r.note(IssueValueTooLong)
		return ""
	}
	return text
}

// flag reads true or false; 1 and 0, and either as text, are accepted.
func (r *reading) flag(name string) *bool {
	value := r.value(name)
	if value == nil || isEmpty(value) {
		return nil
	}
	yes := false
	switch strings.ToLower(string(bytes.Trim(value, `"`))) {
	case "true", "1":
		yes = true
	case "false", "0":
	default:
		r.note(IssueTypeMismatch)
		return nil
	}
	if value[0] != 't' && value[0] != 'f' {
		r.note(IssueTypeCoerced)
	}
	return &yes
}

func (r *reading) isTrue(name string) bool {
	flag := r.flag(name)
	return flag != nil && *flag
}
