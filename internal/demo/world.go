package demo

import (
	"fmt"
	"os"
	"strings"
	"time"

	"logferry/emulator"
	"logferry/ferry"
)

// Credentials that open nothing: the emulator accepts only these.
const (
	token = "demo-token"
	key   = "demo-key"
)

const day = 24 * time.Hour

// A traffic is the calls that the providers will have logged.
type traffic struct {
	calls []emulator.Call // by time
	about []string        // lines that say where they come from
}

// seed makes the made-up traffic the same in every run, except for its times.
const seed = 20

// madeUp is a week of n calls that ends now, busy in its last half hour so
// that the tail, too young to be covered, has some.
func madeUp(n int, now time.Time) traffic {
	recent := n / 60
	calls := emulator.Synthetic(seed, n-recent, now.Add(-7*day), now.Add(-30*time.Minute))
	calls = append(calls, emulator.Synthetic(seed+1, recent, now.Add(-30*time.Minute), now)...)
	return traffic{calls, []string{fmt.Sprintf("made up from seed %d, as if of the last 7 days", seed)}}
}

// replayed is a trace file, moved in time so that its last call is an hour old.
func replayed(path string, now time.Time) (traffic, error) {
	file, err := os.Open(path)
	if err != nil {
		return traffic{}, &ferry.UsageError{Why: fmt.Sprintf("the trace cannot be read: %v", err)}
	}
	defer file.Close()
	calls, err := emulator.ReadTrace(file)
	if err != nil {
		return traffic{}, &ferry.UsageError{Why: fmt.Sprintf("the trace %s: %s", path, strings.TrimPrefix(err.Error(), "trace: "))}
	}
	calls = emulator.Shift(calls, now.Add(-time.Hour))
	if oldest := now.Sub(calls[0].At); oldest > longest {
		return traffic{}, &ferry.UsageError{Why: fmt.Sprintf("%s spans %d days; the demo replays at most %d", path, oldest/day, longest/day)}
	}
	return traffic{calls, []string{"replayed from " + path, "moved in time: the last one is an hour old"}}, nil
}

// longest is the age of the oldest call that the demo replays.
const longest = 10 * 365 * day

// A feed is a stream and the calls it serves.
type feed struct {
	name    string
	dataset bool                     // of Keywords AI; else a gateway of Cloudflare
	calls   map[string]emulator.Call // by log id
}

// A world is both providers, served on this machine.
type world struct {
	emulator *emulator.Emulator
	account  string
	base     string // URL of both APIs
	feeds    []feed
	stop     func()
}

// newWorld starts both providers with the calls split over two gateways and a
// dataset. The suffix keeps their names apart from those of other demos in the
// same database.
func newWorld(calls []emulator.Call, suffix string) (*world, error) {
	w := &world{
		emulator: emulator.New(emulator.Options{
			CloudflareToken: token, CloudflareBudget: emulator.Unlimited,
			KeywordsAIKey: key, KeywordsAIBudget: emulator.Unlimited,
			KeywordsAI: emulator.LiveDialect,
		}),
		account: "demo" + suffix,
	}
	w.fill(calls, "evals"+suffix)
	var err error
	w.base, w.stop, err = w.emulator.Start()
	return w, err
}

// fill gives every call to one stream. A call and its retries share an event,
// and stay together.
func (w *world) fill(calls []emulator.Call, dataset string) {
	streams := []*emulator.Stream{
		w.emulator.AddGateway(w.account, "assistant"),
		w.emulator.AddGateway(w.account, "batch"),
		w.emulator.AddDataset(dataset, "answers under evaluation"),
	}
	for i, s := range streams {
		w.feeds = append(w.feeds, feed{s.Name(), i == 2, map[string]emulator.Call{}})
	}
	logs := make([][]emulator.Log, len(streams))
	for _, c := range calls {
		to := int(c.Event[0]) * len(streams) / 256
		entry := emulator.CloudflareLog(c)
		if w.feeds[to].dataset {
			entry = emulator.KeywordsAILog(c, dataset, "timestamp")
		}
		w.feeds[to].calls[entry.ID] = c
		logs[to] = append(logs[to], entry)
	}
	for i, s := range streams {
		s.Insert(logs[i]...)
	}
}

// streams are the names of the feeds.
func (w *world) streams() []string {
	var names []string
	for _, f := range w.feeds {
		names = append(names, f.name)
	}
	return names
}

// requests counts what the providers were asked so far, by credential.
func (w *world) requests(credential string) int {
	return w.emulator.CountRequests(func(r emulator.Request) bool { return r.Credential == credential })
}
