package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cloudflare's limits on the rows of a page: above them it answers 400 with
// code 7001, it does not clamp.
const (
	cloudflareLogsPerPage     = 50
	cloudflareGatewaysPerPage = 100
	cloudflareDefaultPerPage  = 20
)

// serveCloudflare answers /client/v4/accounts/{account}/ai-gateway/gateways
// and …/{gateway}/logs.
func (x *exchange) serveCloudflare() {
	if !x.admitCloudflare() {
		return
	}
	if len(x.path) < 6 || x.path[2] != "accounts" || x.path[4] != "ai-gateway" || x.path[5] != "gateways" {
		x.cloudflareError(http.StatusNotFound, 7000, "No route for that URI")
		return
	}
	if x.r.Method != http.MethodGet {
		x.cloudflareError(http.StatusMethodNotAllowed, 10405, "Method not allowed for this authentication scheme")
		return
	}
	gateways, known := x.gatewaysOf(x.path[3])
	switch {
	case !known:
		x.cloudflareError(http.StatusBadRequest, 7003,
			"Could not route to "+x.r.URL.Path+", perhaps your object identifier is invalid?")
	case len(x.path) == 6:
		x.listGateways(gateways)
	case len(x.path) == 8 && x.path[7] == "logs" && x.stream != nil:
		x.listCloudflareLogs()
	default:
		x.cloudflareError(http.StatusNotFound, 7002, "Not Found")
	}
}

// admitCloudflare checks the token and draws from the budget.
func (x *exchange) admitCloudflare() bool {
	token := bearer(x.r)
	if token == "" {
		x.cloudflareError(http.StatusBadRequest, 6003, "Invalid request headers")
		return false
	}
	if x.opts.CloudflareToken != "" && token != x.opts.CloudflareToken {
		x.cloudflareError(x.opts.WrongTokenStatus, 10000, "Authentication error")
		return false
	}
	permit := x.cloudflare.draw(token, x.now)
	x.rateHeaders(permit)
	if !permit.granted {
		x.cloudflareThrottled(permit.wait)
	}
	return permit.granted
}

func (x *exchange) rateHeaders(permit draw) {
	budget := x.cloudflare.budget
	quota, window := budget.Requests, seconds(budget.Window)
	if quota < 0 {
		quota = permit.left
	}
	left, wait, header := permit.left, seconds(permit.wait), x.w.Header()
	policy := fmt.Sprintf(`"default";q=%d;w=%d`, quota, window)
	switch x.faults.RateHeaders {
	case HeadersNone:
	case HeadersLegacy:
		header.Set("X-Ratelimit-Limit", fmt.Sprint(quota))
		header.Set("X-Ratelimit-Remaining", fmt.Sprint(left))
		header.Set("X-Ratelimit-Reset", x.now.Add(permit.wait).Format(time.RFC1123))
	case HeadersSwapped:
		header.Set("Ratelimit", fmt.Sprintf(`default;t=%d;r=%d`, wait, left))
		header.Set("Ratelimit-Policy", fmt.Sprintf(`default;w=%d;q=%d`, window, quota))
	case HeadersListed:
		header.Set("Ratelimit", fmt.Sprintf(`"burst";r=200;t=1, "default";r=%d;t=%d`, left, wait))
		header.Set("Ratelimit-Policy", `"burst";q=200;w=1, `+policy)
	default:
		header.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, wait))
		header.Set("Ratelimit-Policy", policy)
	}
}

func (x *exchange) cloudflareThrottled(wait time.Duration) {
	if x.faults.RetryHint == "" {
		x.faults.RetryHint = HintSeconds
	}
	x.hint(wait)
	body := cloudflareFailure(10429, "Please wait and consider throttling your request speed")
	if x.faults.RetryHint == HintBody {
		body["retry_after"] = seconds(wait)
	}
	x.reply(http.StatusTooManyRequests, "application/json", encode(body))
}

func (x *exchange) cloudflareError(status, code int, message string) {
	x.reply(status, "application/json", encode(cloudflareFailure(code, message)))
}

