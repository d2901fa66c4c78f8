package ferry_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"logferry/emulator"
	"logferry/ferry"
	"logferry/internal/pgtest"
	"logferry/migrations"
	"logferry/transform"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(childVariable); order != "" {
		beChild(order)
	}
	pgtest.Main(m)
}

const (
	testToken = "canary-token-3f9a" // must never be printed
	testKey   = "canary-key-77b1"
	testAcct  = "acc0123"
)

// A world is an emulator of both providers, a warehouse of its own, and the
// settings to carry logs from one to the other.
type world struct {
	t    testing.TB
	emu  *emulator.Emulator
	base string
	url  string
	cfg  ferry.Config

	asking sync.Mutex // guards conn
	conn   *pgx.Conn  // for queries; nil: none yet
}

// newWorld makes a world without streams. Budgets are high, the lease short.
func newWorld(t testing.TB, opts emulator.Options) *world {
	t.Helper()
	return newWorldAt(t, opts, pgtest.New(t, migrations.Up))
}

// newWorldAt is newWorld with a migrated database of the caller's.
func newWorldAt(t testing.TB, opts emulator.Options, database string) *world {
	t.Helper()
	if opts.CloudflareBudget == (emulator.Budget{}) {
		opts.CloudflareBudget = emulator.Unlimited
	}
	if opts.KeywordsAIBudget == (emulator.Budget{}) {
		opts.KeywordsAIBudget = emulator.Unlimited
	}
	opts.CloudflareToken, opts.KeywordsAIKey = testToken, testKey
	w := &world{t: t, emu: emulator.New(opts), url: database}
	base, stop, err := w.emu.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	w.base = base
	w.emu.AddAccount(testAcct)
	w.cfg = ferry.Config{
		Version: "test", Schema: migrations.Newest(), DatabaseURL: w.url,
		Start: 30 * day, Settle: 10 * time.Minute, Lookback: day, Tail: true, Raw: true,
		Concurrency: 8, Lease: time.Second,
	}
	if os.Getenv("LOGFERRY_TEST_LOG") != "" {
		w.cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return w
}

const day = 24 * time.Hour

// budget is high enough never to be waited for.
var budget = ferry.Budget{Requests: 1_000_000, Per: time.Minute}

func (w *world) gateway(id string) *emulator.Stream {
	if w.cfg.Cloudflare == nil {
		w.cfg.Cloudflare = &ferry.Cloudflare{Token: testToken, AccountID: testAcct, BaseURL: emulator.CloudflareBase(w.base), Budget: budget}
	}
	return w.emu.AddGateway(testAcct, id)
}

func (w *world) dataset(id string) *emulator.Stream {
	if w.cfg.KeywordsAI == nil {
		w.cfg.KeywordsAI = &ferry.KeywordsAI{Key: testKey, KeyName: "KEYWORDSAI_API_KEY", BaseURL: w.base, Budget: budget}
	}
	return w.emu.AddDataset(id, "set "+id)
}

// cloudflareLogs are n logs between two instants, as a gateway serves them.
func cloudflareLogs(seed uint64, n int, from, to time.Time) []emulator.Log {
	var logs []emulator.Log
	for _, c := range emulator.Synthetic(seed, n, from, to) {
		logs = append(logs, emulator.CloudflareLog(c))
	}
	return logs
}

func keywordsLogs(seed uint64, n int, from, to time.Time, dataset, timeField string) []emulator.Log {
	var logs []emulator.Log
	for _, c := range emulator.Synthetic(seed, n, from, to) {
		logs = append(logs, emulator.KeywordsAILog(c, dataset, timeField))
	}
	return logs
}

// ferry opens the flow; it is closed with the test.
func (w *world) ferry() *ferry.Ferry {
	w.t.Helper()
	f, err := ferry.Open(context.Background(), w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(f.Close)
	return f
}

// sync runs a pass that must end with the exit code.
func (w *world) sync(code int) ferry.Summary {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	sum, err := f.Sync(context.Background())
	w.exits(code, err)
	return sum
}

func (w *world) backfill(code int, o ferry.BackfillOptions) ferry.Summary {
	w.t.Helper()
	f := w.ferry()
	defer f.Close()
	sum, err := f.Backfill(context.Background(), o)
	w.exits(code, err)
	return sum
}

func (w *world) exits(code int, err error) {
	w.t.Helper()
	if got := ferry.ExitCode(err); got != code {
		w.t.Fatalf("exit code %d, want %d: %v", got, code, err)
	}
}

func (w *world) connect() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// query returns one value of one row. Queries of a world share a connection, which
// is made again once it was lost, as to a restart.
func query[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	var v T
	for again := w.conn != nil; ; again = false {
		if w.conn == nil {
			w.conn = w.connect()
		}
		err := w.conn.QueryRow(context.Background(), sql, args...).Scan(&v)
		if err == nil {
			return v
		}
		if !again || !w.conn.IsClosed() {
			w.t.Fatal(err)
		}
		w.conn = nil
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// rows maps log id to time and content hash of what the warehouse holds of a
// stream. An id held twice is an error.
func (w *world) rows(stream *emulator.Stream) map[string]string {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), `
		select r.log_id, r.created_at, r.content_hash from logferry.requests r join logferry.streams s using (stream_id) where s.stream_name = $1`, stream.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	held := map[string]string{}
	var id string
	var at time.Time
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &at, &hash}, func() error {
		if _, twice := held[id]; twice {
			w.t.Errorf("%s: log %s is held twice", stream.Name(), id)
		}
		held[id] = at.UTC().Format(time.RFC3339Nano) + " " + hex.EncodeToString(hash)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

// served maps what the provider serves of a stream in [from, to) the same way.
func (w *world) served(stream *emulator.Stream, timeField, container string, from, to time.Time) map[string]string {
	w.t.Helper()
	o := transform.Options{Now: time.Now(), TimeField: timeField, Container: container, KeepPayloads: w.cfg.Payloads, MappingVersion: w.cfg.MappingVersion,
		UserIDKeys:         []string{"user_id", "user", "userId", "customer_identifier"},
		ConversationIDKeys: []string{"conversation_id", "session_id", "sessionId", "thread_id", "thread_identifier"}}
	want := map[string]string{}
	for _, l := range stream.Logs() {
		if l.At.Before(from) || !l.At.Before(to) {
			continue
		}
		var r *transform.Record
		var reject *transform.Reject
		if container == "" {
			r, reject = transform.Cloudflare(l.Doc, &o)
		} else {
			r, reject = transform.KeywordsAI(l.Doc, &o)
		}
		if reject != nil {
			w.t.Fatalf("a served log is no record: %s", reject.Code)
		}
		want[r.LogID] = r.CreatedAt.UTC().Format(time.RFC3339Nano) + " " + hex.EncodeToString(r.Hash[:])
	}
	return want
}

// equal checks that the warehouse holds exactly what the gateway serves.
func (w *world) equal(stream *emulator.Stream) {
	w.t.Helper()
	w.same(w.served(stream, "created_at", "", time.Time{}, farAhead), w.rows(stream))
}

func (w *world) same(want, got map[string]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		lost, extra, other := 0, 0, 0
		for id, v := range want {
			if g, ok := got[id]; !ok {
				lost++
			} else if g != v {
				other++
			}
		}
		for id := range got {
			if _, ok := want[id]; !ok {
				extra++
			}
		}
		w.t.Errorf("the warehouse differs from the provider: %d lost, %d not served, %d with other content (of %d)", lost, extra, other, len(want))
	}
	w.invariants()
}

var farAhead = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// invariants checks what must hold whatever happened: no live claims overlap,
// and every attested window's coverage is in its stream's.
func (w *world) invariants() {
	w.t.Helper()
	if n := query[int](w, `
		select count(*) from logferry.windows a join logferry.windows b using (stream_id)
		 where a.window_id < b.window_id and a.status = 'claimed' and b.status = 'claimed'
		   and a.window_start < b.window_end and b.window_start < a.window_end`); n > 0 {
		w.t.Errorf("%d pairs of live claims overlap", n)
	}
	if n := query[int](w, `
		select count(*) from logferry.windows w join logferry.stream_state s using (stream_id)
		 where w.status in ('attested', 'accepted') and not s.coverage @> tstzrange(w.window_start, w.window_end)`); n > 0 {
		w.t.Errorf("%d attested windows are not covered", n)
	}
}

func (w *world) watermark(stream *emulator.Stream) time.Time {
	return query[time.Time](w, `select watermark_at from llm.freshness where stream_name = $1`, stream.Name())
}
