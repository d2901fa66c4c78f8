package transform

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// A hashed is a canonical encoding in the making: every value is preceded by
// its length or by whether it is there, so that no two records share one.
type hashed []byte

// contentHash is the first 16 bytes of SHA-256 over everything normalised: the
// record's values, the payload's digest, whether payloads are kept, and the
// mapping version. Log id and raw document are left out.
func contentHash(r *Record, payload *Payload, o *Options) [16]byte {
	version := o.MappingVersion
	if version == 0 {
		version = MappingVersion
	}
	h := make(hashed, 0, 1024)
	h.integer(int64(version))
	h.flag(o.KeepPayloads)
	h.times(r)
	h.counts(r)
	h.words(r)
	h.payload(payload)
	sum := sha256.Sum256(h)
	return [16]byte(sum[:16])
}

func (h *hashed) times(r *Record) {
	h.integer(r.CreatedAt.UnixMicro())
	h.flag(r.SourceUpdatedAt != nil)
	if r.SourceUpdatedAt != nil {
		h.integer(r.SourceUpdatedAt.UnixMicro())
	}
}

func (h *hashed) counts(r *Record) {
	for _, n := range []*int32{
		r.DurationMS, r.TimeToFirstTokenMS, r.InputTokens, r.OutputTokens,
		r.CacheReadInputTokens, r.CacheCreationInputTokens, r.ReasoningOutputTokens,
		r.RequestBytes, r.ResponseBytes, r.RequestMaxTokens,
	} {
		hashNumber(h, n)
	}
	hashNumber(h, r.StatusCode)
	hashNumber(h, r.AttemptStep)
	hashNumber(h, r.Feedback)
	hashReal(h, r.RequestTemperature)
	hashReal(h, r.RequestTopP)
	hashReal(h, r.FeedbackScore)
	h.flag(r.IsCacheHit)
}

func (h *hashed) words(r *Record) {
	for _, text := range []string{
		r.Model.ProviderRaw, r.Model.ModelRaw,
		r.Endpoint.URLPath, r.Endpoint.RequestType, r.Endpoint.ModelType,
		r.Endpoint.RequestContentType, r.Endpoint.ResponseContentType,
		r.Outcome, r.ErrorType, r.CostUSD, r.ReportedCostUSD, r.CostBasis,
		r.UserID, r.ConversationID, r.TraceID, r.Environment,
	} {
		h.text(text)
	}
	h.bytes(r.Metadata)
	h.integer(int64(len(r.Issues)))
	for _, code := range r.Issues {
		h.text(code)
	}
}

// payload adds the payload's digest, also when it is not kept: an answer that
// was edited is another answer.
func (h *hashed) payload(p *Payload) {
	h.flag(p != nil)
	if p == nil {
		return
	}
	var content hashed
	content.bytes(p.InputMessages)
	content.bytes(p.OutputMessages)
	content.bytes(p.Parameters)
	content.optional(p.RequestHead)
	content.optional(p.ResponseHead)
	digest := sha256.Sum256(content)
	h.bytes(digest[:])
}

func (h *hashed) integer(n int64) { *h = binary.BigEndian.AppendUint64(*h, uint64(n)) }

func (h *hashed) flag(set bool) {
	if set {
		*h = append(*h, 1)
	} else {
		*h = append(*h, 0)
	}
}

func (h *hashed) text(s string) {
	*h = binary.AppendUvarint(*h, uint64(len(s)))
	*h = append(*h, s...)
}

func (h *hashed) bytes(b []byte) {
	h.flag(b != nil)
	*h = binary.AppendUvarint(*h, uint64(len(b)))
	*h = append(*h, b...)
}

func (h *hashed) optional(s *string) {
	h.flag(s != nil)
	if s != nil {
		h.text(*s)
	}
}

func hashNumber[T int16 | int32](h *hashed, n *T) {
	h.flag(n != nil)
	if n != nil {
		h.integer(int64(*n))
	}
}

func hashReal[T float32 | float64](h *hashed, x *T) {
	h.flag(x != nil)
	if x != nil {
		h.integer(int64(math.Float64bits(float64(*x))))
	}
}
