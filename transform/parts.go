package transform

import "strings"

// Longest texts, in bytes, that fit the unique indexes of the dimensions and
// the keys of later tables. A longer one is left out and named in the issues.
const (
	maxModelBytes = 512
	maxPathBytes  = 512
	maxTypeBytes  = 128
	maxTagBytes   = 1024
)

// first returns the first value that is there.
func first[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// firstText returns the first text that is not empty.
func firstText(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// model reads who was asked.
func (r *reading) model(providerMember string) ModelKey {
	key := ModelKey{
		ProviderRaw: r.short(providerMember, maxModelBytes),
		ModelRaw:    r.short("model", maxModelBytes),
	}
	switch {
	case strings.TrimSpace(key.ModelRaw) == "":
		r.note(IssueNoModel)
	case isDynamicRoute(key.ModelRaw):
		r.note(IssueDynamicRoute)
	}
	return key
}

// price fills the reported and the best known cost. A hit of the gateway's
// cache costs nothing unless the source says otherwise.
func (r *reading) price(rec *Record, custom bool) {
	rec.ReportedCostUSD = r.money("cost")
	rec.CostUSD = rec.ReportedCostUSD
	switch {
	case rec.IsCacheHit:
		rec.CostUSD = firstText(rec.ReportedCostUSD, "0")
		rec.CostBasis = "cache_hit"
	case rec.ReportedCostUSD == "":
		rec.CostBasis = "unpriced"
	case custom:
		rec.CostBasis = "custom"
	default:
		rec.CostBasis = "reported"
	}
}

// compare notes values that contradict each other; they are kept.
func (r *reading) compare(rec *Record) {
	input := amount(rec.InputTokens)
	output := amount(rec.OutputTokens)
	cached := amount(rec.CacheReadInputTokens) + amount(rec.CacheCreationInputTokens)
	if rec.InputTokens != nil && cached > input ||
		rec.OutputTokens != nil && amount(rec.ReasoningOutputTokens) > output {
		r.note(IssueTokenSubsetExceeded)
	}
	if rec.Outcome == "success" && !rec.IsCacheHit && rec.ReportedCostUSD == "0" && input+output > 0 {
		r.note(IssueZeroCost)
	}
}

func amount(n *int32) int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

// finish adds what depends on all the rest. A record of a document that lacks
// values has no payload, and by its issue another hash than the whole document's:
// the next reading writes the whole.
func (r *reading) finish(rec *Record, payload *Payload) *Record {
	if r.partial {
		r.note(IssueValueWithheld)
		payload = nil
	}
	rec.Issues = r.sorted()
	rec.Hash = contentHash(rec, payload, r.options)
	rec.Raw = r.raw()
	if r.options.KeepPayloads {
		rec.Payload = payload
	}
	return rec
}
