package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"logferry/ferry"
)

// Needs are what a command cannot do without.
type needs struct {
	database   bool          // the warehouse
	migrate    bool          // the warehouse, with DDL rights
	source     bool          // at least one provider
	runTimeout time.Duration // unless LOGFERRY_RUN_TIMEOUT says otherwise; 0: none
}

// Effective settings are checked and fit for use.
type effective struct {
	ferry      ferry.Config
	migrateURL string // secret
	schedule   cron.Schedule
	location   *time.Location
	logFormat  string // text or json
	logLevel   slog.Level
}

// Format hides the settings from every verb of fmt, which would otherwise read
// the secrets in them by reflection.
func (effective) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "effective"+hidden) }

// settingsError lists everything that is wrong with the settings.
type settingsError struct{ problems []string }

func (e settingsError) Error() string { return strings.Join(e.problems, "\n") }

// check turns the settings into effective ones. All problems are in c; a
// database or source that cannot be used for one of them is left out.
func (s settings) check(c *checker, from *given, want needs, now time.Time) effective {
	c.problems = append(c.problems, from.problems...)
	var e effective
	e.ferry = ferry.Config{
		DatabaseURL: c.databaseURL("DATABASE_URL", s.DatabaseURL),
		Cloudflare:  s.cloudflare(c, from),
		KeywordsAI:  s.keywordsAI(c, from),
		Start:       c.duration("LOGFERRY_START", s.Start, time.Minute, 20*365*day),
		Settle:      c.duration("LOGFERRY_SETTLE", s.Settle, time.Second, week),
		Lookback:    c.duration("LOGFERRY_LOOKBACK", s.Lookback, 0, 366*day),
		Tail:        c.onOff("LOGFERRY_TAIL", s.Tail),
		Raw:         c.onOff("LOGFERRY_RAW", s.Raw),
		Payloads:    c.onOff("LOGFERRY_PAYLOADS", s.Payloads),
		Concurrency: c.number("LOGFERRY_CONCURRENCY", s.Concurrency, 1, 64),
		RunTimeout:  want.runTimeout,
	}
	if s.RunTimeout != "" {
		e.ferry.RunTimeout = c.duration("LOGFERRY_RUN_TIMEOUT", s.RunTimeout, time.Second, 365*day)
	}
	e.migrateURL = c.databaseURL("LOGFERRY_MIGRATE_DATABASE_URL", s.MigrateDatabaseURL)
	if e.migrateURL == "" {
		e.migrateURL = e.ferry.DatabaseURL
	}
	s.serve(c, &e, now)
	s.logging(c, &e)
	want.missing(c, from)
	return e
}

// missing adds what the command needs and nobody gave.
func (want needs) missing(c *checker, from *given) {
	if !from.has("DATABASE_URL") && (want.database || want.migrate && !from.has("LOGFERRY_MIGRATE_DATABASE_URL")) {
		c.problem("DATABASE_URL: is not set: give the warehouse, such as postgres://user:password@host:5432/database (`logferry demo` needs none)")
	}
	if want.source && !slices.ContainsFunc(credentials, from.has) {
		c.problem("no source is set: give CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or KEYWORDSAI_API_KEY, or all three")
	}
}

