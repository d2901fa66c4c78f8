package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A keywordsAIAsk is what a list request asks for, read from the places that
// the dialect looks at.
type keywordsAIAsk struct {
	page    int
	asked   int // rows a page as asked for
	size    int // the same, clamped
	sort    string
	filters json.RawMessage // nil: none
}

// maxAskBytes is far above any list request.
const maxAskBytes = 1 << 20

func (x *exchange) readAsk(d Dialect) (keywordsAIAsk, error) {
	ask := keywordsAIAsk{page: 1, asked: keywordsAIDefaultSize, size: keywordsAIDefaultSize}
	body, err := x.readBody()
	if err != nil {
		return ask, err
	}
	query := x.r.URL.Query()
	read := func(from Place, name string) string {
		inBody := plainText(body[name])
		switch {
		case x.r.Method == http.MethodGet && from != Nowhere, from == InQuery:
			return query.Get(name)
		case from == InBody:
			return inBody
		case from == Anywhere && query.Has(name):
			return query.Get(name)
		case from == Anywhere:
			return inBody
		}
		return ""
	}
	if ask.page, err = atLeastOne(read(d.PageFrom, "page"), ask.page); err != nil {
		return ask, fmt.Errorf("page: %w", err)
	}
	if ask.asked, err = atLeastOne(read(d.PageFrom, "page_size"), ask.asked); err != nil {
		return ask, fmt.Errorf("page_size: %w", err)
	}
	ask.size = min(ask.asked, keywordsAIMaxSize)
	ask.sort = read(d.SortFrom, "sort_by")
	ask.filters = body["filters"]
	if text := query.Get("filters"); text != "" && x.r.Method == http.MethodGet {
		ask.filters = json.RawMessage(text)
	}
	return ask, nil
}

// readBody is the members of a POST's body; an empty body has none.
func (x *exchange) readBody() (map[string]json.RawMessage, error) {
	if x.r.Method != http.MethodPost {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(x.r.Body, maxAskBytes))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, errors.New("JSON parse error")
	}
	return body, nil
}

func atLeastOne(text string, absent int) (int, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("a whole number from 1 is required")
	}
	return n, nil
}

// order reads sort_by; a leading minus sorts backwards. Without one the list
// is in the order of unique_id, as documented.
func (d Dialect) order(sort string) Order {
	switch sort {
	case d.FilterField:
		return Oldest
	case "-" + d.FilterField:
		return Newest
	}
	return ByID
}

// keywordsAIWindow reads the filters.
func (x *exchange) keywordsAIWindow(d Dialect, filters json.RawMessage) (window, error) {
	var w window
	if len(filters) == 0 || string(filters) == "null" || string(filters) == "{}" || string(filters) == "[]" {
		return w, nil
	}
	apply, err := w.treat(x.faults.Filters)
	if apply {
		err = x.applyFilters(&w, d, filters)
	}
	return w, err
}

func (x *exchange) applyFilters(w *window, d Dialect, filters json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(filters, &fields); err != nil {
		return errors.New("filters: an object is required")
	}
	for field, value := range fields {
		if bundled := member(value, "filter_params"); d.Grammar == GrammarBundle && len(bundled) > 0 {
			if err := x.applyFilters(w, d, bundled); err != nil {
				return err
			}
			continue
		}
		conditions, understood := d.conditions(value)
		if otherTime := isTime(field) && field != d.FilterField; otherTime || !understood {
			if _, err := w.treat(d.OtherGrammar); err != nil {
				return fmt.Errorf("filters: %s: %w", field, err)
			}
			continue
		}
		for _, c := range conditions {
			if err := x.applyCondition(w, field, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// ranges are the operators that bound a span.
var ranges = []string{"gt", "gte", "lt", "lte"}

// isTime says whether a member may carry a log's time.
func isTime(field string) bool {
	return field == "created_at" || field == "timestamp" || field == "start_time"
}

// An operation is one condition on one field, whatever grammar it came in.
type operation struct {
	operator string
	value    []json.RawMessage
}

// conditions reads the conditions on one field; false: another grammar.
func (d Dialect) conditions(value json.RawMessage) ([]operation, bool) {
	if d.Grammar == GrammarBounds {
		return boundsGrammar(value)
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		list = []json.RawMessage{value}
	} else if d.Grammar != GrammarList {
		return nil, false
	}
	var all []operation
	for _, one := range list {
		operator := member(one, "operator")
		if len(operator) == 0 {
			return nil, false
		}
		all = append(all, operation{plainText(operator), values(member(one, "value"))})
	}
	return all, true
}

// boundsGrammar reads {"gte": …, "lte": …}, or a plain value to be equal to.
func boundsGrammar(value json.RawMessage) ([]operation, bool) {
	var bounds map[string]json.RawMessage
	if json.Unmarshal(value, &bounds) != nil {
		return []operation{{"eq", values(value)}}, !strings.HasPrefix(string(value), "[")
	}
	var all []operation
	for operator, bound := range bounds {
		if !slices.Contains(ranges, operator) {
			return nil, false
		}
		all = append(all, operation{operator, values(bound)})
	}
	return all, true
}

// values are the elements of a list, or the one value there is.
func values(value json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		return list
	}
	return []json.RawMessage{value}
}

func (x *exchange) applyCondition(w *window, field string, c operation) error {
	if len(c.value) == 0 {
		return fmt.Errorf("filters: %s has no value", field)
	}
	if isTime(field) && slices.Contains(ranges, c.operator) {
		return x.applyBound(w, c.operator, c.value[0])
	}
	match, err := matcher(field, c.operator, c.value)
	if err == nil {
		w.and(match)
	}
	return err
}
