package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Keywords AI's rows a page: documented with 50 in its samples, clamped to 100.
const (
	keywordsAIDefaultSize = 50
	keywordsAIMaxSize     = 100
)

// serveKeywordsAI answers /api/datasets/… as listed in the package comment.
func (x *exchange) serveKeywordsAI() {
	if !strings.HasSuffix(x.r.URL.Path, "/") && !x.dialect().SlashOptional {
		x.redirectToSlash()
		return
	}
	if !x.admitKeywordsAI() {
		return
	}
	rest := x.path[2:] // after api, datasets
	get, post := x.r.Method == http.MethodGet, x.r.Method == http.MethodPost
	switch {
	case len(rest) == 0 && get, len(rest) == 1 && rest[0] == "list" && (get || post):
		x.listDatasets()
	case len(rest) == 2 && rest[1] == "logs" && get, len(rest) == 3 && rest[1] == "logs" && rest[2] == "list" && (get || post):
		if x.stream == nil {
			x.detail(http.StatusNotFound, "Not found.")
			return
		}
		x.listKeywordsAILogs()
	case get || post:
		x.detail(http.StatusNotFound, "Not found.")
	default:
		x.detail(http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", x.r.Method))
	}
}

// dialect is the one of the dataset asked for, or the emulator's.
func (x *exchange) dialect() Dialect {
	if x.stream == nil {
		return x.opts.KeywordsAI.whole()
	}
	x.stream.mu.Lock()
	defer x.stream.mu.Unlock()
	return x.stream.dialect.whole()
}

func (x *exchange) redirectToSlash() {
	to := *x.r.URL
	to.Path += "/"
	x.w.Header().Set("Location", to.RequestURI())
	x.reply(http.StatusMovedPermanently, "text/html", nil)
}

// admitKeywordsAI checks the key and draws from the budget.
func (x *exchange) admitKeywordsAI() bool {
	key := bearer(x.r)
	if key == "" {
		x.detail(http.StatusUnauthorized, "Authentication credentials were not provided.")
		return false
	}
	if x.opts.KeywordsAIKey != "" && key != x.opts.KeywordsAIKey {
		x.detail(http.StatusUnauthorized, "Invalid API key.")
		return false
	}
	permit := x.keywordsAI.draw(key, x.now)
	if !permit.granted {
		x.keywordsAIThrottled(permit.wait)
	}
	return permit.granted
}

// keywordsAIThrottled answers 429 with the hint in the body, as documented,
// unless the faults say otherwise.
func (x *exchange) keywordsAIThrottled(wait time.Duration) {
	x.hint(wait)
	body := map[string]any{"detail": "Request was throttled."}
	if x.faults.RetryHint == "" || x.faults.RetryHint == HintBody {
		body["retry_after"] = seconds(wait)
	}
	x.reply(http.StatusTooManyRequests, "application/json", encode(body))
}

func (x *exchange) detail(status int, text string) {
	x.reply(status, "application/json", encode(map[string]any{"detail": text}))
}

func (x *exchange) keywordsAIRefuses(failure Failure) {
	switch failure {
	case Throttled:
		x.keywordsAIThrottled(time.Second)
	case NotAllowed:
		x.detail(http.StatusForbidden, "You do not have permission to perform this action.")
	case NotSuccess:
		x.detail(http.StatusOK, "Internal server error.")
	}
}

func (x *exchange) listDatasets() {
	ask, err := x.readAsk(Dialect{PageFrom: Anywhere}.whole())
	if err != nil {
		x.detail(http.StatusBadRequest, err.Error())
		return
	}
	failure, answered := x.fails(x.keywordsAIRefuses)
	if answered {
		return
	}
	x.note(func(r *Request) { r.Page, r.Size = ask.page, ask.asked })
	var docs [][]byte
	for _, s := range x.datasets() {
		docs = append(docs, s.datasetEntry())
	}
	total, start := len(docs), (ask.page-1)*ask.size
	if start >= total && ask.page > 1 {
		x.detail(http.StatusNotFound, "Invalid page.")
		return
	}
	docs = docs[start:min(total, start+ask.size)]
	x.replyJSON(x.results(docs, ask, total, total), failure)
}

func (s *Stream) datasetEntry() []byte {
	logs := s.Len()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry != nil {
		return s.entry
	}
	return encode(map[string]any{
		"id": s.id, "name": s.title, "type": "sampling", "status": "ready", "log_count": logs,
		"created_at": "2025-01-01T00:00:00.000000Z", "updated_at": "2025-01-01T00:00:00.000000Z",
	})
}

func (x *exchange) listKeywordsAILogs() {
	d := x.dialect()
	ask, err := x.readAsk(d)
	q := listing{page: ask.page, size: ask.size, order: d.order(ask.sort)}
	if err == nil {
		q.window, err = x.keywordsAIWindow(d, ask.filters)
	}
	if err != nil {
		x.detail(http.StatusBadRequest, err.Error())
		return
	}
	if x.faults.Order != "" {
		q.order = x.faults.Order
	}
	if x.faults.MaxRows > 0 {
		q.size = min(q.size, x.faults.MaxRows)
	}
	failure, answered := x.fails(x.keywordsAIRefuses)
	if answered {
		return
	}
	answer := x.cut(q, ask.asked)
	if answer.pastEnd && d.PastEnd == InvalidPage {
		x.detail(http.StatusNotFound, "Invalid page.")
		return
	}
	ask.size = q.size
	x.replyJSON(x.shaped(d.Shape, answer, ask), failure)
}

// shaped is the body of a log list.
func (x *exchange) shaped(shape Shape, answer cut, ask keywordsAIAsk) []byte {
	switch shape {
	case ShapeArray:
		return array(answer.docs)
	case ShapeResults:
		return x.results(answer.docs, ask, answer.total, answer.matched)
	}
	info := map[string]any{"page": ask.page, "page_size": ask.size}
	if answer.total >= 0 {
		info["total"] = answer.total
		info["total_pages"] = (answer.total + ask.size - 1) / ask.size
	}
	return fmt.Appendf(nil, `{"logs":%s,%s`, array(answer.docs), encode(info)[1:])
}

// results is the form of Django REST framework; count may be wrong, as the
// faults want it, the links follow what there really is.
func (x *exchange) results(docs [][]byte, ask keywordsAIAsk, count, matched int) []byte {
	info := map[string]any{"next": nil, "previous": nil}
	if count >= 0 {
		info["count"] = count
	}
	if ask.page*ask.size < matched {
		info["next"] = x.link(ask.page+1, ask.size)
	}
	if ask.page > 1 {
		info["previous"] = x.link(ask.page-1, ask.size)
	}
	return fmt.Appendf(nil, `{"results":%s,%s`, array(docs), encode(info)[1:])
}

func (x *exchange) link(page, size int) string {
	host := x.faults.NextHost
	if host == "" {
		host = "http://" + x.r.Host
	}
	return fmt.Sprintf("%s%s?page=%d&page_size=%d", host, x.r.URL.Path, page, size)
}