// credentials are the variables that switch a source on.
var credentials = []string{"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "KEYWORDSAI_API_KEY", "RESPAN_API_KEY"}

func (s settings) cloudflare(c *checker, from *given) *ferry.Cloudflare {
	before := len(c.problems)
	token := c.secret("CLOUDFLARE_API_TOKEN", s.CloudflareToken)
	account := s.CloudflareAccount
	gateways := c.list("CLOUDFLARE_GATEWAY_IDS", s.CloudflareGateways)
	base := c.baseURL("CLOUDFLARE_BASE_URL", s.CloudflareBaseURL, "/accounts")
	budget := c.budget("LOGFERRY_CLOUDFLARE_BUDGET", s.CloudflareBudget)
	switch {
	case !from.has("CLOUDFLARE_API_TOKEN") && account == "":
		return nil
	case !from.has("CLOUDFLARE_API_TOKEN"):
		c.problem("CLOUDFLARE_API_TOKEN: is not set, CLOUDFLARE_ACCOUNT_ID is: give both, or neither to leave Cloudflare off")
	case account == "":
		c.problem("CLOUDFLARE_ACCOUNT_ID: is not set, CLOUDFLARE_API_TOKEN is: give both, or neither to leave Cloudflare off")
	case !identifier.MatchString(account):
		// Not shown: it may be a token in the wrong place.
		c.problem("CLOUDFLARE_ACCOUNT_ID: is not an account id: give the 32 characters from the dashboard's address, without quotes or spaces")
	}
	if len(c.problems) > before || token == "" {
		return nil
	}
	return &ferry.Cloudflare{Token: token, AccountID: account, Gateways: gateways, BaseURL: base, Budget: budget}
}

func (s settings) keywordsAI(c *checker, from *given) *ferry.KeywordsAI {
	before := len(c.problems)
	name, key := "KEYWORDSAI_API_KEY", c.secret("KEYWORDSAI_API_KEY", s.KeywordsAIKey)
	if other := c.secret("RESPAN_API_KEY", s.RespanKey); other != "" {
		if key != "" && key != other {
			c.problem("KEYWORDSAI_API_KEY and RESPAN_API_KEY: differ, and mean the same: keep one of them")
		}
		if key == "" {
			name, key = "RESPAN_API_KEY", other
		}
	}
	datasets := c.list("KEYWORDSAI_DATASET_IDS", s.KeywordsAIDatasets)
	base := c.baseURL("KEYWORDSAI_BASE_URL", s.KeywordsAIBaseURL, "/api", "/api/datasets")
	if s.RespanBaseURL != "" {
		other := c.baseURL("RESPAN_BASE_URL", s.RespanBaseURL, "/api", "/api/datasets")
		if from.origin["KEYWORDSAI_BASE_URL"] != "" && other != base {
			c.problem("KEYWORDSAI_BASE_URL and RESPAN_BASE_URL: differ, and mean the same: keep one of them")
		}
		base = other
	}
	budget := c.budget("LOGFERRY_KEYWORDSAI_BUDGET", s.KeywordsAIBudget)
	if len(c.problems) > before || key == "" {
		return nil
	}
	return &ferry.KeywordsAI{Key: key, KeyName: name, Datasets: datasets, BaseURL: base, Budget: budget}
}

func (s settings) serve(c *checker, e *effective, now time.Time) {
	var err error
	e.location, err = time.LoadLocation(s.Timezone)
	if err != nil {
		c.refuse("LOGFERRY_TIMEZONE", s.Timezone, "is not a time zone: give a name such as UTC or Europe/Berlin")
		e.location = time.UTC
	}
	e.schedule, err = parseSchedule(s.Schedule, e.location, now)
	if err != nil {
		c.refuse("LOGFERRY_SCHEDULE", s.Schedule, err)
	}
	if !isAddress(s.Listen) {
		c.refuse("LOGFERRY_LISTEN", s.Listen, "is not an address to listen on: give host:port, or :port for every interface, such as :8080")
	}
}

func (s settings) logging(c *checker, e *effective) {
	if s.LogFormat != "" {
		e.logFormat = c.oneOf("LOGFERRY_LOG_FORMAT", s.LogFormat, "text", "json")
	}
	level := c.oneOf("LOGFERRY_LOG_LEVEL", s.LogLevel, "debug", "info", "warn", "error")
	_ = e.logLevel.UnmarshalText([]byte(level)) // a bad one is a problem already; info stays
}

// asError is nil when nothing is wrong.
func (c *checker) asError() error {
	if len(c.problems) == 0 {
		return nil
	}
	return settingsError{c.problems}
}
