package emulator

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Faults are what an API does that a reader would rather it didn't. The zero
// value is a source that behaves. They are set for an emulator
// ([Emulator.SetFaults]) or for one stream ([Stream.SetFaults]), and may be
// changed while it serves; an answer sees one consistent set.
type Faults struct {
	// Seed makes every random choice repeatable: each is drawn from Seed and
	// the ordinal of the request.
	Seed uint64

	// OnRequest runs before a page of logs is cut, once the request is
	// understood; n is the ordinal of the stream's log-list requests, from 1.
	// It may insert, delete and edit.
	OnRequest func(n int, r Request)
	// Intercept runs before anything else and may answer the request itself;
	// true says that it did. n counts the stream's log-list requests or, for
	// any other request, all requests of the emulator. Set it in both places
	// to see every request.
	Intercept func(w http.ResponseWriter, r *http.Request, n int) bool
	// Fail decides what befalls a request that would otherwise be answered;
	// n as for Intercept. See [Sometimes] and [At]. nil: nothing does.
	Fail func(n int, r Request) Failure

	// Latency is how long after its time a log becomes visible; it is asked
	// once, when a log without VisibleAt is inserted. See [Stragglers].
	Latency func(l Log) time.Duration
	// FillAfter is how long after its time a log is served as Unfilled makes
	// it; 0: at once whole. A nil Unfilled is [BlankUsage].
	FillAfter time.Duration
	Unfilled  func(doc []byte) []byte

	// Filters says what becomes of the filters (Cloudflare: the parameter
	// `filters`; Keywords AI: the member or parameter `filters`), Dates of
	// Cloudflare's start_date and end_date.
	Filters, Dates Treatment
	// LowBound and TopBound replace the strictness that a filter's own words
	// promise.
	LowBound, TopBound Bound
	// Precision is the step to which a log's time and a bound are both cut
	// before they are compared; 0: compared whole.
	Precision time.Duration

	// Order is served whatever was asked; empty: as asked.
	Order Order
	// UnstableTies deals logs of equal time in another order each request.
	UnstableTies bool

	// MaxRows clamps the rows of a page below what was asked; 0: no clamp.
	MaxRows int
	// PageRows says how many rows a page holds instead of its size, by page
	// number; the others move on to the pages after it. 0 makes an empty page
	// before the end.
	PageRows map[int]int
	// Withhold is how many rows are missing from the end of a page, in this
	// answer only; nil: none.
	Withhold func(n int, r Request) int
	// RepeatRows is how many rows of the page before a page begins with; the
	// pages after it move accordingly.
	RepeatRows int

	// TotalOff is added to every announced total but 0.
	TotalOff int
	// TotalCap is the greatest total announced; 0: no cap. Search back ends
	// commonly stop at 10,000.
	TotalCap int
	// TotalMoves adds the ordinal of the request to every total but 0, so that
	// no two answers agree.
	TotalMoves bool
	// TotalZero announces 0, whatever is beside it.
	TotalZero bool
	// TotalMissing leaves the total out.
	TotalMissing bool

	// RetryHint is how a 429 or a 503 says when to come back; empty: as the
	// provider does (Cloudflare: seconds in Retry-After; Keywords AI: seconds
	// in the body).
	RetryHint RetryHint
	// RateHeaders is the form of Cloudflare's budget headers.
	RateHeaders RateHeaders

	// NoDate leaves the Date header out; DateOff is added to it.
	NoDate  bool
	DateOff time.Duration

	// NextHost is the base URL of Keywords AI's `next` and `previous` links;
	// empty: the host asked.
	NextHost string
	// RedirectTo is the base URL to which a request that Fail calls
	// [Redirected] is sent.
	RedirectTo string

	// AnswerTime is how long an answer takes; [SlowBody] stretches its body
	// over SlowTime (0: 2 s).
	AnswerTime, SlowTime time.Duration
	// Gzip compresses bodies for clients that accept it.
	Gzip bool

	// Pad is how many bytes of text a log's document is served with beyond
	// its own, in a member called padding; nil: none. They are made as they
	// are sent and held nowhere: with Gzip, a large one is a gzip bomb.
	Pad func(l Log) int
}

