package ferry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"logferry/extract"
	"logferry/load"
	"logferry/transform"
)

const (
	// checkTime bounds each thing that Check tries: a person waits for it.
	checkTime = 30 * time.Second
	// maxSkew is how far our clock may be off the database's before Check says so.
	maxSkew = 2 * time.Second
)

// Check looks at what a pass needs: the database, its schema and its clock,
// then each credential of cfg with one request, whether or not the rest works.
// Where DatabaseURL is empty only the credentials are tried. Those requests do
// not draw from the shared budget, which may be out of reach or used up; it
// leaves the provider's limit room for them.
func Check(ctx context.Context, cfg Config) []Finding {
	var findings []Finding
	if cfg.DatabaseURL != "" {
		findings = checkWarehouse(ctx, cfg)
	}
	alone := &Ferry{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	for _, a := range alone.accounts(load.ByOther) {
		findings = append(findings, alone.checkAccount(ctx, a))
	}
	return findings
}

func checkWarehouse(ctx context.Context, cfg Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	f, err := connect(ctx, cfg)
	if err != nil {
		return []Finding{{What: "database", Problem: err}}
	}
	defer f.Close()
	schema := Finding{What: "schema", Problem: f.checkSchema(ctx)}
	schema.Detail = fmt.Sprintf("version %d", f.schema)
	return []Finding{f.checkServer(ctx), schema, f.checkClock(ctx)}
}

// oldestServer is the first Postgres that has what the schema uses.
const oldestServer = 15

func (f *Ferry) checkServer(ctx context.Context) Finding {
	server, err := f.store.Server(ctx)
	switch {
	case err != nil:
	case server.Major < oldestServer:
		err = &ConfigError{fmt.Errorf("the server is PostgreSQL %s, and logferry needs %d or later", server.Version, oldestServer)}
	case server.Encoding != "UTF8":
		err = &ConfigError{fmt.Errorf("the database's encoding is %s, and logferry needs UTF8: create another with encoding 'UTF8' template template0", server.Encoding)}
	}
	return Finding{What: "database", Problem: err, Detail: fmt.Sprintf("PostgreSQL %s, %s", server.Version, server.Encoding)}
}

func (f *Ferry) checkClock(ctx context.Context) Finding {
	before := time.Now()
	now, err := f.store.Now(ctx)
	if err != nil {
		return Finding{What: "clock", Problem: err}
	}
	if skew := now.Sub(before.Add(time.Since(before) / 2)).Round(time.Millisecond); skew.Abs() > maxSkew {
		return Finding{What: "clock", Detail: fmt.Sprintf("the database's is %s off this machine's; logferry goes by the database's", skew)}
	}
	return Finding{What: "clock", Detail: "agrees with the database's"}
}

// checkAccount tries the credential: lists the streams, or asks the first named
// one for its newest page.
func (f *Ferry) checkAccount(ctx context.Context, a *account) Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	finding := Finding{What: "CLOUDFLARE_API_TOKEN"}
	if a.source == transform.SourceKeywordsAI {
		finding.What = f.cfg.KeywordsAI.KeyName
	}
	if len(a.named) > 0 {
		d := a.api.Dialects()[0]
		_, err := a.api.Page(ctx, extract.Ask{Container: a.named[0], Dialect: d, Page: 1, Size: d.PageSize, Newest: true})
		finding.Problem, finding.Detail = err, "accepted, reads "+a.name(a.named[0])
		return finding
	}
	streams, err := a.discover(ctx)
	finding.Problem, finding.Detail = err, "accepted, lists "+number(len(streams), "stream")
	switch {
	case err != nil:
	case len(streams) == 1:
		finding.Detail = "accepted, lists " + a.name(streams[0].container)
	case len(streams) == 0:
		finding.Detail = "accepted, but lists no stream"
		if a.source == transform.SourceCloudflare {
			finding.Detail += "; " + extract.CloudflareNewAccounts
		}
	}
	return finding
}
