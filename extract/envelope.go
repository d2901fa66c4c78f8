package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Why a body with a good HTTP status is not an answer. Their text must not
// quote the body, which the errors of encoding/json do.
var (
	errNotJSON  = errors.New("the answer is not whole, valid JSON")
	errEnvelope = errors.New("the answer has not the documented form")
)

// A denial is a body that says of itself that the request failed.
type denial struct{}

func (*denial) Error() string { return "the answer says success: false" }

// A listing is one page of any list.
type listing struct {
	shape   string // result; logs, results or array
	entries [][]byte
	total   int64 // entries in all pages; -1: not said
	size    int   // entries a page; 0: not said
}

// readCloudflare reads {result: […], result_info: {…}, success: true}. A
// missing result_info is tolerated: its members are all optional.
func readCloudflare(body []byte) (listing, error) {
	m, err := object(body)
	if err != nil {
		return listing{}, err
	}
	switch string(m["success"]) {
	case "true":
	case "false":
		return listing{}, &denial{}
	default:
		return listing{}, errEnvelope
	}
	entries, ok := array(m["result"])
	if !ok {
		return listing{}, errEnvelope
	}
	info, err := object(m["result_info"])
	if err != nil {
		info = nil
	}
	return listing{
		shape:   "result",
		entries: entries,
		total:   number(info["total_count"], -1),
		size:    int(number(info["per_page"], 0)),
	}, nil
}

// keywordsShapes are the forms of a Keywords AI list answer that is an object:
// the name of its array, and of its total. The first is the oldest document's,
// the second is what the live service was seen to send; datasets is the first
// one's sister for the list of datasets.
var keywordsShapes = []struct{ array, total string }{
	{"logs", "total"}, {"results", "count"}, {"datasets", "total"},
}

// readKeywordsAI reads one of the three forms: {logs, total, page_size, …},
// {results, count, next, previous} or a bare array, which has no total.
func readKeywordsAI(body []byte) (listing, error) {
	if entries, ok := array(body); ok {
		return listing{shape: "array", entries: entries, total: -1}, nil
	}
	m, err := object(body)
	if err != nil {
		return listing{}, err
	}
	for _, shape := range keywordsShapes {
		if entries, ok := array(m[shape.array]); ok {
			return listing{
				shape:   shape.array,
				entries: entries,
				total:   number(m[shape.total], -1),
				size:    int(number(m["page_size"], 0)),
			}, nil
		}
	}
	return listing{}, errEnvelope
}

// readFailure finds in an error's body Cloudflare's code (the one that
// decides, else the first) and Respan's retry_after as text. Bodies of any
// other kind give neither.
func readFailure(body []byte) (code int, retryAfter string) {
	m, err := object(body)
	if err != nil {
		return 0, ""
	}
	list, _ := array(m["errors"])
	for _, raw := range list {
		e, _ := object(raw)
		n := int(number(e["code"], 0))
		if decisive(n) {
			code = n
			break
		}
		if code == 0 {
			code = n
		}
	}
	return code, text(m["retry_after"])
}

// text is a JSON string's text, or a number's digits; empty for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// number is a whole number of at least zero, plain or as a string; otherwise
// missing.
func number(raw json.RawMessage, missing int64) int64 {
	n, err := strconv.ParseInt(text(raw), 10, 64)
	if err != nil || n < 0 {
		return missing
	}
	return n
}

// answer turns a page of logs into an Answer.
func (l listing) answer(r reply) Answer {
	return Answer{
		Docs: l.docs(r.bytes), Total: l.total, Size: l.size, Shape: l.shape,
		Date: r.date, Bytes: r.bytes, Requests: r.requests,
	}
}

// docs are the entries. A few in a large body leave it: they are not to hold
// on to what else is in it.
func (l listing) docs(body int64) [][]byte {
	var size int64
	for _, e := range l.entries {
		size += int64(len(e))
	}
	if size > body/2 {
		return l.entries
	}
	docs := make([][]byte, len(l.entries))
	for i, e := range l.entries {
		docs[i] = slices.Clone(e)
	}
	return docs
}

// listAll reads all pages of a short list, such as the gateways of an account.
// It ends on an empty page, on one that brings no new id (a server that
// ignores the page number), and on a short one when the total has been seen.
// Where the total is not said only an empty page is believed: the server may
// serve less a page than asked.
func (c *client) listAll(op string, size int, fetch func(page int) (listing, error)) ([]map[string]json.RawMessage, error) {
	var all []map[string]json.RawMessage
	seen := map[string]bool{}
	for page := 1; ; page++ {
		l, err := fetch(page)
		if IsNoPage(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		before := len(seen)
		for i, raw := range l.entries {
			entry, err := object(raw)
			id := text(entry["id"])
			if err != nil || id == "" {
				cause := fmt.Errorf("entry %d of page %d has no id", i+1, page)
				return nil, c.failed(&call{op: op}, Unavailable, 0, cause)
			}
			if !seen[id] {
				seen[id] = true
				all = append(all, entry)
			}
		}
		if l.size == 0 {
			l.size = size
		}
		short := len(l.entries) < l.size && l.total > 0 && int64(len(seen)) >= l.total
		if len(seen) == before || short {
			return all, nil
		}
	}
}