// A Treatment says what an API does with a filter.
type Treatment string

// The treatments; the empty one honours the filter.
const (
	Honoured       Treatment = ""
	Ignored        Treatment = "ignored"         // answered as if it was not there
	Refused        Treatment = "refused"         // 400
	MatchesNothing Treatment = "matches nothing" // total 0
)

// A Bound says whether a limit of a span belongs to it.
type Bound string

// The bounds; the empty one is as the filter says (gt, lt: strict; gte, lte,
// start_date, end_date: inclusive).
const (
	Inclusive Bound = "inclusive"
	Strict    Bound = "strict"
)

// An Order is one in which logs are listed.
type Order string

// The orders; newest and oldest break ties by id, and are each other's
// reverse.
const (
	Newest Order = "newest"
	Oldest Order = "oldest"
	ByID   Order = "by id" // Keywords AI's default: new logs land anywhere
)

// A RetryHint is the place of the hint when to come back.
type RetryHint string

// The hints.
const (
	HintSeconds RetryHint = "seconds" // Retry-After: 30
	HintDate    RetryHint = "date"    // Retry-After: Sat, 21 Nov 2026 23:00:00 GMT
	HintBody    RetryHint = "body"    // {"retry_after": 30}
	HintNone    RetryHint = "none"
)

// RateHeaders is a form of the headers that announce a budget.
type RateHeaders string

// The forms; the empty one is Cloudflare's documented one,
// Ratelimit: "default";r=1199;t=300.
const (
	HeadersSwapped RateHeaders = "swapped" // default;t=300;r=1199
	HeadersListed  RateHeaders = "listed"  // a second policy in front, in one header
	HeadersLegacy  RateHeaders = "legacy"  // x-ratelimit-limit, -remaining, -reset
	HeadersNone    RateHeaders = "none"
)

// Stragglers is a Latency: between half of usual and usual for most logs, and
// up to late for the given share of them, repeatably by seed and log.
func Stragglers(seed uint64, usual, late time.Duration, share float64) func(Log) time.Duration {
	return func(l Log) time.Duration {
		rng := rand.New(rand.NewPCG(seed, hashText(l.ID)))
		if rng.Float64() < share {
			return usual + time.Duration(rng.Int64N(max(1, int64(late-usual))))
		}
		return usual/2 + time.Duration(rng.Int64N(max(1, int64(usual/2))))
	}
}

// BlankUsage is a document whose token counts and cost are not known yet.
func BlankUsage(doc []byte) []byte {
	for _, name := range []string{"tokens_in", "tokens_out", "usage_metadata", "cost", "prompt_tokens", "completion_tokens", "total_request_tokens"} {
		doc = withMember(doc, name, json.RawMessage("null"))
	}
	return doc
}

// served is a log's document as an answer at the instant now shows it.
func (f Faults) served(l *Log, now time.Time) []byte {
	if f.FillAfter == 0 || !l.At.Add(f.FillAfter).After(now) {
		return l.Doc
	}
	if f.Unfilled == nil {
		return BlankUsage(slices.Clone(l.Doc))
	}
	return f.Unfilled(slices.Clone(l.Doc))
}

// total is the announced total; -1: none.
func (f Faults) total(matched, n int) int {
	switch {
	case f.TotalMissing:
		return -1
	case f.TotalZero || matched == 0:
		return 0
	}
	matched += f.TotalOff
	if f.TotalMoves {
		matched += n
	}
	if f.TotalCap > 0 {
		matched = min(matched, f.TotalCap)
	}
	return max(0, matched)
}

// offset is where a page begins, and how many rows it holds.
func (f Faults) offset(page, size int) (start, rows int) {
	held := func(p int) int {
		if n, set := f.PageRows[p]; set {
			return n
		}
		return size
	}
	start = (page - 1) * size
	for p, n := range f.PageRows {
		if p < page {
			start += n - size
		}
	}
	start -= f.RepeatRows * (page - 1)
	return max(0, start), held(page)
}
