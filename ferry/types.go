package ferry

import (
	"time"

	"github.com/robfig/cron/v3"
)

// BackfillOptions say which span to cover and how.
type BackfillOptions struct {
	From           time.Time // first instant wanted
	To             time.Time // end, excluded; zero: now minus settle
	Streams        []string  // names as shown by status; nil: all that are configured
	Force          bool      // read again what is covered
	AcceptMismatch bool      // cover windows that do not attest; they stay doubtful
	DryRun         bool      // plan only, write nothing: see [Summary.Plan]
}

// A PlanLine is what a backfill would do for one stream.
type PlanLine struct {
	Stream   string        `json:"stream"`
	From     time.Time     `json:"from"` // of the first gap
	To       time.Time     `json:"to"`   // end of the last gap, excluded
	Windows  int           `json:"windows"`
	Logs     int64         `json:"logs"`     // as counted by the source; -1: it gives no totals
	Requests int64         `json:"requests"` // to read them; -1: not known
	Time     time.Duration `json:"-"`        // those requests at the credential's budget
	AtLeast  bool          `json:"at_least"` // a total was at its cap, so that all of these may be more
}

// VerifyOptions say which span to count and what to do about differences.
type VerifyOptions struct {
	From    time.Time // first instant counted
	To      time.Time // end, excluded; zero: now minus settle
	Streams []string  // names as shown by status; nil: all that are configured
	Repair  bool      // read again what differs
}

// A VerifyReport is what counting the source against the warehouse found.
type VerifyReport struct {
	Summary Summary
	Spans   []VerifySpan // by stream, then time
}

// The states of a [VerifySpan].
const (
	SpanEqual     = "equal"      // both counts agree
	SpanDifferent = "different"  // they do not, and still differ
	SpanRepaired  = "repaired"   // they did not; reading again mended it
	SpanExpired   = "expired"    // the source no longer serves logs this old
	SpanUncovered = "uncovered"  // no pass has covered it yet, so there is nothing to compare
	SpanDoubtful  = "doubtful"   // its latest reading is a mismatch or accepted, so it is not counted
	SpanUnknown   = "unknown"    // not counted, or the source gives no total
	SpanReadAgain = "read again" // in full, where the source gives no totals to compare
)

// A VerifySpan is one counted stretch of a stream.
type VerifySpan struct {
	Stream   string
	From, To time.Time // [From, To)
	Source   int64     // logs the source counts; -1: not counted
	Stored   int64     // rows not missing upstream, plus open quarantine
	State    string    // one of the Span… constants
	Note     string    // why it was not counted, in words; empty: the state says it all
}

// ServeOptions say when [Ferry.Serve] starts a pass.
type ServeOptions struct {
	Schedule cron.Schedule
	Location *time.Location // in which Schedule is read; nil: UTC
}

// A StreamStatus is how one stream stands, from the warehouse alone.
type StreamStatus struct {
	Stream     string // as --stream takes it
	Source     string // cloudflare_ai_gateway or keywords_ai
	Enabled    bool
	Gone       bool // the source neither lists nor serves it
	Configured bool // the settings of this process name or discover it
	Proven     bool // its dialect is proven; false: new, covers nothing

	StartsAt  time.Time // zero: not met by a pass yet
	Watermark time.Time // zero: nothing covered from StartsAt on
	Lag       time.Duration
	// CompleteThrough is the watermark cut down to the hour, as in
	// llm.freshness: hours and days before it are whole.
	CompleteThrough time.Time

	Gaps        int       // stretches of wanted time not covered
	Doubtful    int       // windows whose latest reading is a mismatch or accepted
	Quarantined int       // open quarantine entries
	Outside     *int64    // logs the source holds outside [StartsAt, Watermark); nil: not known
	Logs        int64     // rows stored
	Lateness    *Lateness // nil: not measured

	RetentionRisk string    // fills, full, deletes or deleted, as in llm.freshness; empty: none known
	RetentionAt   time.Time // fills and deletes: when; full: newest log; deleted: what is older is lost

	BudgetUsed   int       // requests drawn from the credential's current budget
	BudgetLimit  int       // requests that budget allows; 0: not known to this process
	BlockedUntil time.Time // until when the provider asked to be left alone; zero: not blocked
}

// Lateness is how long after their time the logs of the last 30 days had been
// met, at most: it includes the wait for the pass that met them. Only logs in
// time that was being watched are counted, not a backlog.
type Lateness struct {
	Half, NearlyAll, All time.Duration // that share of the logs was met by then; nearly all are 99 of 100
	Measured             int64         // logs of which that is known
	Late                 int64         // of them, those that came later than settle: their time was covered already
}

// A Finding is one thing that [Check] looked at.
type Finding struct {
	What    string // database, schema, clock, or the variable that names a credential
	Problem error  // nil: fine; says what to do
	Detail  string // what was found, for people
}
