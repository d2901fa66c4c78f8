package ferry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"logferry/extract"
	"logferry/load"
	"logferry/transform"
)

// A QuarantineCase is a document that could not be stored as a row, without its
// bytes. Times are UTC.
type QuarantineCase struct {
	ID               int64     `json:"id"`
	Stream           string    `json:"stream"`
	Code             string    `json:"code"`
	Detail           string    `json:"detail,omitempty"`
	LogID            string    `json:"log_id,omitempty"`
	ClaimedCreatedAt string    `json:"claimed_created_at,omitempty"`
	FirstSeen        time.Time `json:"first_seen_at"`
	LastSeen         time.Time `json:"last_seen_at"`
	Seen             int       `json:"seen_count"`
	Resolution       string    `json:"resolution,omitempty"` // empty: open
	Bytes            int       `json:"bytes"`
}

// Quarantine lists open cases, with resolved also those that were dealt with;
// of one stream unless its name is empty.
func (f *Ferry) Quarantine(ctx context.Context, stream string, resolved bool) ([]QuarantineCase, error) {
	cases, err := f.store.Cases(ctx, load.CaseFilter{Stream: stream, Resolved: resolved})
	if err == nil && len(cases) == 0 && stream != "" {
		err = f.streamOrCases(ctx, stream)
	}
	list := make([]QuarantineCase, 0, len(cases))
	for _, c := range cases {
		list = append(list, shown(c))
	}
	return list, err
}

func shown(c load.Case) QuarantineCase {
	return QuarantineCase{
		ID: c.ID, Stream: c.Stream, Code: c.Code, Detail: c.Detail, LogID: c.LogID, ClaimedCreatedAt: c.ClaimedCreatedAt,
		FirstSeen: c.FirstSeen, LastSeen: c.LastSeen, Seen: c.Seen, Resolution: c.Resolution, Bytes: c.Size,
	}
}

// QuarantineShow returns one case with the bytes that were kept of it. This is
// the only way out for them.
func (f *Ferry) QuarantineShow(ctx context.Context, id int64) (QuarantineCase, []byte, error) {
	cases, err := f.store.Cases(ctx, load.CaseFilter{IDs: []int64{id}, Resolved: true})
	if err != nil {
		return QuarantineCase{}, nil, err
	}
	if len(cases) == 0 {
		return QuarantineCase{}, nil, noCase(id)
	}
	raw, err := f.store.CaseBytes(ctx, id)
	return shown(cases[0]), raw, err
}

// streamOrCases is an error unless a stream of that name is known, or was when
// a case of it came up: one that is forgotten leaves its cases.
func (f *Ferry) streamOrCases(ctx context.Context, name string) error {
	cases, err := f.store.Cases(ctx, load.CaseFilter{Stream: name, Resolved: true})
	if err != nil || len(cases) > 0 {
		return err
	}
	streams, err := f.store.Streams(ctx)
	if err == nil && !slices.ContainsFunc(streams, func(st load.Stream) bool { return st.Name == name }) {
		err = noStream(name)
	}
	return err
}

func noCase(ids ...int64) error {
	var list []string
	for _, id := range ids {
		list = append(list, strconv.FormatInt(id, 10))
	}
	noun := "case "
	if len(ids) > 1 {
		noun = "cases "
	}
	return &UsageError{"quarantine holds no " + noun + strings.Join(list, ", ") + ": see 'logferry quarantine list --all'"}
}

// named finds out which of the named cases are closed already. One that is not
// there is an error, and then nothing is done about the others either.
func (f *Ferry) named(ctx context.Context, ids []int64) (closed []int64, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cases, err := f.store.Cases(ctx, load.CaseFilter{IDs: ids, Resolved: true})
	if err != nil {
		return nil, err
	}
	var unknown []int64
	for _, id := range ids {
		i := slices.IndexFunc(cases, func(c load.Case) bool { return c.ID == id })
		switch {
		case i < 0:
			unknown = append(unknown, id)
		case cases[i].Resolution != "":
			closed = append(closed, id)
		}
	}
	if len(unknown) > 0 {
		return nil, noCase(unknown...)
	}
	return closed, nil
}

