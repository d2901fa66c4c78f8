package transform

import (
	"crypto/sha256"
	"fmt"
)

// Reject codes: why a document cannot be a record.
const (
	RejectNotJSON        = "not_json"                // not one valid JSON object, or nested over 10,000 levels
	RejectNoID           = "no_id"                   // no id, or none that text in Postgres can hold as it is
	RejectIDTooLong      = "id_too_long"             // an id over 1024 bytes does not fit the key's index
	RejectNoCreatedAt    = "no_created_at"           // the stream's time field is absent or is no time
	RejectTimeOutOfRange = "created_at_out_of_range" // before 2015, or later than a day after the pass's clock
	RejectWrongContainer = "wrong_container"         // the document says that it belongs to another dataset
	RejectTooLarge       = "too_large"               // over 8 MiB; the bytes are not kept
)

// maxIDBytes leaves a log id room in a btree entry, which Postgres limits to a
// third of a page.
const maxIDBytes = 1024

// maxClaimedBytes bounds a time that could not be read.
const maxClaimedBytes = 64

// TooLarge is the reject of the document at a position of a listing (such as a
// page and row) that was too large to read; its size may be only a lower
// bound. The hash is of the position, so that reading it again is the same
// case.
func TooLarge(position string, size int64) *Reject {
	return &Reject{
		Code:   RejectTooLarge,
		Detail: fmt.Sprintf("the document at %s has over %d bytes; it is not kept", position, size),
		Raw:    fmt.Appendf(nil, `{"withheld_bytes":%d}`, size),
		SHA256: sha256.Sum256([]byte(position)),
	}
}

// refuse makes the reject of a document that was split into members.
func (r *reading) refuse(code, detail string) *Reject {
	return &Reject{
		Code:             code,
		Detail:           detail,
		LogID:            r.logID,
		At:               r.usableTime(),
		ClaimedCreatedAt: r.claimed,
		Raw:              r.raw(),
		SHA256:           sha256.Sum256(r.doc),
	}
}

// refuseBytes makes the reject of a document that is no JSON object.
func refuseBytes(doc []byte, o *Options) *Reject {
	raw := doc
	if !o.KeepPayloads {
		raw = appendWithheld(nil, doc)
	}
	return &Reject{
		Code:   RejectNotJSON,
		Detail: fmt.Sprintf("%d bytes that are not one JSON object", len(doc)),
		Raw:    raw,
		SHA256: sha256.Sum256(doc),
	}
}