func cloudflareFailure(code int, message string) map[string]any {
	return map[string]any{
		"success": false, "errors": []any{map[string]any{"code": code, "message": message}},
		"messages": []any{}, "result": nil,
	}
}

func (x *exchange) cloudflareRefuses(failure Failure) {
	switch failure {
	case Throttled:
		x.cloudflareThrottled(time.Second)
	case NotAllowed:
		x.cloudflareError(http.StatusForbidden, 10000, "Authentication error")
	case NotSuccess:
		x.cloudflareError(http.StatusOK, 7500, "Internal server error")
	}
}

// paging reads page and per_page; ok is false when it has answered 400.
func (x *exchange) paging(query url.Values, most int) (page, size int, ok bool) {
	page, pageErr := numberOr(query.Get("page"), 1)
	size, sizeErr := numberOr(query.Get("per_page"), cloudflareDefaultPerPage)
	if pageErr != nil || sizeErr != nil || page < 1 || size < 1 || size > most {
		x.cloudflareError(http.StatusBadRequest, 7001,
			fmt.Sprintf("page must be at least 1 and per_page between 1 and %d", most))
		return 0, 0, false
	}
	return page, size, true
}

func numberOr(text string, absent int) (int, error) {
	if text == "" {
		return absent, nil
	}
	return strconv.Atoi(text)
}

func (x *exchange) listGateways(gateways []*Stream) {
	page, size, ok := x.paging(x.r.URL.Query(), cloudflareGatewaysPerPage)
	if !ok {
		return
	}
	failure, answered := x.fails(x.cloudflareRefuses)
	if answered {
		return
	}
	x.note(func(r *Request) { r.Page, r.Size = page, size })
	var docs [][]byte
	for _, s := range gateways {
		if strings.Contains(s.id, x.r.URL.Query().Get("search")) {
			docs = append(docs, s.gatewayEntry())
		}
	}
	total := len(docs)
	docs = docs[min(total, (page-1)*size):min(total, page*size)]
	x.replyCloudflare(docs, page, size, total, failure)
}

func (s *Stream) gatewayEntry() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry != nil {
		return s.entry
	}
	return encode(map[string]any{
		"id": s.id, "created_at": "2025-01-01T00:00:00Z", "modified_at": "2025-01-01T00:00:00Z",
		"collect_logs": true, "log_management": 10_000_000, "log_management_strategy": "DELETE_OLDEST",
		"logpush": false, "is_default": false, "cache_ttl": 0, "cache_invalidate_on_update": false,
		"rate_limiting_interval": 0, "rate_limiting_limit": 0,
	})
}

func (x *exchange) listCloudflareLogs() {
	query := x.r.URL.Query()
	page, size, ok := x.paging(query, cloudflareLogsPerPage)
	if !ok {
		return
	}
	q := listing{page: page, size: size}
	var err error
	if q.window, err = x.cloudflareWindow(query); err == nil {
		q.order, err = cloudflareOrder(query)
	}
	if err != nil {
		x.cloudflareError(http.StatusBadRequest, 7001, err.Error())
		return
	}
	if x.faults.Order != "" {
		q.order = x.faults.Order
	}
	if x.faults.MaxRows > 0 {
		q.size = min(q.size, x.faults.MaxRows)
	}
	failure, answered := x.fails(x.cloudflareRefuses)
	if answered {
		return
	}
	answer := x.cut(q, size)
	x.replyCloudflare(answer.docs, q.page, q.size, answer.total, failure)
}

// replyCloudflare writes the envelope; a total below 0 is left out.
func (x *exchange) replyCloudflare(docs [][]byte, page, size, total int, failure Failure) {
	info := map[string]any{"count": len(docs), "page": page, "per_page": size}
	if total >= 0 {
		info["total_count"] = total
	}
	body := fmt.Appendf(nil, `{"result":%s,"result_info":%s,"success":true,"errors":[],"messages":[]}`, array(docs), encode(info))
	x.replyJSON(body, failure)
}
