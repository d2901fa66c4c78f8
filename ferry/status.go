package ferry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"logferry/load"
)

// Status tells how every stream stands, from the warehouse alone: no provider
// is asked.
func (f *Ferry) Status(ctx context.Context) ([]StreamStatus, error) {
	all, err := f.store.Status(ctx)
	if err != nil {
		return nil, err
	}
	accounts := f.accounts(load.ByOther)
	var list []StreamStatus
	for _, st := range all {
		line := StreamStatus{
			Stream: st.Name, Source: st.Source, Enabled: st.Enabled, Gone: st.Gone, Proven: st.Proven,
			StartsAt: st.StartsAt, Watermark: st.Watermark, CompleteThrough: st.CompleteUpTo, Lag: st.Lag,
			Gaps: int(st.Gaps), Doubtful: int(st.Doubtful), Quarantined: int(st.Quarantined), Outside: st.Outside, Logs: st.Logs,
			Lateness: (*Lateness)(st.Lateness), RetentionRisk: st.RetentionRisk,
		}
		if st.RetentionAt != nil {
			line.RetentionAt = *st.RetentionAt
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
		return noStream(name)
	}
	return err
}

func noStream(name string) error {
	return &UsageError{fmt.Sprintf("no stream is called %q: see 'logferry streams list'", name)}
}
