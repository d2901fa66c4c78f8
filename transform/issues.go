package transform

import "slices"

// Issue codes: everything that [Record.Issues] can hold. A code says what the
// loader had to guess, change or leave out; the document tells the rest.
const (
	IssueBadDuration         = "bad_duration"          // a duration is negative, too long or no number: null
	IssueDuplicateMember     = "duplicate_member"      // a member that is read occurs twice in an object: the last one counts
	IssueDynamicRoute        = "dynamic_route"         // the model names a gateway route, which hides the model
	IssueMetadataUnparsable  = "metadata_unparsable"   // the metadata is no JSON object: {}
	IssueNestedTooDeep       = "nested_too_deep"       // metadata or payload nests deeper than 100 levels: left out
	IssueNoModel             = "no_model"              // the document names no model
	IssueScoresAveraged      = "scores_averaged"       // several scores became their mean
	IssueStatusContradiction = "status_contradiction"  // status code and success flag disagree
	IssueTextSanitised       = "text_sanitised"        // NUL, a lone surrogate or invalid UTF-8 became U+FFFD
	IssueTokenSubsetExceeded = "token_subset_exceeded" // cached or reasoning tokens exceed the count they are part of: kept
	IssueTokensDisagree      = "tokens_disagree"       // usage_metadata differs from tokens_in or tokens_out: it wins
	IssueTypeCoerced         = "type_coerced"          // a value of another type was read, unambiguously: a number as text, 0 or 1 as a flag
	IssueTypeMismatch        = "type_mismatch"         // a value of a type that cannot be read: null
	IssueTZAssumed           = "tz_assumed"            // a time without zone was taken as UTC
	IssueValueOutOfRange     = "value_out_of_range"    // a number or time that its column cannot hold, or text where a number belongs: null
	IssueValueTooLong        = "value_too_long"        // a text that has to fit an index does not, or an object has over 20,000 members: null
	IssueValueWithheld       = "value_withheld"        // read from a document that was kept without some values: what only they say is null until it is read again
	IssueZeroCost            = "zero_cost"             // cost 0 reported for a successful, uncached call with tokens: kept
	IssueZeroTokens          = "zero_tokens"           // 0 tokens reported for a successful, uncached text call: kept
)

// issues collects the codes of one document.
type issues struct {
	codes []string
	held  int // members of the objects that are being spelt, one in another
}

func (s *issues) note(code string) {
	if !slices.Contains(s.codes, code) {
		s.codes = append(s.codes, code)
	}
}

// sorted returns the distinct codes in order, nil when there are none.
func (s *issues) sorted() []string {
	slices.Sort(s.codes)
	return s.codes
}
