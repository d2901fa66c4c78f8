package extract

import (
	"context"
	"time"
)

// A Stream is one feed that a source lists.
type Stream struct {
	Container string // gateway id or dataset id
	Name      string // shown to people: cloudflare/<account>/<gateway>, keywordsai/<dataset>
	// Note is something a person should know about the feed, such as a
	// dataset that is still being filled; empty otherwise.
	Note string
	// Keeps is what the feed does with its logs in the long run; only
	// Cloudflare lists that.
	Keeps Retention
}

// A Retention is whether a gateway keeps logs, how many, and what it does at that
// limit (collect_logs, log_management and log_management_strategy of Cloudflare's
// list of gateways).
type Retention struct {
	Off    bool   // it is set not to collect logs
	Limit  int64  // 0: not told
	AtFull string // DeleteOldest or StopInserting; empty: not told
}

// What a gateway does once it holds as many logs as it keeps.
const (
	DeleteOldest  = "DELETE_OLDEST"
	StopInserting = "STOP_INSERTING"
)

// An Ask is one request for a page of a stream's log list.
type Ask struct {
	Container string
	Dialect   Dialect
	From, To  time.Time // bounds as written into the filter; both zero: no filter
	Page      int       // from 1
	Size      int       // rows a page
	Newest    bool      // newest first; false: oldest first

	room *room // for the answer's body; nil: not bounded
}

// An Answer is one page of a log list.
type Answer struct {
	Docs     [][]byte  // each entry's bytes exactly as received; nil: it was too large to read
	Total    int64     // entries the filter matches, as announced; -1: none given
	Size     int       // rows a page according to the answer; 0: it does not say
	Shape    string    // response form: see Dialect.Shape
	Date     time.Time // the Date header; zero: missing
	Bytes    int64     // inflated body size
	Requests int       // requests used, retries included

	stub []byte // of the one entry that was too large: see [Page.Stub]
}

// An API is one provider's log list behind one credential.
type API interface {
	// Streams lists the feeds of the account: one request a page, all pages.
	Streams(ctx context.Context) ([]Stream, error)
	// Page asks for one page.
	Page(ctx context.Context, ask Ask) (Answer, error)
	// Dialects are the spellings to try, the preferred one first.
	Dialects() []Dialect
}

// A Dialect is how one stream spells its time filter, and what its answers
// look like: proven against a known row, stored, checked ever after.
type Dialect struct {
	Filter    string        `json:"filter"`               // spelling of the time filter, a name of the provider's file
	Shape     string        `json:"shape"`                // response form: result; logs, results or array
	TimeField string        `json:"time_field"`           // of the logs: created_at, timestamp or start_time
	FilterBy  string        `json:"filter_by,omitempty"`  // what the filter calls that time; empty: as the logs do
	Tick      time.Duration `json:"tick"`                 // the finest step of the filter: 1 ms or 1 s
	PageSize  int           `json:"page_size"`            // rows a page the source really serves
	Sorted    bool          `json:"sorted"`               // the asked order by time is honoured
	HasTotal  bool          `json:"has_total"`            // answers carry a total
	StrictLow *bool         `json:"strict_low,omitempty"` // the lower bound excludes its instant; nil: not known
	StrictTop *bool         `json:"strict_top,omitempty"` // the upper bound excludes its instant; nil: not known
	Coarse    bool          `json:"coarse,omitempty"`     // the source cuts times to ticks before it compares them with bounds
}

// SameFilter tells whether both dialects ask for a span of time in the same way.
func (d Dialect) SameFilter(other Dialect) bool {
	return d.Filter == other.Filter && d.TimeField == other.TimeField && d.FilterBy == other.FilterBy && d.Tick == other.Tick
}

// field is what filters and orders call the time.
func (d Dialect) field() string {
	if d.FilterBy != "" {
		return d.FilterBy
	}
	return d.TimeField
}
