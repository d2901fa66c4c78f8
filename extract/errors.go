package extract

import (
	"errors"
	"fmt"
	"strings"
)

// A Kind says what a failed request means for the run.
type Kind int

// The kinds of failure, with the exit code of a run that ends with them.
const (
	Unavailable Kind = iota + 1 // no usable answer after all retries: 69
	Refused                     // the credential is not accepted: 77
	Gone                        // the gateway or dataset is gone or not permitted; never zero logs
	Config                      // the source does not accept what the settings make us ask: 78
	NoPage                      // there is no such page: the end of a walk
	TooLarge                    // the answer is larger than 8 MiB: ask for fewer rows
)

// The names that the two sources have in the warehouse.
const (
	sourceCloudflare = "cloudflare_ai_gateway"
	sourceKeywordsAI = "keywords_ai"
)

// ErrTooLarge is the cause of every error of kind TooLarge.
var ErrTooLarge = errors.New("the answer is larger than 8 MiB")

// ErrNoTime is the cause of an error of kind Unavailable when the next try
// would come after the context's deadline, so nothing was waited for.
var ErrNoTime = errors.New("that is after the end of this run")

// An Error is a request that failed for good. Its text is one line that says
// what to do; it holds no credential, no query and nothing of a response
// except the HTTP status and the source's numeric code.
type Error struct {
	Kind      Kind
	Source    string // cloudflare_ai_gateway or keywords_ai
	Container string // gateway or dataset id; empty: the request was about the account
	Op        string // what was asked: list logs, list gateways, list datasets
	Secret    string // the environment variable that holds the credential
	Status    int    // HTTP status; 0: no answer
	Code      int    // the source's own numeric error code; 0: none given
	Tries     int    // tries made
	Err       error  // cause, safe to print; nil: the status says it all

	stub []byte // kind TooLarge: what could be told of the answer's first log
}

// Unwrap returns the cause, for errors.Is with ErrTooLarge and ErrNoTime.
func (e *Error) Unwrap() error { return e.Err }

// Unnamed is e for a message that names the gateway or dataset by itself.
func (e *Error) Unnamed() *Error {
	unnamed := *e
	unnamed.Container = ""
	return &unnamed
}

// KindOf returns the kind of the Error in err's chain, 0 if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return 0
}

// IsNoPage says whether err means that the page asked for does not exist: 400,
// 404 or 422 after page 1, which is how a list may end.
func IsNoPage(err error) bool { return KindOf(err) == NoPage }

// Error says what failed and what to do about it, in one line.
func (e *Error) Error() string {
	w := wordsFor(e.Source)
	switch e.Kind {
	case Refused:
		return fmt.Sprintf("%s refused the credential to %s%s: check %s%s", w.name, e.task(), e.answer(), e.secret(), w.grant)
	case Gone:
		return fmt.Sprintf("%s has no %s for this credential, gone or not permitted%s: check the id, and that %s may read it",
			w.name, e.thing(), e.answer(), e.secret())
	case NoPage:
		return fmt.Sprintf("%s has no such page to %s%s", w.name, e.task(), e.answer())
	case TooLarge:
		return fmt.Sprintf("%s: %s: %v; ask for fewer rows a page", w.name, e.task(), ErrTooLarge)
	case Config:
		if e.Status == 0 {
			return fmt.Sprintf("%s can't be asked to %s%s: check %s", w.name, e.task(), e.answer(), w.settings)
		}
		return fmt.Sprintf("%s did not accept the request to %s%s: check %s", w.name, e.task(), e.answer(), w.settings)
	}
	advice := "run again later"
	if noAnswer := e.Status == 0 || e.Status/100 == 2 && e.Code == 0; noAnswer && !errors.Is(e.Err, ErrNoTime) {
		advice += ", or check the network and " + w.base // something else may be answering there
	}
	return fmt.Sprintf("%s is unavailable: %s%s; %s", w.name, e.task(), e.answer(), advice)
}

// task names what was asked: `list logs of gateway "prod"`.
func (e *Error) task() string {
	if e.Container == "" {
		return e.Op
	}
	return e.Op + " of " + e.thing()
}

// thing names what is gone: `gateway "prod"`.
func (e *Error) thing() string {
	w := wordsFor(e.Source)
	if e.Container == "" {
		return "such " + w.container
	}
	return fmt.Sprintf("%s %q", w.container, e.Container)
}

// answer puts what is known about the failure in parentheses, with a space
// before them; empty if nothing is known.
func (e *Error) answer() string {
	var parts []string
	if e.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.Status))
	}
	if e.Code != 0 {
		parts = append(parts, fmt.Sprintf("code %d", e.Code))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if e.Tries > 1 {
		parts = append(parts, fmt.Sprintf("%d tries", e.Tries))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (e *Error) secret() string {
	if e.Secret == "" {
		return wordsFor(e.Source).secret
	}
	return e.Secret
}

// words are how messages speak about a source.
type words struct {
	name      string
	container string
	secret    string // environment variable of the credential
	grant     string // what the credential needs, said after its variable
	settings  string // what to check when a request is not accepted
	base      string // environment variable of the address
}

func wordsFor(source string) words {
	switch source {
	case sourceCloudflare:
		return words{
			name:      "Cloudflare",
			container: "gateway",
			secret:    "CLOUDFLARE_API_TOKEN",
			grant:     `, which needs the permission "AI Gateway Read" on the account`,
			settings:  "CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_GATEWAY_IDS and CLOUDFLARE_BASE_URL",
			base:      "CLOUDFLARE_BASE_URL",
		}
	case sourceKeywordsAI:
		return words{
			name:      "Keywords AI",
			container: "dataset",
			secret:    "KEYWORDSAI_API_KEY",
			settings:  "KEYWORDSAI_DATASET_IDS and KEYWORDSAI_BASE_URL",
			base:      "KEYWORDSAI_BASE_URL",
		}
	}
	return words{name: "the source", container: "stream", secret: "the credential", settings: "the settings", base: "its address"}
}
