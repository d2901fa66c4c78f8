package emulator

import (
	"encoding/json"
	"time"
)

// A cloudflareDoc is an entry of a gateway's log list: the fields of the schema
// and, from EventID on, those that live answers carry beyond it.
type cloudflareDoc struct {
	ID                  string          `json:"id"`
	CreatedAt           string          `json:"created_at"`
	Duration            int64           `json:"duration"`
	Provider            string          `json:"provider"`
	Model               string          `json:"model"`
	Path                string          `json:"path"`
	Success             bool            `json:"success"`
	Cached              bool            `json:"cached"`
	StatusCode          int             `json:"status_code"`
	Step                int             `json:"step"`
	TokensIn            *int            `json:"tokens_in"`
	TokensOut           *int            `json:"tokens_out"`
	Cost                json.RawMessage `json:"cost,omitempty"`
	CustomCost          bool            `json:"custom_cost"`
	Metadata            any             `json:"metadata"`
	ModelType           string          `json:"model_type"`
	RequestType         string          `json:"request_type"`
	RequestContentType  string          `json:"request_content_type"`
	ResponseContentType string          `json:"response_content_type"`

	EventID        string           `json:"event_id"`
	Usage          *cloudflareUsage `json:"usage_metadata,omitempty"`
	Timings        map[string]int64 `json:"timings"`
	Location       json.RawMessage  `json:"location"`
	Feedback       *int             `json:"feedback"`
	Score          *float64         `json:"score"`
	Authentication bool             `json:"authentication"`
	Wholesale      bool             `json:"wholesale"`
	UserAgent      string           `json:"user_agent"`
	Request        string           `json:"request"`  // always empty in lists
	Response       string           `json:"response"` // always empty in lists
}

type cloudflareUsage struct {
	Input     int `json:"input_tokens"`
	Output    int `json:"output_tokens"`
	Total     int `json:"total_tokens"`
	Reasoning int `json:"output_reasoning_tokens"`
	Cached    int `json:"input_cached_tokens"`
}

// CloudflareLog is the call as an entry of a gateway's log list.
func CloudflareLog(c Call) Log {
	at := c.At.Truncate(time.Millisecond)
	doc := cloudflareDoc{
		ID: c.CloudflareID(), CreatedAt: timeText(at, true), Duration: c.Duration.Milliseconds(),
		Provider: c.Provider, Model: c.Model, Path: c.Path,
		Success: c.Success, Cached: c.Cached, StatusCode: c.StatusCode, Step: c.Step,
		TokensIn: c.InputTokens, TokensOut: c.OutputTokens, Cost: json.RawMessage(c.Cost), CustomCost: c.CustomCost,
		Metadata: c.cloudflareMetadata(), ModelType: c.Type, RequestType: c.Type,
		RequestContentType: "application/json", ResponseContentType: c.contentType(),
		EventID: c.EventID(), Timings: map[string]int64{"total": c.Duration.Milliseconds(), "latency": c.FirstToken.Milliseconds()},
		Location: json.RawMessage(`{"region":"WEUR","colo":"AMS"}`), Authentication: true, UserAgent: "made-up/1.0",
	}
	if c.Feedback != 0 {
		doc.Feedback = &c.Feedback
	}
	if c.InputTokens != nil && c.OutputTokens != nil {
		doc.Usage = &cloudflareUsage{*c.InputTokens, *c.OutputTokens, *c.InputTokens + *c.OutputTokens, c.ReasoningTokens, c.CachedTokens}
	}
	return Log{ID: doc.ID, At: at, Doc: withMore(encode(doc), c.Extra)}
}

func (c Call) contentType() string {
	if c.Streamed {
		return "text/event-stream"
	}
	return "application/json"
}

// metadata is what the caller sent along: at most five scalars.
func (c Call) metadata() map[string]string {
	sent := map[string]string{}
	for name, value := range map[string]string{
		"user_id": c.User, "team": c.Team, "session_id": c.Conversation, "environment": c.Environment,
	} {
		if value != "" {
			sent[name] = value
		}
	}
	return sent
}

func (c Call) cloudflareMetadata() any {
	switch c.MetadataAs {
	case MetadataNull:
		return nil
	case MetadataString:
		return string(encode(c.metadata()))
	case MetadataBroken:
		whole := encode(c.metadata())
		return string(whole[:len(whole)-1])
	}
	return c.metadata()
}
