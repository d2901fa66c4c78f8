package ferry

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"logferry/load"
	"logferry/transform"
)

// A Ferry is one process's connection to the warehouse and its settings.
type Ferry struct {
	cfg    Config
	store  *load.Store // nil: credentials are tried without a warehouse
	schema int
	log    *slog.Logger
	lease  time.Duration
}

// A ConfigError is a setting or schema that has to be changed before anything
// can run: exit code 78.
type ConfigError struct{ Err error }

// Error is the cause's text.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// Open connects to the warehouse and checks that its schema can be written to.
func Open(ctx context.Context, cfg Config) (*Ferry, error) {
	f, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := f.checkSchema(ctx); err != nil {
		f.store.Close()
		return nil, err
	}
	return f, nil
}

func connect(ctx context.Context, cfg Config) (f *Ferry, err error) {
	f = &Ferry{cfg: cfg, log: cfg.Log, lease: cfg.Lease}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.lease == 0 {
		f.lease = 15 * time.Second
	}
	f.store, err = load.Open(ctx, cfg.DatabaseURL, load.Options{Version: cfg.Version, Silence: cfg.Silence, Patience: cfg.Patience})
	return f, err
}

func (f *Ferry) checkSchema(ctx context.Context) error {
	version, dirty, err := f.store.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case version == 0:
		return &ConfigError{errors.New("the database has no logferry schema yet: run 'logferry migrate up'")}
	case dirty:
		return &ConfigError{errors.New("a migration was left half done: run 'logferry migrate up', which repairs it")}
	case version < f.cfg.Schema:
		return &ConfigError{fmt.Errorf("the database schema is at version %d, this program needs %d: run 'logferry migrate up'", version, f.cfg.Schema)}
	}
	f.schema = version
	return nil
}

// Close ends the connections.
func (f *Ferry) Close() { f.store.Close() }

// configHash identifies the effective settings without their secrets.
func (f *Ferry) configHash() []byte {
	c := f.cfg
	public := map[string]any{
		"start": c.Start, "settle": c.Settle, "lookback": c.Lookback, "tail": c.Tail, "raw": c.Raw, "payloads": c.Payloads,
		"concurrency": c.Concurrency, "run_timeout": c.RunTimeout,
	}
	if cf := c.Cloudflare; cf != nil {
		public["cloudflare"] = []any{cf.AccountID, cf.Gateways, cf.BaseURL, cf.Budget}
	}
	if kw := c.KeywordsAI; kw != nil {
		public["keywords_ai"] = []any{kw.Datasets, kw.BaseURL, kw.Budget}
	}
	text, err := json.Marshal(public)
	if err != nil {
		return nil // nothing in it can fail to encode
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

func (f *Ferry) startRun(ctx context.Context, command string) (int64, error) {
	host, _ := os.Hostname() // informative only
	return f.store.StartRun(ctx, load.Run{
		Command: command, Version: f.cfg.Version, Schema: f.schema, Mapping: f.mapping(), ConfigHash: f.configHash(), Host: host,
	})
}

func (f *Ferry) mapping() int {
	if f.cfg.MappingVersion != 0 {
		return f.cfg.MappingVersion
	}
	return transform.MappingVersion
}
