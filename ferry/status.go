package ferry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"logferry/extract"
	"logferry/transform"
)

// Status tells how every stream stands, from the warehouse alone: no provider
// is asked.
func (f *Ferry) Status(ctx context.Context) ([]StreamStatus, error) {
	all, err := f.store.Status(ctx)
	if err != nil {
		return nil, err
	}
	accounts := f.accounts()
	var list []StreamStatus
	for _, st := range all {
		line := StreamStatus{
			Stream: st.Name, Source: st.Source, Enabled: st.Enabled, Gone: st.Gone, Proven: st.Proven,
			StartsAt: st.StartsAt, Watermark: st.Watermark, Lag: st.Lag,
			Gaps: int(st.Gaps), Doubtful: int(st.Doubtful), Quarantined: int(st.Quarantined), Outside: st.Outside, Logs: st.Logs,
		}
		if i := slices.IndexFunc(accounts, func(a *account) bool { return a.reads(st.Source, st.Name) }); i >= 0 {
			line.Configured = true
			line.BudgetLimit = accounts[i].budget.Requests
			line.BudgetUsed, line.BlockedUntil, err = f.store.BudgetUse(ctx, accounts[i].cred, accounts[i].budget)
			if err != nil {
				return nil, err
			}
		}
		list = append(list, line)
	}
	return list, nil
}

// reads tells whether the settings name the stream or discover it.
func (a *account) reads(source, name string) bool {
	if source != a.source {
		return false
	}
	if a.named == nil {
		return strings.HasPrefix(name, a.name(""))
	}
	return slices.ContainsFunc(a.named, func(container string) bool { return a.name(container) == name })
}

// SetEnabled starts or stops the syncing of a stream; its rows stay. Disabling
// fails its live claims.
func (f *Ferry) SetEnabled(ctx context.Context, name string, on bool) error {
	found, err := f.store.SetEnabled(ctx, name, on)
	if err == nil && !found {
		return &UsageError{fmt.Sprintf("no stream is called %q: see 'logferry streams list'", name)}
	}
	return err
}

// maxSkew is how far our clock may be off the database's before check says so.
const maxSkew = 2 * time.Second

// Check looks at everything a pass needs, with one request per credential.
func (f *Ferry) Check(ctx context.Context) []Finding {
	findings := []Finding{
		{What: "database", Detail: "connected"},
		{What: "schema", Detail: fmt.Sprintf("version %d", f.schema)},
		f.checkClock(ctx),
	}
	for _, a := range f.accounts() {
		findings = append(findings, f.checkAccount(ctx, a))
	}
	return findings
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
	finding := Finding{What: "CLOUDFLARE_API_TOKEN"}
	if a.source == transform.SourceKeywordsAI {
		finding.What = f.cfg.KeywordsAI.KeyName
	}
	if len(a.named) > 0 {
		d := a.api.Dialects()[0]
		_, err := a.api.Page(ctx, extract.Ask{Container: a.named[0], Dialect: d, Page: 1, Size: d.PageSize, Newest: true})
		finding.Problem, finding.Detail = err, "reads "+a.name(a.named[0])
		return finding
	}
	streams, err := a.discover(ctx)
	finding.Problem, finding.Detail = err, fmt.Sprintf("accepted, lists %d streams", len(streams))
	if err == nil && len(streams) == 0 {
		finding.Detail = "accepted, but lists no stream"
		if a.source == transform.SourceCloudflare {
			finding.Detail += "; " + extract.CloudflareNewAccounts
		}
	}
	return finding
}
