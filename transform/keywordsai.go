package transform

import (
	"math"
	"slices"
	"strings"
)

// KeywordsAI reads one log of a Keywords AI (Respan) dataset, in the documented
// form or in the longer one that the service returns. Exactly one of the
// results is non-nil. The record may share memory with doc, which must not be
// changed afterwards.
//
// Durations are seconds, costs dollars. Members that only one of the forms has
// are read when present and never required.
func KeywordsAI(doc []byte, o *Options) (*Record, *Reject) {
	r := read(SourceKeywordsAI, doc, keywordsAIFields, o)
	if r == nil {
		return nil, refuseBytes(doc, o)
	}
	if reject := r.identify("id", "unique_id"); reject != nil {
		return nil, reject
	}
	at, reject := r.createdAt(r.timeField)
	if reject != nil {
		return nil, reject
	}
	if dataset := r.text("dataset_id"); dataset != "" && o.Container != "" && !sameID(dataset, o.Container) {
		return nil, r.refuse(RejectWrongContainer, "dataset_id is not the stream's dataset")
	}
	rec := &Record{
		LogID:              r.logID,
		CreatedAt:          at,
		SourceUpdatedAt:    r.time("updated_at"),
		Model:              r.model("provider_id"),
		DurationMS:         r.milliseconds("latency", 3),
		TimeToFirstTokenMS: first(r.milliseconds("time_to_first_token", 3), r.milliseconds("ttft", 3)),
		StatusCode:         r.small("status_code", 100, 999),
		Feedback:           r.verdict(),
		FeedbackScore:      r.score(),
		IsCacheHit:         r.isTrue("cached"),
		UserID:             r.short("customer_identifier", maxTagBytes),
		ConversationID:     r.short("thread_identifier", maxTagBytes),
		TraceID:            r.short("trace_unique_id", maxTagBytes),
		Environment:        r.short("environment", maxTagBytes),
	}
	r.tagged(rec)
	r.keywordsAICall(rec)
	r.keywordsAIOutcome(rec)
	r.keywordsAITokens(rec)
	r.price(rec, false)
	r.compare(rec)
	return r.finish(rec, r.said(keywordsAIPayload)), nil
}

// sameID compares dataset ids; a UUID without dashes or in capitals is the
// same one.
func sameID(a, b string) bool {
	return a == b || strings.EqualFold(strings.ReplaceAll(a, "-", ""), strings.ReplaceAll(b, "-", ""))
}

// keywordsAICall reads what kind of call it was. There are no paths: the log
// type stands in for the request type, and the stream flag, spelt stream=true
// or stream=false, for the content type of the response. A log with messages
// and without a type is a chat.
func (r *reading) keywordsAICall(rec *Record) {
	parameters := r.within("parameters")
	rec.RequestTemperature = first(parameters.real32("temperature"), r.real32("temperature"))
	rec.RequestTopP = first(parameters.real32("top_p"), r.real32("top_p"))
	rec.RequestMaxTokens = first(
		parameters.count("max_tokens"), parameters.count("max_completion_tokens"),
		r.count("max_tokens"), r.count("max_completion_tokens"))

	rec.Endpoint.RequestType = r.short("log_type", maxTypeBytes)
	if messages, _ := r.members.last("messages"); rec.Endpoint.RequestType == "" && !isEmpty(messages) {
		rec.Endpoint.RequestType = "chat"
	}
	if streamed := first(r.flag("stream"), parameters.flag("stream")); streamed != nil {
		rec.Endpoint.ResponseContentType = notStreamed
		if *streamed {
			rec.Endpoint.ResponseContentType = streamedFlag
		}
	}
}

// keywordsAIOutcome weighs what the source says: a sign of failure wins over a
// sign of success. An error message alone is a sign only where nothing else
// is.
func (r *reading) keywordsAIOutcome(rec *Record) {
	byCode := codeOutcome(rec.StatusCode)
	byStatus := statusOutcome(r.text("status"))
	failed := r.flag("failed")
	isError := byCode == "error" || byStatus == "error" || failed != nil && *failed
	isSuccess := byCode == "success" || byStatus == "success"
	message := !isEmpty(r.given("error_message"))
	switch {
	case isError:
		rec.Outcome = "error"
	case isSuccess:
		rec.Outcome = "success"
	case message:
		rec.Outcome = "error"
	default:
		rec.Outcome = "unknown"
	}
	if isSuccess && (isError || message) {
		r.note(IssueStatusContradiction)
	}
	rec.classify()
}

func statusOutcome(status string) string {
	switch strings.ToLower(status) {
	case "error", "failed", "failure":
		return "error"
	case "success", "succeeded", "completed", "ok":
		return "success"
	}
	return "unknown"
}

// keywordsAITokens looks in the log itself, then in usage, then in metrics.
func (r *reading) keywordsAITokens(rec *Record) {
	usage, metrics := r.within("usage"), r.within("metrics")
	anywhere := func(name string) *int32 {
		return first(r.count(name), usage.count(name), metrics.count(name))
	}
	rec.InputTokens = anywhere("prompt_tokens")
	rec.OutputTokens = anywhere("completion_tokens")
	rec.CacheReadInputTokens = first(
		anywhere("prompt_cache_hit_tokens"), usage.within("prompt_tokens_details").count("cached_tokens"))
	rec.CacheCreationInputTokens = anywhere("prompt_cache_creation_tokens")
	rec.ReasoningOutputTokens = first(
		anywhere("reasoning_tokens"), usage.within("completion_tokens_details").count("reasoning_tokens"))
}

func (r *reading) verdict() *int16 {
	positive := r.flag("positive_feedback")
	if positive == nil {
		return nil
	}
	verdict := int16(-1)
	if *positive {
		verdict = 1
	}
	return &verdict
}

// score reads one score, or the mean of several. They are added in order of
// size, so that the order in the document does not matter.
func (r *reading) score() *float64 {
	value := r.value("scores")
	switch {
	case value != nil && isScalar(value):
		return r.real("scores", 64)
	case len(value) > maxNumbersBytes:
		r.note(IssueValueTooLong)
		return nil
	}
	var scores []float64
	for _, value := range scoreValues(value) {
		if x := r.finite(string(value), 64); x != nil {
			scores = append(scores, *x)
		}
	}
	if len(scores) == 0 {
		return nil
	}
	if len(scores) > 1 {
		r.note(IssueScoresAveraged)
	}
	slices.Sort(scores)
	mean := 0.0
	for _, x := range scores {
		mean += x / float64(len(scores))
	}
	if math.IsInf(mean, 0) { // rounded up beyond what a number may be
		r.note(IssueValueOutOfRange)
		return nil
	}
	return &mean
}

// scoreValues returns the numbers of a scores member: a list or object of
// numbers or of objects that hold one.
func scoreValues(value []byte) [][]byte {
	var entries, found [][]byte
	switch {
	case len(value) == 0:
	case value[0] == '[':
		for _, entry := range elementsOf(value) {
			entries = append(entries, entry)
		}
	default:
		for _, m := range splitObject(value) {
			entries = append(entries, m.value)
		}
	}
	for _, entry := range entries {
		if number := scoreNumber(entry); number != nil {
			found = append(found, number)
		}
	}
	return found
}

func scoreNumber(entry []byte) []byte {
	if kind(entry) == "number" {
		return entry
	}
	if entry[0] != '{' {
		return nil
	}
	members := splitObject(entry)
	for _, name := range []string{"primary_score", "score", "numerical_value", "value"} {
		if value, _ := members.last(name); value != nil && kind(value) == "number" {
			return value
		}
	}
	return nil
}
