package demo

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"time"

	"logferry/emulator"
)

// null is how SQL's null is spelt in a comparison.
const null = "null"

// A log is a call and where it was logged.
type log struct {
	emulator.Call
	dataset bool // in a dataset; else by a gateway
}

// A field is one column to compare: how SQL spells it as text, and what it must
// be. The rules are those of the providers' documentation, written down a second
// time: nothing here reads a document.
type field struct {
	name string
	sql  string // empty: the column of that name
	want func(log) string
}

var fields = []field{
	{"created_at", `to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`, log.createdAt},
	{"source", "", func(l log) string { return l.either("cloudflare_ai_gateway", "keywords_ai") }},
	{"provider_raw", "", func(l log) string { return l.Provider }},
	{"model_raw", "", func(l log) string { return l.Model }},
	{"provider_name", "", func(l log) string { return canonical[l.Model].provider }},
	{"model", "", func(l log) string { return canonical[l.Model].model }},
	{"model_family", "", func(l log) string { return canonical[l.Model].family }},
	{"request_type", "", func(l log) string { return l.Type }},
	{"url_path", "", func(l log) string { return l.onlyGateway(firstOf(strings.Cut(l.Path, "?"))) }},
	{"is_streaming", "", func(l log) string { return strconv.FormatBool(l.Streamed) }},
	{"outcome", "", log.outcome},
	{"status_code", "", func(l log) string { return strconv.Itoa(l.StatusCode) }},
	{"error_type", "", log.errorType},
	{"is_cache_hit", "", func(l log) string { return strconv.FormatBool(l.Cached) }},
	{"attempt_step", "", func(l log) string { return l.either(strconv.Itoa(l.Step), null) }},
	{"input_tokens", "", func(l log) string { return number(l.InputTokens) }},
	{"output_tokens", "", func(l log) string { return number(l.OutputTokens) }},
	{"total_tokens", "", func(l log) string { return strconv.Itoa(zeroIfNil(l.InputTokens) + zeroIfNil(l.OutputTokens)) }},
	{"cache_read_input_tokens", "", log.cachedTokens},
	{"cache_creation_input_tokens", "", func(log) string { return null }},
	{"reasoning_output_tokens", "", log.reasoningTokens},
	{"duration_ms", "", func(l log) string { return milliseconds(l.Duration) }},
	{"time_to_first_token_ms", "", log.firstToken},
	{"reported_cost_usd", "", func(l log) string { return dollars(l.Cost) }},
	{"cost_usd", "", log.cost},
	{"cost_basis", "", log.costBasis},
	{"user_id", "", func(l log) string { return given(l.User) }},
	{"conversation_id", "", func(l log) string { return given(l.Conversation) }},
	{"trace_id", "", func(l log) string { return l.either(l.EventID(), hex.EncodeToString(l.Event[:])) }},
	{"environment", "", func(l log) string { return given(l.Environment) }},
	{"metadata.team", `metadata->>'team'`, func(l log) string { return given(l.Team) }},
	{"metadata.user_id", `metadata->>'user_id'`, func(l log) string { return given(l.User) }},
	{"metadata.session_id", `metadata->>'session_id'`, func(l log) string { return given(l.Conversation) }},
	{"metadata.environment", `metadata->>'environment'`, func(l log) string { return given(l.Environment) }},
	{"other metadata", `metadata - '{team,user_id,session_id,environment}'::text[]`, func(log) string { return "{}" }},
	{"feedback", "", log.feedback},
	{"missing_upstream_at", "", func(log) string { return null }},
}

func (l log) either(gateway, dataset string) string {
	if l.dataset {
		return dataset
	}
	return gateway
}

// createdAt has the milliseconds of a gateway, the microseconds of a dataset.
func (l log) createdAt() string {
	at := l.At.UTC()
	if !l.dataset {
		at = at.Truncate(time.Millisecond)
	}
	return at.Format("2006-01-02 15:04:05.000000")
}

func (l log) outcome() string {
	if l.Success {
		return "success"
	}
	return "error"
}

func (l log) errorType() string {
	if l.Success {
		return null
	}
	return strconv.Itoa(l.StatusCode)
}

// usage tells whether a gateway could parse the usage block.
func (l log) usage() bool { return l.InputTokens != nil && l.OutputTokens != nil }

func (l log) cachedTokens() string {
	if l.dataset || l.usage() {
		return strconv.Itoa(l.CachedTokens)
	}
	return null
}

// reasoningTokens are not in a dataset's logs.
func (l log) reasoningTokens() string {
	if !l.dataset && l.usage() {
		return strconv.Itoa(l.ReasoningTokens)
	}
	return null
}

// firstToken is not in a gateway's list.
func (l log) firstToken() string {
	if l.dataset && l.FirstToken > 0 {
		return milliseconds(l.FirstToken)
	}
	return null
}

// cost of an answer from the cache is nothing, unless it was reported.
func (l log) cost() string {
	reported := dollars(l.Cost)
	if reported == null && l.Cached {
		return dollars("0")
	}
	return reported
}

func (l log) costBasis() string {
	switch {
	case l.Cached:
		return "cache_hit"
	case dollars(l.Cost) == null:
		return "unpriced"
	case l.CustomCost && !l.dataset:
		return "custom"
	}
	return "reported"
}

func (l log) feedback() string {
	if l.Feedback == 0 {
		return null
	}
	return strconv.Itoa(l.Feedback)
}

// onlyGateway is for what a dataset's log does not have: an empty text.
func (l log) onlyGateway(value string) string { return l.either(value, "") }

func firstOf(first, _ string, _ bool) string { return first }

// given is a text, or null when it is empty.
func given(value string) string {
	if value == "" {
		return null
	}
	return value
}

func number(n *int) string {
	if n == nil {
		return null
	}
	return strconv.Itoa(*n)
}

func zeroIfNil(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// dollars is a JSON number as numeric(20,12) shows it; null and nothing are
// unknown.
func dollars(cost string) string {
	amount, ok := new(big.Rat).SetString(cost)
	if !ok {
		return null
	}
	return amount.FloatString(12)
}
