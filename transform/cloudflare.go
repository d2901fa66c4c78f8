package transform

import "strconv"

// Cloudflare reads one entry of an AI Gateway log list, or of the detail
// endpoint. Exactly one of the results is non-nil. The record may share memory
// with doc, which must not be changed afterwards.
//
// Members documented and seen live are read; durations are milliseconds, costs
// dollars. When usage_metadata is there, its token counts win.
func Cloudflare(doc []byte, o *Options) (*Record, *Reject) {
	r := read(SourceCloudflare, doc, cloudflareFields, o)
	if r == nil {
		return nil, refuseBytes(doc, o)
	}
	if reject := r.identify("id"); reject != nil {
		return nil, reject
	}
	at, reject := r.createdAt(r.timeField)
	if reject != nil {
		return nil, reject
	}
	rec := &Record{
		LogID:         r.logID,
		CreatedAt:     at,
		Model:         r.model("provider"),
		Endpoint:      r.cloudflareEndpoint(),
		DurationMS:    r.milliseconds("duration", 0),
		RequestBytes:  r.count("request_size"),
		ResponseBytes: r.count("response_size"),
		StatusCode:    r.small("status_code", 100, 999),
		AttemptStep:   r.small("step", 0, 32767),
		Feedback:      r.small("feedback", -1, 1),
		FeedbackScore: r.real("score", 64),
		IsCacheHit:    r.isTrue("cached"),
		TraceID:       r.short("event_id", maxTagBytes),
	}
	r.tagged(rec)
	r.cloudflareOutcome(rec)
	r.cloudflareTokens(rec)
	r.price(rec, r.isTrue("custom_cost"))
	r.compare(rec)
	return r.finish(rec, r.said(cloudflarePayload)), nil
}

func (r *reading) cloudflareEndpoint() EndpointKey {
	return EndpointKey{
		URLPath:             r.atMost(foldPath(r.text("path")), maxPathBytes),
		RequestType:         r.short("request_type", maxTypeBytes),
		ModelType:           r.short("model_type", maxTypeBytes),
		RequestContentType:  r.short("request_content_type", maxTypeBytes),
		ResponseContentType: r.short("response_content_type", maxTypeBytes),
	}
}

// cloudflareOutcome lets the success flag win over the status code, which says
// what the outcome was only where the flag is missing.
func (r *reading) cloudflareOutcome(rec *Record) {
	byCode := codeOutcome(rec.StatusCode)
	rec.Outcome = byCode
	if flag := r.flag("success"); flag != nil {
		rec.Outcome = "error"
		if *flag {
			rec.Outcome = "success"
		}
		if byCode != "unknown" && byCode != rec.Outcome {
			r.note(IssueStatusContradiction)
		}
	}
	rec.classify()
}

func codeOutcome(code *int16) string {
	switch {
	case code == nil:
		return "unknown"
	case *code >= 400:
		return "error"
	case *code >= 200 && *code < 300:
		return "success"
	}
	return "unknown"
}

// classify names the class of an error: its status code, or _OTHER.
func (rec *Record) classify() {
	if rec.Outcome != "error" {
		return
	}
	rec.ErrorType = "_OTHER"
	if rec.StatusCode != nil && *rec.StatusCode >= 400 {
		rec.ErrorType = strconv.Itoa(int(*rec.StatusCode))
	}
}

func (r *reading) cloudflareTokens(rec *Record) {
	usage := r.within("usage_metadata")
	in, out := r.count("tokens_in"), r.count("tokens_out")
	usageIn, usageOut := usage.count("input_tokens"), usage.count("output_tokens")
	if differ(in, usageIn) || differ(out, usageOut) {
		r.note(IssueTokensDisagree)
	}
	rec.InputTokens = first(usageIn, in)
	rec.OutputTokens = first(usageOut, out)
	rec.CacheReadInputTokens = usage.count("input_cached_tokens")
	rec.ReasoningOutputTokens = usage.count("output_reasoning_tokens")

	zero := isZero(rec.InputTokens) || isZero(rec.OutputTokens)
	if zero && rec.Outcome == "success" && !rec.IsCacheHit &&
		writesText(ReadEndpoint(SourceCloudflare, rec.Endpoint).OperationName) {
		r.note(IssueZeroTokens)
	}
}

func differ(a, b *int32) bool { return a != nil && b != nil && *a != *b }

func isZero(n *int32) bool { return n != nil && *n == 0 }
