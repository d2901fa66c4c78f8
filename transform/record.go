// Package transform turns one upstream document into one record, or into a
// reject with a reason code. It does no I/O and keeps no state.
//
// A document is checked to be JSON and split once into its members, names
// matched exactly, values left as the bytes they were; of a repeated member
// the last counts. [Cloudflare] and [KeywordsAI] then read the id, the
// stream's one time field, and every member that has a column. What the model
// and the endpoint mean is not part of a record but of their raw spelling:
// [ReadModel] and [ReadEndpoint]. Metadata and payloads are spelt anew, sorted
// and cleaned, so that jsonb takes them and equal ones are equal bytes. Last
// come the content hash over all that was read, and the raw document: whole,
// or with everything but an allow-list of members replaced by its size and
// SHA-256.
//
// A document is refused only when it has no id or no usable time; any other
// bad value becomes null and is named in [Record.Issues]. Nothing is guessed
// silently, nothing is clamped. Times are UTC, cut (never rounded) to
// microseconds. Money is dollars in decimal text, never a float. Durations are
// whole milliseconds, rounded half up; a nil pointer means the source did not
// say.
package transform

import "time"

// MappingVersion is the version of the normalisation rules. It is part of
// [Record.Hash], so a mended rule rewrites what is read again.
const MappingVersion = 1

// The log products, as stored in logferry.streams.source.
const (
	SourceCloudflare = "cloudflare_ai_gateway"
	SourceKeywordsAI = "keywords_ai"
)

// A Record is one upstream log entry, normalised: one row of logferry.requests.
// Field names follow the table's columns.
type Record struct {
	LogID           string
	CreatedAt       time.Time  // UTC, whole microseconds
	SourceUpdatedAt *time.Time // nil: the source does not say

	Model    ModelKey    // raw spelling; see [ReadModel] for the canonical reading
	Endpoint EndpointKey // path and types; see [ReadEndpoint] for what they mean

	DurationMS               *int32
	TimeToFirstTokenMS       *int32
	InputTokens              *int32 // all input tokens, cached ones included
	OutputTokens             *int32 // all output tokens, reasoning included
	CacheReadInputTokens     *int32
	CacheCreationInputTokens *int32
	ReasoningOutputTokens    *int32
	RequestBytes             *int32
	ResponseBytes            *int32
	RequestMaxTokens         *int32
	RequestTemperature       *float32
	RequestTopP              *float32
	StatusCode               *int16
	AttemptStep              *int16
	Feedback                 *int16 // 1 good, -1 bad, 0 explicitly neutral
	IsCacheHit               bool   // the gateway's cache, not the model vendor's prompt cache
	Outcome                  string // success, error or unknown
	ErrorType                string // "": null
	CostUSD                  string // decimal text fit for numeric(20,12); "": null
	ReportedCostUSD          string // decimal text; "": null
	CostBasis                string // reported, custom, cache_hit or unpriced
	FeedbackScore            *float64
	UserID                   string   // "": null
	ConversationID           string   // "": null
	TraceID                  string   // "": null
	Environment              string   // "": null
	Metadata                 []byte   // a JSON object fit for jsonb, never nil
	Issues                   []string // sorted, distinct codes; nil when none

	// Hash is the content hash: 16 bytes over everything above except LogID,
	// Metadata's spelling being canonical, plus the payload's digest, whether
	// payloads are kept, and the mapping version. Equal hashes mean there is
	// nothing to write.
	Hash [16]byte

	Raw     []byte   // the document as it may be stored, see [Options.KeepPayloads]; may share its memory
	Payload *Payload // nil unless Options.KeepPayloads and the document has one
}

// A ModelKey is a model exactly as logged; empty texts mean absent.
type ModelKey struct{ ProviderRaw, ModelRaw string }

// An EndpointKey is the low-cardinality description of a call as logged.
type EndpointKey struct {
	URLPath             string // query string removed, identifiers folded
	RequestType         string // Keywords AI: the log type, chat when there are only messages
	ModelType           string
	RequestContentType  string
	ResponseContentType string // Keywords AI: its stream flag, stream=true or stream=false
}

// A Payload is what was said: prompts, answers, parameters. Personal data;
// stored only in the private schema and only when asked for.
type Payload struct {
	InputMessages  []byte // JSON fit for jsonb; nil: null
	OutputMessages []byte // JSON fit for jsonb; nil: null
	Parameters     []byte // JSON fit for jsonb; nil: null
	RequestHead    *string
	ResponseHead   *string
}

// A Reject is a document that cannot be a record.
type Reject struct {
	Code             string    // stable: one of the Reject constants
	Detail           string    // for people; never payload content
	LogID            string    // "": none could be read
	At               time.Time // when the log was created, as for a record; zero: not known
	ClaimedCreatedAt string    // the time as written by the source; "": none
	Raw              []byte    // the bytes as they may be stored: withheld like Record.Raw
	SHA256           [32]byte  // of the bytes as received
}

// Options say how documents of one stream are read.
type Options struct {
	Now                time.Time // the pass's clock: later than a day after it is out of range
	TimeField          string    // created_at, timestamp or start_time: one per stream, for its life
	Container          string    // Keywords AI: the dataset id; another one in a document is wrong_container
	UserIDKeys         []string  // metadata keys tried in order for UserID
	ConversationIDKeys []string  // metadata keys tried in order for ConversationID
	KeepPayloads       bool      // false: prompts, answers and unknown members are replaced by size and SHA-256 in Raw
	Kept               bool      // the document comes from quarantine, where values of it may have been withheld
	Drift              *Drift    // collects field paths and types; nil: not collected
	MappingVersion     int       // part of the hash; 0: the package's own [MappingVersion]
}