// QuarantineDiscard closes cases for good. It tells how many, and which were
// closed already.
func (f *Ferry) QuarantineDiscard(ctx context.Context, ids []int64) (discarded int64, closed []int64, err error) {
	if closed, err = f.named(ctx, ids); err != nil {
		return 0, nil, err
	}
	discarded, err = f.store.Discard(ctx, ids)
	return discarded, closed, err
}

// A Replayed is how replaying ended.
type Replayed struct {
	Stored     int     // cases that are rows now
	Superseded int     // cases whose log has something newer: closed, nothing was written
	Still      int     // cases that still can't be one
	Held       int     // cases whose time another run holds just now
	Disabled   int     // cases of streams that are disabled
	Closed     []int64 // named cases that were closed already
}

// Tried tells how many cases were looked at.
func (r Replayed) Tried() int { return r.Stored + r.Superseded + r.Still + r.Held + r.Disabled }

// QuarantineReplay tries the bytes of open cases again, by the rules of this
// version: all of them, or those with the ids. An error ends it; what was done
// before that stays, and is told.
func (f *Ferry) QuarantineReplay(ctx context.Context, ids []int64) (done Replayed, err error) {
	if done.Closed, err = f.named(ctx, ids); err != nil {
		return done, err
	}
	_, err = f.execute(ctx, "quarantine replay", load.KindBackfill, func(ctx context.Context, r *run) error {
		cases, err := f.store.Cases(ctx, load.CaseFilter{IDs: ids})
		if err != nil {
			return err
		}
		known, err := f.store.Streams(ctx)
		if err != nil {
			return err
		}
		streams := map[string]load.Stream{}
		for _, st := range known {
			streams[st.Name] = st
		}
		slices.SortFunc(cases, newestFirst)
		for _, c := range cases {
			if err := r.replay(ctx, c, streams[c.Stream], &done); err != nil {
				return within(c.Stream, err)
			}
		}
		return nil
	})
	return done, err
}

// newestFirst is the order of replaying: of cases that turn out to be of one log,
// the one that was met last is what the source said last.
func newestFirst(a, b load.Case) int {
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(b.ID, a.ID))
}

func (r *run) replay(ctx context.Context, c load.Case, st load.Stream, done *Replayed) error {
	var d extract.Dialect
	if st.Dialect == nil || json.Unmarshal(st.Dialect, &d) != nil {
		done.Still++ // a stream that is forgotten or unproven says nothing of its times
		return nil   //nolint:nilerr // so does one whose dialect can't be read
	}
	raw, err := r.store.CaseBytes(ctx, c.ID)
	if err != nil {
		return err
	}
	o := transform.Options{
		Now: r.now, TimeField: d.TimeField, Container: st.Container, UserIDKeys: st.UserIDKeys, ConversationIDKeys: st.ConversationIDKeys,
		KeepPayloads: r.cfg.Payloads, Kept: true, MappingVersion: r.cfg.MappingVersion,
	}
	record, reject := decode(st.Source, raw, &o)
	if reject != nil {
		done.Still++
		return nil
	}
	how, err := r.store.Replay(ctx, r.id, c, record, load.Keep{Raw: r.cfg.Raw, Payloads: r.cfg.Payloads, Shape: d.Shape}, d.Tick, r.lease)
	switch {
	case load.RefusedValue(err):
		done.Still++
	case errors.Is(err, load.ErrLost): // its stream is disabled, or forgotten meanwhile
		done.Disabled++
	case err != nil:
		return err
	case how == load.Replayed:
		done.Stored++
	case how == load.Superseded:
		done.Superseded++
	default:
		done.Held++
	}
	return nil
}
