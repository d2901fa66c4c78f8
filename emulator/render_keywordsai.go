package emulator

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// A keywordsAIDoc is an entry of a dataset's log list, as the live run and the
// documentation together have it.
type keywordsAIDoc struct {
	ID               string            `json:"id"`
	UniqueID         string            `json:"unique_id"`
	DatasetID        string            `json:"dataset_id"`
	OrganizationID   int               `json:"organization_id"`
	CreatedAt        string            `json:"created_at,omitempty"`
	Timestamp        string            `json:"timestamp,omitempty"`
	StartTime        string            `json:"start_time,omitempty"`
	UpdatedAt        string            `json:"updated_at"`
	Environment      string            `json:"environment"`
	LogType          string            `json:"log_type"`
	Model            string            `json:"model"`
	ProviderID       string            `json:"provider_id"`
	TraceID          string            `json:"trace_unique_id"`
	Customer         string            `json:"customer_identifier"`
	Thread           string            `json:"thread_identifier"`
	PromptTokens     *int              `json:"prompt_tokens"`
	CompletionTokens *int              `json:"completion_tokens"`
	TotalTokens      *int              `json:"total_request_tokens"`
	CacheHitTokens   int               `json:"prompt_cache_hit_tokens"`
	Cost             json.RawMessage   `json:"cost,omitempty"`
	Cached           bool              `json:"cached"`
	Stream           bool              `json:"stream"`
	Latency          json.RawMessage   `json:"latency"`             // seconds
	TimeToFirstToken json.RawMessage   `json:"time_to_first_token"` // seconds
	RoutingTime      float64           `json:"routing_time"`        // seconds
	StatusCode       int               `json:"status_code"`
	Status           string            `json:"status"`
	Failed           bool              `json:"failed"`
	ErrorMessage     *string           `json:"error_message"`
	PositiveFeedback *bool             `json:"positive_feedback"`
	Scores           json.RawMessage   `json:"scores"`
	Blurred          bool              `json:"blurred"`
	Metadata         map[string]string `json:"metadata"`
	Parameters       json.RawMessage   `json:"parameters"`
	Messages         []message         `json:"messages"`
	Input            string            `json:"input"`
	Output           string            `json:"output"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// KeywordsAILog is the call as an entry of a dataset's log list. timeField is
// the member that carries its time: created_at as the older documentation has
// it, timestamp (with start_time beside it) as the live run had it, or
// start_time alone, which is then the time of the log.
func KeywordsAILog(c Call, dataset, timeField string) Log {
	at, start := c.At, c.At.Add(-c.Duration)
	doc := keywordsAIDoc{
		DatasetID: dataset, OrganizationID: 1, UpdatedAt: timeText(c.At, false),
		Environment: c.Environment, LogType: c.Type, Model: c.Model, ProviderID: c.Provider,
		TraceID: hex.EncodeToString(c.Event[:]), Customer: c.User, Thread: c.Conversation,
		PromptTokens: c.InputTokens, CompletionTokens: c.OutputTokens, CacheHitTokens: c.CachedTokens,
		Cost: json.RawMessage(c.Cost), Cached: c.Cached, Stream: c.Streamed,
		Latency: secondsText(c.Duration), RoutingTime: 0.002,
		StatusCode: c.StatusCode, Status: "success", Failed: !c.Success, Scores: json.RawMessage("{}"),
		Parameters: json.RawMessage(`{"temperature":0.7,"max_tokens":1024}`),
		Messages:   c.messages(), Input: c.Prompt, Output: c.Answer,
	}
	doc.ID = c.KeywordsAIID()
	doc.UniqueID = doc.ID
	switch timeField {
	case "created_at":
		doc.CreatedAt = timeText(at, false)
	case "timestamp":
		doc.Timestamp, doc.StartTime = timeText(at, false), timeText(start, false)
	case "start_time":
		at = start
		doc.StartTime = timeText(at, false)
	default:
		panic("emulator: a Keywords AI log carries its time in created_at, timestamp or start_time, not in " + timeField)
	}
	c.addOptional(&doc)
	return Log{ID: doc.ID, At: at, Doc: withMore(encode(doc), c.Extra)}
}

// addOptional fills in what is null unless there is something to say.
func (c Call) addOptional(doc *keywordsAIDoc) {
	if c.FirstToken > 0 {
		doc.TimeToFirstToken = secondsText(c.FirstToken)
	}
	if c.InputTokens != nil && c.OutputTokens != nil {
		total := *c.InputTokens + *c.OutputTokens
		doc.TotalTokens = &total
	}
	if !c.Success {
		text := fmt.Sprintf("upstream answered %d", c.StatusCode)
		doc.Status, doc.ErrorMessage = "error", &text
	}
	if c.Feedback != 0 {
		positive := c.Feedback > 0
		doc.PositiveFeedback = &positive
	}
	if c.MetadataAs != MetadataNull {
		doc.Metadata = c.metadata()
	}
}

// secondsText is a duration as a JSON number of seconds.
func secondsText(d time.Duration) json.RawMessage {
	text := big.NewRat(d.Milliseconds(), 1000).FloatString(3)
	return json.RawMessage(strings.TrimRight(strings.TrimRight(text, "0"), "."))
}

func (c Call) messages() []message {
	said := []message{{"user", c.Prompt}}
	if c.Answer != "" {
		said = append(said, message{"assistant", c.Answer})
	}
	return said
}
