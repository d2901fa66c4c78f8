package extract

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// Names of the time filter's spellings on Keywords AI, in Dialect.Filter.
const (
	FilterRange      = "filters with gte and lte" // {"created_at": {"gte": …, "lte": …}}, of the 2025 reference
	FilterConditions = "filters with conditions"  // {"created_at": [{"operator": "gte", "value": […]}, …]}, of Respan's
	FilterBundle     = "filters with a bundle"    // one condition beside {"filter_params": {another}}, of its SDK
)

// Most rows a page, of logs and of datasets.
const keywordsRows = 100

// keywordsTimes are the fields that may carry a log's time. The 2025 reference
// has created_at; logs seen live had only the other two.
var keywordsTimes = []string{"created_at", "timestamp", "start_time"}

// KeywordsAIConfig says which organisation to read: the one the key belongs to.
type KeywordsAIConfig struct {
	Key     string
	KeyName string // the environment variable Key came from, for messages
	BaseURL string // https://api.keywordsai.co or another; /api/datasets/… is appended
	Options
}

// KeywordsAI is an organisation's dataset log lists, of Keywords AI or, as it
// is called now, Respan.
type KeywordsAI struct {
	client *client
}

// NewKeywordsAI makes no request.
func NewKeywordsAI(cfg KeywordsAIConfig) *KeywordsAI {
	c := newClient(sourceKeywordsAI, cfg.Key, cfg.KeyName, cfg.BaseURL, cfg.Options)
	// The limit is counted a minute at a time and no block is documented.
	c.blind = func(try int) time.Duration { return 5 * time.Second << (try - 1) }
	return &KeywordsAI{client: c}
}

// Stats counts the requests made so far; it may be called at any time.
func (k *KeywordsAI) Stats() Stats { return k.client.stats() }

// Streams lists the organisation's datasets.
func (k *KeywordsAI) Streams(ctx context.Context) ([]Stream, error) {
	const op = "list datasets"
	datasets, err := k.client.listAll(op, keywordsRows, func(page int) (listing, error) {
		l, _, err := k.client.list(ctx, readKeywordsAI, &call{
			op:   op,
			page: page,
			path: "/api/datasets/",
			query: url.Values{
				"page":      {strconv.Itoa(page)},
				"page_size": {strconv.Itoa(keywordsRows)},
			},
		})
		return l, err
	})
	if err != nil {
		return nil, err
	}
	var streams []Stream
	for _, d := range datasets {
		id := text(d["id"])
		streams = append(streams, Stream{Container: id, Name: k.Name(id), Note: datasetNote(d)})
	}
	return streams, nil
}

// Name is how a dataset's stream is shown: keywordsai/<dataset>.
func (k *KeywordsAI) Name(dataset string) string { return "keywordsai/" + dataset }

// datasetNote says why a dataset may be missing logs: it is filled in the
// background, which its status tells.
func datasetNote(dataset map[string]json.RawMessage) string {
	switch text(dataset["status"]) {
	case "initializing", "loading":
		return "this dataset is still being filled"
	case "failed":
		return "filling this dataset has failed"
	}
	return ""
}

// Page asks for one page of a dataset's logs. Page number, size and order go
// in the query and in the body, for a server that reads the one may ignore the
// other and would answer page 1 for ever.
func (k *KeywordsAI) Page(ctx context.Context, ask Ask) (Answer, error) {
	filters, err := keywordsFilters(ask)
	if err != nil {
		return Answer{}, err
	}
	order := keywordsOrder(ask)
	body, err := json.Marshal(struct {
		Filters  map[string]any `json:"filters"`
		Page     int            `json:"page"`
		PageSize int            `json:"page_size"`
		SortBy   string         `json:"sort_by"`
	}{filters, ask.Page, ask.Size, order})
	if err != nil {
		return Answer{}, err
	}
	l, r, err := k.client.list(ctx, readKeywordsAI, &call{
		op:        "list logs",
		container: ask.Container,
		page:      ask.Page,
		room:      ask.room,
		path:      "/api/datasets/" + url.PathEscape(ask.Container) + "/logs/list/",
		query: url.Values{
			"page":      {strconv.Itoa(ask.Page)},
			"page_size": {strconv.Itoa(ask.Size)},
			"sort_by":   {order},
		},
		body: body,
	})
	return l.answer(r), err
}

// Dialects are the spellings of the time filter for each field that may carry
// the time; which field a dataset has, its logs tell. The filter may know the
// same time by another name: the 2025 reference filters by created_at, which the
// logs seen live did not have. The shape is not known before the first answer.
func (k *KeywordsAI) Dialects() []Dialect {
	var alike, unlike []Dialect
	for _, field := range keywordsTimes {
		for _, by := range keywordsTimes {
			for _, filter := range []string{FilterRange, FilterConditions, FilterBundle} {
				d := Dialect{Filter: filter, TimeField: field, Tick: time.Millisecond, PageSize: keywordsRows}
				if by == field {
					alike = append(alike, d)
				} else {
					d.FilterBy = by
					unlike = append(unlike, d)
				}
			}
		}
	}
	return append(alike, unlike...)
}

// keywordsOrder asks for the order by time; timestamp is the documented
// field, and the one to ask for while the dataset's own is not known.
func keywordsOrder(ask Ask) string {
	field := ask.Dialect.field()
	if field == "" {
		field = "timestamp"
	}
	if ask.Newest {
		return "-" + field
	}
	return field
}

// keywordsFilters writes the bounds; without any, the filter is empty.
func keywordsFilters(ask Ask) (map[string]any, error) {
	if ask.From.IsZero() && ask.To.IsZero() {
		return map[string]any{}, nil
	}
	from, to := bound(ask.From, ask.Dialect.Tick), bound(ask.To, ask.Dialect.Tick)
	type condition struct {
		Operator string   `json:"operator"`
		Value    []string `json:"value"`
	}
	field, low, top := ask.Dialect.field(), condition{"gte", []string{from}}, condition{"lte", []string{to}}
	switch ask.Dialect.Filter {
	case FilterRange:
		return map[string]any{field: map[string]string{"gte": from, "lte": to}}, nil
	case FilterConditions:
		return map[string]any{field: []condition{low, top}}, nil
	case FilterBundle:
		return map[string]any{field: low, "until": map[string]any{
			"connector": "AND", "filter_params": map[string]any{field: top},
		}}, nil
	}
	return nil, unknownFilter(sourceKeywordsAI, ask)
}
