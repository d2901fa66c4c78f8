package transform

import (
	"maps"
	"strings"
)

// A disposal says what becomes of a known member's value in a raw document when
// payloads are off. Members that no table lists are withheld.
type disposal int

const (
	withheld disposal = iota // replaced by size and SHA-256: prompts, answers, addresses, storage keys
	scalar                   // kept when it is one short value; withheld otherwise
	numbers                  // kept, texts inside withheld
	tags                     // kept whole: the caller's own metadata
	inner                    // an object with a table of its own
)

// A field is a known member.
type field struct {
	disposal disposal
	inside   fields // for inner
}

// fields are the known members of an object.
type fields map[string]field

// list makes fields of one disposal from names parted by spaces.
func list(d disposal, names string) fields {
	all := fields{}
	for name := range strings.FieldsSeq(names) {
		all[name] = field{disposal: d}
	}
	return all
}

// and adds fields of one disposal.
func (f fields) and(d disposal, names string) fields {
	maps.Copy(f, list(d, names))
	return f
}

// with adds an object with a table of its own.
func (f fields) with(name string, inside fields) fields {
	f[name] = field{disposal: inner, inside: inside}
	return f
}

// cloudflareFields are the members of the documented list and detail entries,
// and those that lists carry beyond the documentation.
var cloudflareFields = list(scalar, `
	id created_at provider model path success cached status_code step duration
	tokens_in tokens_out cost custom_cost
	model_type request_type request_content_type response_content_type
	request_size response_size request_head_complete response_head_complete
	event_id feedback score authentication wholesale byok user_agent dlp_action`).
	and(tags, `metadata`).
	and(withheld, `request response request_head response_head prompts guardrails dlp_profiles`).
	with("usage_metadata", list(scalar, `
		input_tokens output_tokens total_tokens output_reasoning_tokens input_cached_tokens`)).
	with("timings", list(scalar, `total latency`)).
	with("location", list(scalar, `region colo`))

// keywordsAIFields are the members of the documented dataset logs, of a
// recorded live listing, and of the vendor's list of log parameters as far as
// they are mapped.
var keywordsAIFields = list(scalar, `
	id unique_id dataset_id created_at updated_at timestamp start_time
	organization_id organization_key_id unique_organization_id environment
	prompt_id prompt_name trace_unique_id
	customer_identifier thread_identifier custom_identifier
	log_type stream provider_id model temperature top_p max_tokens max_completion_tokens
	prompt_tokens completion_tokens total_request_tokens
	prompt_cache_hit_tokens prompt_cache_creation_tokens reasoning_tokens
	cost latency tokens_per_second time_to_first_token ttft routing_time
	status_code status failed cached blurred positive_feedback annotation_status`).
	and(tags, `metadata`).
	and(numbers, `scores usage metrics`).
	and(withheld, `
	messages input output prompt_messages completion_message prompt completion system
	tools error_message storage_object_key updated_storage_object_key
	updated_by_email annotation_completed_by`).
	with("parameters", list(scalar, `
		temperature top_p max_tokens max_completion_tokens stream
		frequency_penalty presence_penalty n seed`))
