package emulator

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options make an [Emulator]. The zero value serves both APIs with the
// providers' documented limits and accepts any token.
type Options struct {
	// Now is the emulator's clock; nil: [time.Now].
	Now func() time.Time

	// CloudflareToken and KeywordsAIKey are the accepted bearer tokens;
	// empty: any token that is not empty.
	CloudflareToken, KeywordsAIKey string

	// CloudflareBudget defaults to 1,200 requests in 5 minutes, and 5 minutes
	// of 429 for every call once it is exceeded (Cloudflare's API limits).
	CloudflareBudget Budget
	// KeywordsAIBudget defaults to 60 requests a minute (Respan's API rate
	// limits, everything outside logging and the gateway).
	KeywordsAIBudget Budget

	// WrongTokenStatus is what Cloudflare answers beside code 10000:
	// 401 or 403 (both were seen); 0: 401.
	WrongTokenStatus int

	// KeywordsAI is the way the Keywords AI API speaks, unless a dataset has
	// its own: see [Stream.SetDialect].
	KeywordsAI Dialect
}

// An Emulator is both providers' APIs: an [http.Handler]. Its methods may be
// called at any time, also while it serves.
type Emulator struct {
	opts       Options
	now        func() time.Time
	cloudflare *ledger
	keywordsAI *ledger

	mu       sync.Mutex
	faults   Faults
	accounts map[string]bool
	streams  []*Stream // in the order added
	requests []*Request
	handled  int // requests seen, for the ordinals of emulator-wide faults
}

// New returns an emulator without accounts, datasets or logs.
func New(opts Options) *Emulator {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.WrongTokenStatus == 0 {
		opts.WrongTokenStatus = http.StatusUnauthorized
	}
	return &Emulator{
		opts:       opts,
		now:        func() time.Time { return opts.Now().UTC() },
		cloudflare: newLedger(opts.CloudflareBudget, Budget{Requests: 1200, Window: 5 * time.Minute, Block: 5 * time.Minute}),
		keywordsAI: newLedger(opts.KeywordsAIBudget, Budget{Requests: 60, Window: time.Minute}),
		accounts:   map[string]bool{},
	}
}

// Start serves on a free port of 127.0.0.1 and returns the base URL, without
// a slash at its end, and a function that closes the server and every
// connection.
func (e *Emulator) Start() (baseURL string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("emulator: listen on a free port of 127.0.0.1: %w", err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	stop = func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("emulator: serve: %v", err))
		}
	}
	return "http://" + listener.Addr().String(), sync.OnceFunc(stop), nil
}

// CloudflareBase is the counterpart of https://api.cloudflare.com/client/v4
// under the base URL of [Emulator.Start]; that of https://api.keywordsai.co is
// the base URL itself.
func CloudflareBase(baseURL string) string { return baseURL + "/client/v4" }

// AddAccount makes a Cloudflare account known; it may have no gateway.
func (e *Emulator) AddAccount(account string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accounts[account] = true
}

// AddGateway adds an empty gateway, and its account if that is new.
func (e *Emulator) AddGateway(account, id string) *Stream {
	e.AddAccount(account)
	return e.add(&Stream{account: account, id: id, name: "cloudflare/" + account + "/" + id})
}

// AddDataset adds an empty Keywords AI dataset; name is for people.
func (e *Emulator) AddDataset(id, name string) *Stream {
	return e.add(&Stream{id: id, title: name, name: "keywordsai/" + id, dialect: e.opts.KeywordsAI})
}

func (e *Emulator) add(s *Stream) *Stream {
	s.emulator = e
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, other := range e.streams {
		if other.name == s.name {
			panic("emulator: stream added twice: " + s.name)
		}
	}
	e.streams = append(e.streams, s)
	return s
}

// Remove makes a stream unknown: not listed, and 404 when asked for.
func (e *Emulator) Remove(s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, other := range e.streams {
		if other == s {
			e.streams = append(e.streams[:i:i], e.streams[i+1:]...)
			return
		}
	}
}

// SetFaults sets what goes wrong with stream lists, and with the log lists of
// streams that have no faults of their own.
func (e *Emulator) SetFaults(f Faults) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = f
}

func (e *Emulator) streamNamed(name string) *Stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.streams {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (e *Emulator) gatewaysOf(account string) (gateways []*Stream, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.streams {
		if s.account == account {
			gateways = append(gateways, s)
		}
	}
	return gateways, e.accounts[account]
}

func (e *Emulator) datasets() []*Stream {
	datasets, _ := e.gatewaysOf("")
	return datasets
}
