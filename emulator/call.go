package emulator

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// A Call is one model call as a gateway saw it: what a log document is made
// of, and what a loaded row can be compared with field by field.
type Call struct {
	At       time.Time     // its end; UTC, whole microseconds. Cloudflare shows milliseconds of it
	Duration time.Duration // whole milliseconds
	// FirstToken is the time to the first token, whole milliseconds; 0: not
	// a streamed answer.
	FirstToken time.Duration

	Provider, Model string // as the gateway spells them, raw
	Path            string // of the upstream request, query string included
	Type            string // chat, embeddings
	Streamed        bool

	Success    bool
	Cached     bool // answered by the gateway's cache
	StatusCode int
	Step       int // 0 the first try, 1 the first retry or fallback, …

	// InputTokens and OutputTokens are nil where the gateway could not parse
	// the usage block.
	InputTokens, OutputTokens     *int
	CachedTokens, ReasoningTokens int // parts of the two above

	// Cost is dollars as a JSON number, perhaps with an exponent; "null", or
	// empty: the member is missing. Both mean unknown, not free.
	Cost       string
	CustomCost bool

	User, Team, Conversation, Environment string // metadata; empty: not given
	// MetadataAs is the form in which a Cloudflare document carries metadata.
	MetadataAs MetadataForm
	// Extra are members that no schema knows, by name: a document has them at
	// its end.
	Extra    map[string]json.RawMessage
	Feedback int // 1, -1 or 0: none

	Prompt, Answer string // harmless made-up words; Answer is empty for an error

	// Entropy are the random bits of the log's id. Event and EventAt are those
	// of the request's first step: equal for a call and its retries.
	Entropy, Event [10]byte
	EventAt        time.Time
}

// A MetadataForm is a JSON form of metadata that was seen or is documented.
type MetadataForm string

// The forms.
const (
	MetadataObject MetadataForm = "object"
	MetadataString MetadataForm = "string" // JSON inside a string, as the schema has it
	MetadataNull   MetadataForm = "null"   // null although something was sent
	MetadataBroken MetadataForm = "broken" // a string that breaks off: no JSON inside
)

// uuidSince is when Cloudflare's new log ids became UUIDv7; earlier ones are
// ULIDs and stay so (changelog of 2026-10-08).
var uuidSince = time.Date(2026, 10, 8, 0, 0, 0, 0, time.UTC)

// CloudflareID is the id of the call's Cloudflare log.
func (c Call) CloudflareID() string { return timedID(c.At, c.Entropy) }

// EventID is the id that a call and its retries share: the log id of the
// first, as it is since 2026-10-08.
func (c Call) EventID() string { return timedID(c.EventAt, c.Event) }

// KeywordsAIID is the id of the call's Keywords AI log: 32 lowercase hex
// digits, in no order of time.
func (c Call) KeywordsAIID() string { return hex.EncodeToString(c.spread()) }

// spread stretches the entropy to the 16 bytes of a version 4 UUID.
func (c Call) spread() []byte {
	id := binary.BigEndian.AppendUint64(nil, hashText(string(c.Entropy[:])))
	id = append(id, c.Entropy[2:]...)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// timedID is a ULID or a UUIDv7, whichever was given out at the time.
func timedID(at time.Time, entropy [10]byte) string {
	stamp := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))[2:]
	id := append(stamp, entropy[:]...)
	if at.Before(uuidSince) {
		return ulid(id)
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// ulid writes 128 bits as 26 characters of Crockford's base 32; the first
// carries three bits.
func ulid(id []byte) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	high, low := binary.BigEndian.Uint64(id), binary.BigEndian.Uint64(id[8:])
	text := make([]byte, 26)
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = alphabet[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(text)
}

// Shift moves calls in time, all by as much, so that the last is at the
// instant last. Ids follow, because they carry the time.
func Shift(calls []Call, last time.Time) []Call {
	if len(calls) == 0 {
		return nil
	}
	newest := calls[0].At
	for _, c := range calls {
		if c.At.After(newest) {
			newest = c.At
		}
	}
	by := last.UTC().Truncate(time.Microsecond).Sub(newest)
	moved := make([]Call, len(calls))
	for i, c := range calls {
		c.At, c.EventAt = c.At.Add(by), c.EventAt.Add(by)
		moved[i] = c
	}
	return moved
}
