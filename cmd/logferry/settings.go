package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// settings are the variables as given, defaults filled in. All are text: a
// decoder that fails would hide the problems behind the first one, so values
// are read by [settings.check], which reports them all.
type settings struct {
	DatabaseURL        Secret `env:"DATABASE_URL" about:"the warehouse; any libpq URL; Postgres 15 or later, encoding UTF8"`
	MigrateDatabaseURL Secret `env:"LOGFERRY_MIGRATE_DATABASE_URL" unset:"DATABASE_URL" about:"for migrate: a direct connection with DDL rights; otherwise DATABASE_URL"`

	CloudflareToken    Secret `env:"CLOUDFLARE_API_TOKEN" about:"token with the permission AI Gateway Read; without it Cloudflare is off"`
	CloudflareAccount  string `env:"CLOUDFLARE_ACCOUNT_ID" about:"the account the token belongs to"`
	CloudflareGateways string `env:"CLOUDFLARE_GATEWAY_IDS,default=*" about:"comma list of gateways; * discovers them"`
	CloudflareBaseURL  string `env:"CLOUDFLARE_BASE_URL,default=https://api.cloudflare.com/client/v4" about:"/accounts/... is appended"`

	KeywordsAIKey      Secret `env:"KEYWORDSAI_API_KEY" about:"key of Keywords AI; without it Keywords AI is off"`
	RespanKey          Secret `env:"RESPAN_API_KEY" about:"the same under the product's new name"`
	KeywordsAIDatasets string `env:"KEYWORDSAI_DATASET_IDS,default=*" about:"comma list of datasets; * discovers them"`
	KeywordsAIBaseURL  string `env:"KEYWORDSAI_BASE_URL,default=https://api.keywordsai.co" about:"/api/datasets/... is appended"`
	RespanBaseURL      string `env:"RESPAN_BASE_URL" about:"the same under the product's new name"`

	Start    string `env:"LOGFERRY_START,default=30d" about:"how long ago a Cloudflare stream never met before begins"`
	Settle   string `env:"LOGFERRY_SETTLE,default=10m" about:"how long a source may still add logs; nothing younger is covered"`
	Tail     string `env:"LOGFERRY_TAIL,default=on" about:"also load what is younger than that, without covering it"`
	Lookback string `env:"LOGFERRY_LOOKBACK,default=1d" about:"how much of the end of coverage every pass counts again"`

	CloudflareBudget string `env:"LOGFERRY_CLOUDFLARE_BUDGET,default=1000/5m" about:"requests in any span; Cloudflare allows 1200/5m, shared with people"`
	KeywordsAIBudget string `env:"LOGFERRY_KEYWORDSAI_BUDGET,default=50/1m" about:"requests in any span; Keywords AI allows 60/1m"`
	Concurrency      string `env:"LOGFERRY_CONCURRENCY,default=8" about:"requests in flight per credential"`
	RunTimeout       string `env:"LOGFERRY_RUN_TIMEOUT" unset:"50m for sync and serve" about:"then checkpoint and end; 50m for sync and each pass of serve unless set, none else"`

	Raw      string `env:"LOGFERRY_RAW,default=on" about:"keep every distinct version of each document (private schema)"`
	Payloads string `env:"LOGFERRY_PAYLOADS,default=off" about:"on stores prompts and answers (private schema); off cuts them out everywhere"`

	Schedule string `env:"LOGFERRY_SCHEDULE,default=*/15 * * * *" about:"when serve starts a pass: minute hour day month weekday"`
	Timezone string `env:"LOGFERRY_TIMEZONE,default=UTC" about:"of the schedule"`
	Listen   string `env:"LOGFERRY_LISTEN,default=:8080" about:"address for probes and metrics of serve, which this version does not have yet"`

	LogFormat string `env:"LOGFERRY_LOG_FORMAT" unset:"text on a terminal, else json" about:"text or json; unless set, text on a terminal, else json"`
	LogLevel  string `env:"LOGFERRY_LOG_LEVEL,default=info" about:"debug, info, warn or error"`
}

// A variable is one field of [settings].
type variable struct {
	name    string
	initial string // default; empty: none
	unset   string // what takes its place when there is neither value nor default
	about   string
	secret  bool
}

// variables lists the fields of [settings] in their order.
func variables() []variable {
	var list []variable
	for field := range reflect.TypeFor[settings]().Fields() {
		name, initial, _ := strings.Cut(field.Tag.Get("env"), ",default=")
		list = append(list, variable{
			name:    name,
			initial: initial,
			unset:   field.Tag.Get("unset"),
			about:   field.Tag.Get("about"),
			secret:  field.Type == reflect.TypeFor[Secret](),
		})
	}
	return list
}

// values are what the variables hold, in their order. Secrets are hidden, and
// so is an address with a password in it, which is a mistake.
func (s settings) values() []string {
	var shown []string
	for _, field := range reflect.ValueOf(s).Fields() {
		text := fmt.Sprint(field.Interface())
		if strings.Contains(text, "@") {
			text = hidden
		}
		shown = append(shown, text)
	}
	return shown
}

// decode reads the settings from env, and says where each came from and what
// could not be read.
func decode(env environ) (settings, *given) {
	from := &given{env: env, origin: map[string]string{}}
	var s settings
	err := envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &s, Lookuper: from})
	if err != nil {
		// Every field is text, so only a mistake in the tags above can fail.
		panic("settings: " + err.Error())
	}
	return s, from
}
