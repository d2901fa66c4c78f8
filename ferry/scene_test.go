package ferry_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logferry/emulator"
	"logferry/load"
)

// A feed is a stream, and what it takes to compare it.
type feed struct {
	*emulator.Stream
	dataset string // its id; empty: a gateway
}

// A scene is a world filled for a kind of work.
type scene struct {
	*world
	feeds    []feed
	requests int                    // for logs that a first pass makes, about
	stir     func(emulator.Request) // what the source does meanwhile; nil: nothing
}

// scenes are what is killed, put to sleep and cut off.
var scenes = []func(t *testing.T, seed uint64, opts emulator.Options) *scene{gaps, gaps, splits, chunks}

// gaps is a gateway and a dataset of which earlier runs covered all but every
// other half day of three weeks, which hold all the logs: a pass carries 40
// small windows and is always about to commit something.
func gaps(t *testing.T, seed uint64, opts emulator.Options) *scene {
	return newWorld(t, opts).gaps(seed)
}

func (w *world) gaps(seed uint64) *scene {
	from, to := time.Now().Add(-20*day), time.Now()
	g, d := w.gateway("gate"), w.dataset("set")
	g.Insert(inGaps(cloudflareLogs(seed, 700, from, to))...)
	d.Insert(inGaps(keywordsLogs(seed, 700, from, to, "set", "created_at"))...)
	w.exec(`insert into logferry.streams (stream_id, source, account_ref, container_ref, stream_name)
		values (1, 'cloudflare_ai_gateway', $1, 'gate', $2), (2, 'keywords_ai', '', 'set', $3)`, testAcct, g.Name(), d.Name())
	w.exec(`insert into logferry.stream_state (stream_id, starts_at, coverage)
		select stream_id, starts_at, tstzmultirange(tstzrange(starts_at, now() - interval '12 hours')) - gaps
		  from (values (1, now() - interval '30 days'), (2, '2015-01-01Z')) stream (stream_id, starts_at),
		       (select range_agg(tstzrange(to_timestamp(n * 43200), to_timestamp((n + 1) * 43200))) as gaps
		          from generate_series($1::bigint, $1 + 41) n where n % 2 = 0) every_other`, from.Unix()/43200)
	return &scene{world: w, feeds: []feed{{g, ""}, {d, "set"}}, requests: 55}
}

func inGaps(logs []emulator.Log) []emulator.Log {
	return slices.DeleteFunc(logs, func(l emulator.Log) bool { return l.At.Unix()/43200%2 != 0 && time.Since(l.At) > 12*time.Hour })
}

// chunks is a gateway whose logs carry so much metadata that every page of 50
// is a chunk.
func chunks(t *testing.T, seed uint64, opts emulator.Options) *scene {
	w := newWorld(t, opts)
	g := w.gateway("gate")
	now := time.Now()
	metadata := json.RawMessage(`{"note": "` + strings.Repeat("much ", load.MaxChunkBytes/2/50/5) + `"}`)
	for _, l := range cloudflareLogs(seed, 180, now.Add(-20*day), now) {
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(l.Doc, &doc); err != nil {
			t.Fatal(err)
		}
		doc["metadata"] = metadata
		var err error
		if l.Doc, err = json.Marshal(doc); err != nil {
			t.Fatal(err)
		}
		g.Insert(l)
	}
	return &scene{world: w, feeds: []feed{{g, ""}}, requests: 10}
}

// splits is a gateway that gets new logs where it is being read, so that its
// windows are halved again and again. All lie in the lookback, where a pass
// finds what came too late for it.
func splits(t *testing.T, seed uint64, opts emulator.Options) *scene {
	w := newWorld(t, opts)
	g := w.gateway("gate")
	now := time.Now()
	g.Insert(cloudflareLogs(seed, 700, now.Add(-20*time.Hour), now)...)
	w.cfg.Start = day
	var asked atomic.Uint64
	return &scene{world: w, feeds: []feed{{g, ""}}, requests: 36, stir: func(r emulator.Request) {
		if n := asked.Add(1); r.Filtered && r.Page > 1 && n%3 == 0 {
			g.Insert(cloudflareLogs(seed+n, 1, r.From, r.To)...)
		}
	}}
}

// busy makes answers take a moment, as they do, so that the database keeps up
// with them, lets the source stir, and tells each the requests for logs and their
// ordinals, from 1.
func (s *scene) busy(each func(n int, r emulator.Request)) {
	var asked atomic.Int64
	s.emu.SetFaults(emulator.Faults{AnswerTime: 8 * time.Millisecond, OnRequest: func(_ int, r emulator.Request) {
		if s.stir != nil {
			s.stir(r)
		}
		each(int(asked.Add(1)), r)
	}})
}

// calm ends busy.
func (s *scene) calm() { s.emu.SetFaults(emulator.Faults{}) }

// atRequest makes the source busy, and closes its channel a while after the
// n-th request for logs came in.
func (s *scene) atRequest(n int, while time.Duration) <-chan struct{} {
	reached := make(chan struct{})
	s.busy(func(asked int, _ emulator.Request) {
		if asked == n {
			time.AfterFunc(while, func() { close(reached) })
		}
	})
	return reached
}

// equalAll is equal for several streams.
func (s *scene) equalAll() {
	s.t.Helper()
	for _, f := range s.feeds {
		s.same(s.served(f.Stream, "created_at", f.dataset, time.Time{}, farAhead), s.rows(f.Stream))
	}
}

// servedNow are the logs of all feeds, as they are served now.
func (s *scene) servedNow() []map[string]string {
	var all []map[string]string
	for _, f := range s.feeds {
		all = append(all, s.served(f.Stream, "created_at", f.dataset, time.Time{}, farAhead))
	}
	return all
}

// coveredIsHeld is that of each feed, for logs that were served at an earlier time:
// what came while a window was being read may be late for it.
func (s *scene) coveredIsHeld(before []map[string]string) {
	s.t.Helper()
	for i, f := range s.feeds {
		s.world.coveredIsHeld(f.Stream, before[i])
	}
}

// A standing is what the warehouse says of a stream.
type standing struct {
	watermark      time.Time // zero: none
	inserted, rows int       // by the ledger, and by count
}

// standings are those of all streams, by name. What must hold at any moment is
// checked: the ledger's sums are the rows, claims don't overlap, and no
// watermark is earlier than before; nil: there is nothing before.
func (w *world) standings(before map[string]standing) map[string]standing {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(w.t.Context())
	rows, err := conn.Query(w.t.Context(), `
		select s.stream_name, f.watermark_at,
		       (select coalesce(sum(inserted_rows), 0) from logferry.windows w where w.stream_id = s.stream_id)::bigint,
		       (select count(*) from logferry.requests r where r.stream_id = s.stream_id)
		  from logferry.streams s join llm.freshness f using (stream_name)`)
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]standing{}
	for rows.Next() {
		var name string
		var at *time.Time
		var s standing
		if err := rows.Scan(&name, &at, &s.inserted, &s.rows); err != nil {
			w.t.Fatal(err)
		}
		if at != nil {
			s.watermark = *at
		}
		all[name] = s
		if s.inserted != s.rows {
			w.t.Errorf("%s: the ledger says that %d rows were inserted, %d are there", name, s.inserted, s.rows)
		}
		if was := before[name].watermark; s.watermark.Before(was) {
			w.t.Errorf("%s: the watermark went back from %s to %s", name, was, s.watermark)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	w.invariants()
	return all
}

func (w *world) liveClaims() int64 {
	w.t.Helper()
	return query[int64](w, `select count(*) from logferry.windows where status = 'claimed' and lease_until > clock_timestamp()`)
}
