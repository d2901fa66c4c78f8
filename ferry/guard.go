package ferry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"logferry/extract"
	"logferry/load"
	"logferry/transform"
)

// The retention guard compares what is unread with what the source still keeps.
// Only Cloudflare's gateways lose logs by themselves: at its limit a gateway
// either deletes its oldest logs or stores no new ones. What that means for a
// stream is said at the start of a pass, when what is unread is known: a note,
// llm.freshness.retention_risk, and, when it is new, a row in the ledger. It
// costs no request until a gateway is half full or a stream is behind.
const (
	smallestLimit = 10_000         // no gateway keeps less (Cloudflare's API reference)
	behind        = time.Hour      // unread for so long, logs may be deleted first
	soon          = 24 * time.Hour // a deletion is warned about when it is nearer
	soonFull      = 7 * 24 * time.Hour
)

// The codes of llm.freshness.retention_risk.
const (
	RiskFills   = "fills"   // it will be full, and then store no new logs
	RiskFull    = "full"    // it is full and stores no new logs
	RiskDeletes = "deletes" // it will delete logs that are unread
	RiskDeleted = "deleted" // it has deleted logs that were unread
	RiskOff     = "off"     // it is set not to collect logs
)

// guard looks for a risk and says it; a stream that is not ready to be read, as
// one without logs, has none unless it is off. It is advice: what goes wrong with
// it is logged and stops nothing.
func (s *stream) guard(ctx context.Context, ready bool) {
	if s.Source != transform.SourceCloudflare || s.dry {
		return
	}
	var risk load.RetentionRisk
	var err error
	if ready || s.listed.keeps.Off {
		risk, err = s.risk(ctx)
	}
	if err == nil {
		err = s.face(ctx, risk)
	}
	if err != nil && ctx.Err() == nil {
		s.run.log.Warn("the retention guard could not look", "stream", s.Name, "err", err)
	}
}

// face keeps the risk, and notes it.
func (s *stream) face(ctx context.Context, risk load.RetentionRisk) error {
	s.risky = risk.Code
	if risk.Code != "" {
		s.run.note(s.Name + ": " + risk.Detail)
	}
	return s.run.store.SaveRetentionRisk(ctx, s.ID, s.run.id, s.seen(), risk)
}

// unguard takes back that unread logs are to be deleted, once they are read;
// not of a gateway that will have deleted some by the next pass.
func (s *stream) unguard(ctx context.Context) error {
	if s.risky != RiskDeletes || s.shortLived(s.account.keeps(ctx, s.listed).Limit) {
		return nil
	}
	unread, err := s.oldestUnread(ctx)
	if err != nil || s.settled().Sub(unread) > behind {
		return err
	}
	return s.face(ctx, load.RetentionRisk{})
}

// risk tells what threatens the stream's unread logs.
func (s *stream) risk(ctx context.Context) (load.RetentionRisk, error) {
	total, counted := s.head.Total, s.counted()
	if s.listed.keeps.Off {
		return load.RetentionRisk{Code: RiskOff, At: s.head.Newest.At, Detail: "this gateway does not collect logs (its setting collect_logs)"}, nil
	}
	if counted && total < smallestLimit && !s.listed.discovered {
		return load.RetentionRisk{}, nil
	}
	keeps := s.account.keeps(ctx, s.listed)
	if counted && (total < keeps.Limit/2 || keeps.Limit == 0 && total < smallestLimit) {
		return load.RetentionRisk{}, nil
	}
	unread, err := s.oldestUnread(ctx)
	switch {
	case err != nil:
		return load.RetentionRisk{}, err
	case keeps.AtFull == extract.StopInserting && !counted:
		return load.RetentionRisk{}, nil
	case keeps.AtFull == extract.StopInserting:
		return s.riskOfStopping(ctx, keeps.Limit)
	case s.settled().Sub(unread) < behind && !s.shortLived(keeps.Limit):
		return load.RetentionRisk{}, nil
	}
	oldest, err := s.floor(ctx)
	switch {
	case err != nil || oldest.IsZero():
		return load.RetentionRisk{}, err
	case oldest.After(unread) && unread.After(s.StartsAt):
		return s.deleted(ctx, oldest)
	}
	return s.riskOfDeletion(ctx, keeps.Limit, oldest, later(oldest, unread))
}

// deleted tells what was not read of the time that the source no longer serves.
func (s *stream) deleted(ctx context.Context, oldest time.Time) (load.RetentionRisk, error) {
	gaps, err := s.run.store.Gaps(ctx, s.ID, load.Span{From: s.StartsAt, To: oldest}, false)
	if err != nil || len(gaps) == 0 {
		return load.RetentionRisk{}, err
	}
	var unread time.Duration
	for _, gap := range gaps {
		unread += gap.To.Sub(gap.From)
	}
	lost := load.Span{From: gaps[0].From, To: gaps[len(gaps)-1].To}
	return load.RetentionRisk{Code: RiskDeleted, At: lost.To, Lost: lost, Detail: fmt.Sprintf(
		"the source no longer serves logs before %s, and from %s to %s %s had not been read: what came then was deleted unread; run sync more often, or let the gateway keep more",
		stamp(oldest), stamp(lost.From), stamp(lost.To), FormatDuration(unread))}, nil
}

