package load

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"logferry/internal/pgtest"
	"logferry/migrations"
	"logferry/transform"
)

func TestMain(m *testing.M) {
	// Every step of a property asks Postgres: a few dozen checks take seconds.
	// A flag on the command line still says otherwise.
	for name, value := range map[string]string{"rapid.checks": "40", "rapid.shrinktime": "5s"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	pgtest.Main(m)
}

var seedFlag = flag.Uint64("seed", 0, "seed of random tests, as a failed one printed it; 0: a new one")

// seeded returns the seed of a random test, printed, and its generator.
func seeded(t *testing.T) (uint64, *rand.Rand) {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	return seed, rand.New(rand.NewPCG(seed, 0))
}

// open gives a store on a migrated database of the test's own.
func open(t *testing.T) *Store {
	t.Helper()
	return connectTo(t, pgtest.New(t, migrations.Up))
}

// connect opens the database of other once more, as a second process would.
func connect(t *testing.T, other *Store) *Store {
	t.Helper()
	return connectTo(t, other.pool.Config().ConnString())
}

func connectTo(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// execSQL runs a statement beside the store's own.
func execSQL(t *testing.T, s *Store, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// count runs a query that gives one number.
func count(t *testing.T, s *Store, sql string, args ...any) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A feed is one stream of a warehouse, and a run that carries it.
type feed struct {
	*Store
	t      *testing.T
	stream Stream
	run    int64
}

// newFeed gives a stream, starting at instant, on a database of the test's own.
func newFeed(t *testing.T) *feed {
	t.Helper()
	return feedOn(t, open(t), "zeta")
}

func feedOn(t *testing.T, s *Store, name string) *feed {
	t.Helper()
	rows, err := s.Register(t.Context(), []StreamRow{gateway(name, instant)})
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{Store: s, t: t, stream: rows[0]}
	f.run = f.newRun()
	return f
}

func (f *feed) newRun() int64 {
	f.t.Helper()
	id, err := f.StartRun(f.t.Context(), Run{Command: "sync", Version: "test"})
	f.must(err)
	return id
}

func (f *feed) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// minute is so many minutes after instant, where feeds start.
func minute(n int) time.Time { return instant.Add(time.Duration(n) * time.Minute) }

func minutes(from, to int) Span { return Span{minute(from), minute(to)} }

// want is a span in minutes, wanted by the feed's run.
func (f *feed) want(from, to int) Want {
	return Want{Stream: f.stream.ID, Run: f.run, Kind: KindSync, Span: minutes(from, to), Tick: time.Millisecond, Lease: time.Hour}
}

// turn makes a claim attempt.
func (f *feed) turn(w Want) Turn {
	f.t.Helper()
	turn, err := f.Claim(f.t.Context(), w)
	f.must(err)
	return turn
}

// claim claims a span of minutes, all of it, whatever covers it.
func (f *feed) claim(from, to int) *Claim {
	f.t.Helper()
	w := f.want(from, to)
	w.Force, w.Hurry, w.Exact = true, true, true
	turn := f.turn(w)
	if turn.Claim == nil {
		f.t.Fatalf("minutes %d to %d can't be claimed: %+v", from, to, turn)
	}
	return turn.Claim
}

// begin starts writing for a claim, raw documents kept.
func (f *feed) begin(c *Claim) *Writing {
	f.t.Helper()
	w, err := f.Begin(f.t.Context(), c, source, Keep{Raw: true, Shape: "test"})
	f.must(err)
	return w
}

func (f *feed) write(w *Writing, entries ...Entry) {
	f.t.Helper()
	f.must(w.Write(f.t.Context(), entries))
}

func (f *feed) finish(w *Writing, o Outcome) {
	f.t.Helper()
	f.must(w.Finish(f.t.Context(), o))
}

// attested is the outcome of a reading that met everything.
var attested = Outcome{Status: "attested", AttestedBy: "total", Walks: 1, Missing: true}

// read claims minutes, loads entries and attests them.
func (f *feed) read(from, to int, entries ...Entry) *Writing {
	f.t.Helper()
	w := f.begin(f.claim(from, to))
	f.write(w, entries...)
	f.finish(w, attested)
	return w
}

// coverage is what is covered.
func (f *feed) coverage() string {
	f.t.Helper()
	return f.spans(`select lower(g), upper(g) from logferry.stream_state, unnest(coverage) g where stream_id = $1::integer order by 1`)
}

// spans shows spans that sql selects for the stream.
func (f *feed) spans(sql string) string {
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), sql, f.stream.ID)
	f.must(err)
	spans, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Span])
	f.must(err)
	return inMinutes(spans...)
}

// inMinutes shows spans as minutes after instant.
func inMinutes(spans ...Span) string {
	var shown []string
	for _, s := range spans {
		shown = append(shown, fmt.Sprintf("[%g,%g)", s.From.Sub(instant).Minutes(), s.To.Sub(instant).Minutes()))
	}
	return strings.Join(shown, " ")
}

// doc is a log as a gateway serves it: id, time and further members.
func doc(id string, at time.Time, members string) []byte {
	if members != "" {
		members = "," + members
	}
	return fmt.Appendf(nil, `{"id":%q,"created_at":%q%s}`, id, at.Format(time.RFC3339Nano), members)
}

// entry is a document as transform leaves it, payloads off.
func entry(id string, at time.Time, members string) Entry {
	return decoded(doc(id, at, members), false)
}

func decoded(raw []byte, payloads bool) (e Entry) {
	e.Record, e.Reject = transform.Cloudflare(raw, &transform.Options{
		Now: instant.Add(24 * time.Hour), TimeField: "created_at", KeepPayloads: payloads,
		UserIDKeys: []string{"user_id"}, ConversationIDKeys: []string{"conversation_id"},
	})
	return e
}

// one runs a query that gives one text.
func (f *feed) one(sql string, args ...any) (text string) {
	f.t.Helper()
	f.must(f.pool.QueryRow(f.t.Context(), sql, args...).Scan(&text))
	return text
}
