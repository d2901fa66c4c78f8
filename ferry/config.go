package ferry

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// A Config is the effective settings of one process, checked by the caller.
type Config struct {
	Version     string // logferry's own version, for the user agent and the runs table
	Schema      int    // migration level this program needs; a newer one is accepted
	DatabaseURL string // the warehouse; secret

	Cloudflare *Cloudflare // nil: Cloudflare is off
	KeywordsAI *KeywordsAI // nil: Keywords AI is off

	Start    time.Duration // where a Cloudflare stream never met before begins, before now
	Settle   time.Duration // nothing younger than now minus Settle is ever covered
	Lookback time.Duration // how much of the end of coverage is counted again every pass
	Tail     bool          // read and load [now-Settle, now) once a pass
	Raw      bool          // keep every distinct version of each document
	Payloads bool          // store prompts and answers

	Concurrency int           // requests in flight per credential
	RunTimeout  time.Duration // of a pass; 0: none
	Lease       time.Duration // how long a claim lives unless renewed; 0: 15 s
	Silence     time.Duration // how long a warehouse that was asked may say nothing; 0: 5 min
	Patience    time.Duration // how long a warehouse that is down or busy is waited for, a lock a third of it at a time; 0: 30 s
	// MappingVersion is written into every content hash; 0: transform's own. A
	// newer one rewrites what is read again.
	MappingVersion int

	Log      *slog.Logger         // nil: silent
	Progress func(Progress)       // called now and then while a command runs, from one goroutine at a time; nil: not called
	Passed   func(Summary, error) // called after each pass of Serve; nil: not called
}

// Cloudflare is the AI Gateway account to read.
type Cloudflare struct {
	Token     string // secret
	AccountID string
	Gateways  []string // ids; nil: discover
	BaseURL   string   // without a trailing slash; /accounts/… is appended
	Budget    Budget
}

// KeywordsAI is the Keywords AI (Respan) organisation to read.
type KeywordsAI struct {
	Key      string   // secret
	KeyName  string   // the variable it came from, for messages
	Datasets []string // ids; nil: discover
	BaseURL  string   // without a trailing slash; /api/datasets/… is appended
	Budget   Budget
}

// Format hides the settings from every verb of fmt: whoever prints them, in a
// panic or while looking for a fault, would print the secrets.
func (Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "ferry.Config(hidden)") }

// Format hides the token.
func (Cloudflare) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "ferry.Cloudflare(hidden)") }

// Format hides the key.
func (KeywordsAI) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "ferry.KeywordsAI(hidden)") }

// A Budget is how many requests a credential may make in any span of length Per.
type Budget struct {
	Requests int
	Per      time.Duration
}

// Progress is a moment of a running command.
type Progress struct {
	Streams  int           // streams worked on
	Rows     int64         // logs read
	Inserted int64         // new rows
	Requests int64         // requests used
	Wanted   time.Duration // wanted time over all streams
	Covered  time.Duration // of it, covered now
	Done     float64       // the share of its wanted time that each stream has covered, 0 to 1, on average
	Note     string        // said after "waiting for"; empty: working
}

// A Summary is how a command ended, for the one line at its end.
type Summary struct {
	Command   string        `json:"command"`
	RunID     int64         `json:"run_id"`
	Streams   int           `json:"streams"`
	Windows   int           `json:"windows"`  // finished, whatever the outcome
	Attested  int           `json:"attested"` // of them
	Mismatch  int           `json:"mismatch"`
	Accepted  int           `json:"accepted"`       // covered by hand though they did not attest
	Short     int64         `json:"accepted_short"` // by how many logs those fall short of what was announced
	Doubtful  int           `json:"doubtful"`       // windows whose latest reading is a mismatch or accepted
	Rows      int64         `json:"rows"`           // logs read
	Inserted  int64         `json:"inserted"`
	Changed   int64         `json:"changed"`
	Unchanged int64         `json:"unchanged"`
	Rejected  int64         `json:"rejected"` // put into quarantine, or there already and not closed
	Missing   int64         `json:"missing_upstream"`
	Requests  int64         `json:"requests"`
	Retries   int64         `json:"retries"`
	Elapsed   time.Duration `json:"-"`
	// Unfinished is the wanted time not covered when the command ended; zero
	// when all is done.
	Unfinished time.Duration `json:"-"`
	// Held counts streams left to another process.
	Held  int        `json:"held"`
	Notes []string   `json:"notes,omitempty"` // things to know, in words
	Plan  []PlanLine `json:"plan,omitempty"`  // of a dry run: what would be done, by stream
}

// Exit codes, as sysexits has them; README and the manifests show this table.
const (
	ExitOK          = 0
	ExitUnexpected  = 1
	ExitUsage       = 64
	ExitData        = 65  // windows that would not attest, or too many logs in quarantine
	ExitUnavailable = 69  // a provider unavailable after retries
	ExitTemporary   = 75  // database down, locked, disk full; a backfill ended early
	ExitNoPerm      = 77  // credentials, database login or grant refused
	ExitConfig      = 78  // configuration or schema
	ExitSIGINT      = 130 // after a clean checkpoint
	ExitSIGTERM     = 143 // after a clean checkpoint
)