// counted tells that the head's total is one: not missing, and not at the usual
// cap. Without it, how full a gateway is can't be told, but what it deleted can.
func (s *stream) counted() bool { return s.head.Total >= 0 && s.head.Total != walkBelow }

// oldestUnread is where the stream's first gap begins.
func (s *stream) oldestUnread(ctx context.Context) (time.Time, error) {
	want := load.Span{From: s.StartsAt, To: s.settled()}
	if want.Empty() {
		return want.To, nil
	}
	gaps, err := s.run.store.Gaps(ctx, s.ID, want, false)
	if err != nil || len(gaps) == 0 {
		return want.To, err
	}
	return gaps[0].From, nil
}

// shortLived tells a full gateway that, going by the head's page, keeps its logs
// for so short a time that even a pass that is not behind may come too late.
func (s *stream) shortLived(limit int64) bool {
	h := s.head
	span := h.Newest.At.Sub(h.Oldest.At)
	return limit > 0 && h.Total >= limit && h.Rows > 1 && span > 0 &&
		float64(span)*float64(h.Total)/float64(h.Rows) < float64(s.run.cfg.Settle+behind)
}

// riskOfStopping is for a gateway that stores nothing once it is full.
func (s *stream) riskOfStopping(ctx context.Context, limit int64) (load.RetentionRisk, error) {
	total := s.head.Total
	const cure = "let it keep more, or delete its oldest logs (its log management settings)"
	if limit > 0 && total >= limit {
		return load.RetentionRisk{Code: RiskFull, At: s.head.Newest.At, Detail: fmt.Sprintf(
			"the gateway holds %d logs of %d and stores no new ones; its newest is from %s: %s", total, limit, stamp(s.head.Newest.At), cure)}, nil
	}
	if total < limit/10*9 {
		return load.RetentionRisk{}, nil
	}
	rate, err := s.rate(ctx)
	full := after(s.run.now, limit-total, rate)
	if err != nil || full.IsZero() || full.Sub(s.run.now) > soonFull {
		return load.RetentionRisk{}, err
	}
	return load.RetentionRisk{Code: RiskFills, At: full, Detail: fmt.Sprintf(
		"the gateway holds %d logs of %d; at its present rate it is full at %s and then stores no new ones: %s", total, limit, stamp(full), cure)}, nil
}

// riskOfDeletion is for a gateway that deletes its oldest logs when it is full:
// what is free, and what is read already, goes first.
func (s *stream) riskOfDeletion(ctx context.Context, limit int64, oldest, unread time.Time) (load.RetentionRisk, error) {
	if limit == 0 || !s.counted() {
		return load.RetentionRisk{}, nil
	}
	rate, err := s.rate(ctx)
	if err != nil || rate == 0 {
		return load.RetentionRisk{}, err
	}
	first := max(0, limit-s.head.Total)
	if oldest.Before(unread) {
		read, _, err := s.feed().Total(ctx, oldest.Add(-s.dialect().Tick), unread)
		if err != nil {
			return load.RetentionRisk{}, err
		}
		first += max(0, read)
	}
	at := after(s.run.now, first, rate)
	if at.Sub(s.run.now) > soon {
		return load.RetentionRisk{}, nil
	}
	return load.RetentionRisk{Code: RiskDeletes, At: at, Detail: fmt.Sprintf(
		"at the present rate (%.0f logs an hour, at most %d are kept) the gateway deletes the oldest unread log, of %s, in %s: run sync more often, or let the gateway keep more",
		rate*3600, limit, stamp(unread), FormatDuration(at.Sub(s.run.now)))}, nil
}

// rate is how many logs a second came lately: in the last hour, or less where
// so many came that their total is cut.
func (s *stream) rate(ctx context.Context) (float64, error) {
	for span := time.Hour; ; span /= 8 {
		n, _, err := s.feed().Total(ctx, s.run.now.Add(-span), s.run.now)
		if err != nil || n < walkBelow || span < 10*time.Second {
			return float64(max(0, n)) / span.Seconds(), err
		}
	}
}

// after is when so many logs more will have come; zero: never at this rate.
func after(now time.Time, logs int64, rate float64) time.Time {
	if rate <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(min(float64(logs)/rate, 10*365*24*3600) * float64(time.Second)))
}

// A keeping is what an account's gateways do with their logs. Where settings
// name the gateways it is listed for the guard alone, once a run.
type keeping struct {
	once sync.Once
	of   map[string]extract.Retention
}

// keeps is the retention of a listed stream. Without it, as when the token may
// not list gateways, the guard still sees what was deleted.
func (a *account) keeps(ctx context.Context, l listed) extract.Retention {
	if l.discovered {
		return l.keeps
	}
	a.keeping.once.Do(func() {
		a.keeping.of = map[string]extract.Retention{}
		streams, err := a.api.Streams(ctx)
		if err != nil {
			return
		}
		for _, s := range streams {
			a.keeping.of[s.Container] = s.Keeps
		}
	})
	return a.keeping.of[l.container]
}
