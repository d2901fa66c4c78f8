package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A condition is one element of Cloudflare's filters parameter.
type condition struct {
	Key      string            `json:"key"`
	Operator string            `json:"operator"` // eq, neq, contains, lt or gt: there is no gte or lte
	Value    []json.RawMessage `json:"value"`
}

// cloudflareWindow reads filters, one query parameter holding a JSON array,
// and the deprecated start_date and end_date, which are inclusive.
func (x *exchange) cloudflareWindow(query url.Values) (window, error) {
	var w window
	if text := filtersText(query); text != "" {
		apply, err := w.treat(x.faults.Filters)
		if apply {
			err = x.cloudflareFilters(&w, text)
		}
		if err != nil {
			return w, err
		}
	}
	start, end := query.Get("start_date"), query.Get("end_date")
	if start == "" && end == "" {
		return w, nil
	}
	apply, err := w.treat(x.faults.Dates)
	if apply && start != "" {
		err = x.applyBound(&w, "gte", json.RawMessage(start))
	}
	if apply && err == nil && end != "" {
		err = x.applyBound(&w, "lte", json.RawMessage(end))
	}
	return w, err
}

// filtersText is the filters parameter. The vendor's own SDKs spell it as keys,
// operators and values side by side (filters.key=a&filters.key=b&…); whether the
// service takes that is not known, here it does, a value for each key.
func filtersText(query url.Values) string {
	keys, operators, values := query["filters.key"], query["filters.operator"], query["filters.value"]
	if len(keys) == 0 || len(operators) != len(keys) || len(values) != len(keys) {
		return query.Get("filters")
	}
	conditions := make([]map[string]any, len(keys))
	for i := range keys {
		conditions[i] = map[string]any{"key": keys[i], "operator": operators[i], "value": []string{values[i]}}
	}
	return string(encode(conditions))
}

// applyBound narrows the window by gt, gte, lt or lte and a time, which is a
// JSON string or bare text.
func (x *exchange) applyBound(w *window, operator string, value json.RawMessage) error {
	bound, err := parseTime(plainText(value))
	if err != nil {
		return err
	}
	if strict := !strings.HasSuffix(operator, "e"); strings.HasPrefix(operator, "g") {
		w.atLeast(bound, strict, x.faults)
	} else {
		w.atMost(bound, strict, x.faults)
	}
	return nil
}

// treat says whether a filter is to be applied, where the faults want
// something else with it.
func (w *window) treat(how Treatment) (apply bool, err error) {
	switch how {
	case Ignored:
		return false, nil
	case Refused:
		return false, errors.New("this filter is not supported")
	case MatchesNothing:
		w.nothing = true
		return false, nil
	}
	return true, nil
}

func (x *exchange) cloudflareFilters(w *window, text string) error {
	var conditions []condition
	if err := json.Unmarshal([]byte(text), &conditions); err != nil {
		return errors.New("filters must be a JSON array of {key, operator, value}")
	}
	for _, c := range conditions {
		if len(c.Value) == 0 {
			return fmt.Errorf("filters: %s has no value", c.Key)
		}
		if c.Key == "created_at" && (c.Operator == "gt" || c.Operator == "lt") {
			if err := x.applyBound(w, c.Operator, c.Value[0]); err != nil {
				return err
			}
			continue
		}
		match, err := matcher(c.Key, c.Operator, c.Value)
		if err != nil {
			return err
		}
		w.and(match)
	}
	return nil
}

// matcher compares a member of the document, or the log's id, with values; a
// dot in the key leads into an object. eq and in mean any of the values, neq
// and not none of them.
func matcher(key, operator string, values []json.RawMessage) (func(*Log) bool, error) {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = plainText(v)
	}
	read := func(l *Log) string {
		value := l.Doc
		for name := range strings.SplitSeq(key, ".") {
			value = member(value, name)
		}
		return plainText(value)
	}
	if key == "id" || key == "unique_id" {
		read = func(l *Log) string { return l.ID }
	}
	switch operator {
	case "eq", "in", "":
		return func(l *Log) bool { return slices.Contains(texts, read(l)) }, nil
	case "neq", "not":
		return func(l *Log) bool { return !slices.Contains(texts, read(l)) }, nil
	}
	return nil, fmt.Errorf("filters: %s %s is not supported by the emulator", key, operator)
}

// plainText is a JSON string's text, or the text of any other value.
func plainText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// parseTime reads RFC 3339; a text without zone is UTC.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date-time", text)
}

// cloudflareOrder reads order_by and its direction: newest first unless asked
// otherwise. The emulator orders by created_at alone.
func cloudflareOrder(query url.Values) (Order, error) {
	if by := query.Get("order_by"); by != "" && by != "created_at" {
		return "", fmt.Errorf("order_by: the emulator orders by created_at, not by %q", by)
	}
	direction := query.Get("order_by_direction")
	if direction == "" {
		direction = query.Get("direction")
	}
	switch direction {
	case "", "desc":
		return Newest, nil
	case "asc":
		return Oldest, nil
	}
	return "", fmt.Errorf("order_by_direction must be asc or desc, not %q", direction)
}
