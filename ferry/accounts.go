package ferry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"logferry/extract"
	"logferry/load"
	"logferry/transform"
)

// longAgo is where Keywords AI streams start: datasets are filled with logs of
// any age at any time, and no log of either source is older.
var longAgo = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// An account is one credential and what it reads.
type account struct {
	source  string
	ref     string   // Cloudflare account id; empty for Keywords AI
	named   []string // containers named in settings; nil: discover
	whole   bool     // all containers were discovered: one that is missing is gone
	api     extract.API
	name    func(container string) string
	stats   func() extract.Stats
	budget  load.Budget
	cred    load.Credential
	drawer  load.Drawer
	keeping keeping
	pausing pausing
	start   func(now time.Time) time.Time // starts_at of a stream never met before
}

// accounts connects the configured credentials to the shared budget. Only a
// pass may use all of it.
func (f *Ferry) accounts(drawer load.Drawer) []*account {
	var list []*account
	if c := f.cfg.Cloudflare; c != nil {
		a := &account{source: transform.SourceCloudflare, ref: c.AccountID, named: c.Gateways,
			budget: load.Budget(c.Budget), drawer: drawer, cred: load.NewCredential(transform.SourceCloudflare, c.Token),
			start: func(now time.Time) time.Time { return now.Add(-f.cfg.Start).Truncate(time.Second) }}
		api := extract.NewCloudflare(extract.CloudflareConfig{Token: c.Token, AccountID: c.AccountID, BaseURL: c.BaseURL, Options: f.options(a)})
		a.api, a.name, a.stats = api, api.Name, api.Stats
		list = append(list, a)
	}
	if c := f.cfg.KeywordsAI; c != nil {
		a := &account{source: transform.SourceKeywordsAI, named: c.Datasets,
			budget: load.Budget(c.Budget), drawer: drawer, cred: load.NewCredential(transform.SourceKeywordsAI, c.Key),
			start: func(time.Time) time.Time { return longAgo }}
		api := extract.NewKeywordsAI(extract.KeywordsAIConfig{Key: c.Key, KeyName: c.KeyName, BaseURL: c.BaseURL, Options: f.options(a)})
		a.api, a.name, a.stats = api, api.Name, api.Stats
		list = append(list, a)
	}
	return list
}

func (f *Ferry) options(a *account) extract.Options {
	o := extract.Options{Version: f.cfg.Version, Concurrency: f.cfg.Concurrency}
	if f.store == nil {
		o.Tries = 1 // a person waits for the answer
		return o
	}
	o.Budget = extract.Budget{
		Draw: func(ctx context.Context, want int) (int, time.Duration, error) {
			granted, wait, err := f.store.Draw(ctx, a.cred, a.budget, a.drawer, want)
			if err == nil && granted == 0 && f.cfg.Progress != nil {
				f.notePause(ctx, a)
			}
			return granted, wait, err
		},
		Block: func(ctx context.Context, d time.Duration) error {
			a.pausing.block(time.Now().Add(d))
			return f.store.Block(ctx, a.cred, d)
		},
	}
	return o
}

// A listed stream is one that settings name or the source lists.
type listed struct {
	account    *account
	container  string
	discovered bool
	unlisted   bool // known from earlier passes, but no longer listed
	note       string
	keeps      extract.Retention // as listed; see account.keeps
}

// discover finds the account's streams: one listing a pass, or, where settings
// name them, no request at all.
func (a *account) discover(ctx context.Context) ([]listed, error) {
	if a.named != nil {
		var list []listed
		for _, id := range a.named {
			list = append(list, listed{account: a, container: id})
		}
		return list, nil
	}
	streams, err := a.api.Streams(ctx)
	if err != nil {
		return nil, err
	}
	a.whole = true
	list := make([]listed, 0, len(streams))
	for _, s := range streams {
		list = append(list, listed{account: a, container: s.Container, discovered: true, note: s.Note, keeps: s.Keeps})
	}
	return list, nil
}

// discover finds the streams of all accounts. An account that can't be listed
// does not stop the others, nor do they wait for one whose budget is blocked:
// its error is returned beside their streams.
func (r *run) discover(ctx context.Context) ([]listed, error) {
	lists := make([][]listed, len(r.accounts))
	errs := make([]error, len(r.accounts))
	var wait sync.WaitGroup
	for i, a := range r.accounts {
		wait.Go(func() {
			lists[i], errs[i] = a.discover(ctx)
			if errs[i] == nil && len(lists[i]) == 0 && a.source == transform.SourceCloudflare {
				r.note("the Cloudflare account has no gateway; " + extract.CloudflareNewAccounts)
			}
		})
	}
	wait.Wait()
	return slices.Concat(lists...), errors.Join(errs...)
}

// openStreams finds, registers and opens the streams of all accounts, of which
// only those named in want are kept; nil keeps all. What failed with one
// account is returned beside the streams of the others.
func (r *run) openStreams(ctx context.Context, want []string) ([]*stream, error) {
	want = trimmed(want)
	found, failed := r.discover(ctx)
	known, err := r.store.Streams(ctx)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	found, unanswered := r.answered(ctx, found, known, want)
	failed = errors.Join(failed, unanswered)
	streams, err := r.register(ctx, append(found, r.unlisted(found, known)...))
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	kept, err := pick(streams, want, failed)
	return kept, errors.Join(failed, err)
}

// answered leaves out streams named in the settings and never met before for which
// the source does not answer: a mistyped id must not become a stream whose lag
// grows for ever. Why is returned beside the others. One that is not wanted is left
// out without being asked for.
func (r *run) answered(ctx context.Context, found []listed, known []load.Stream, want []string) ([]listed, error) {
	found = slices.DeleteFunc(found, func(l listed) bool {
		return !l.discovered && want != nil && !slices.Contains(want, l.account.name(l.container)) && !slices.ContainsFunc(known, l.is)
	})
	errs := make([]error, len(found))
	var wait sync.WaitGroup
	for i, l := range found {
		isKnown := slices.ContainsFunc(known, l.is)
		if !l.discovered && !isKnown {
			feed := &extract.Feed{API: l.account.api, Container: l.container, Memory: r.memory}
			wait.Go(func() { errs[i] = feed.Answers(ctx) })
		}
	}
	wait.Wait()
	var kept []listed
	for i, l := range found {
		if errs[i] == nil {
			kept = append(kept, l)
		}
		errs[i] = within(l.account.name(l.container), errs[i])
	}
	return kept, errors.Join(errs...)
}

// is tells whether the registered stream is this one.
func (l listed) is(st load.Stream) bool {
	return st.Source == l.account.source && st.Account == l.account.ref && st.Container == l.container
}

// row is a listed stream as the warehouse registers it.
func (l listed) row(now time.Time) load.StreamRow {
	return load.StreamRow{
		Source: l.account.source, Account: l.account.ref, Container: l.container,
		Name: l.account.name(l.container), StartsAt: l.account.start(now),
	}
}

// register makes sure that the warehouse knows the streams.
func (r *run) register(ctx context.Context, found []listed) ([]*stream, error) {
	rows := make([]load.StreamRow, 0, len(found))
	for _, l := range found {
		rows = append(rows, l.row(r.now))
	}
	known, err := r.store.Register(ctx, rows)
	if err != nil {
		return nil, err
	}
	var streams []*stream
	var ids []int32
	for i, st := range known {
		s, err := r.openStream(ctx, found[i], st)
		if err != nil {
			return nil, err
		}
		streams = append(streams, s)
		if !found[i].unlisted {
			ids = append(ids, st.ID)
		}
	}
	return streams, r.store.Configured(ctx, ids)
}

// unlisted finds streams that their source listed before and lists no longer.
// They are asked all the same: only one that answers 404 too is gone.
func (r *run) unlisted(found []listed, known []load.Stream) []listed {
	var missing []listed
	for _, st := range known {
		for _, a := range r.accounts {
			isListed := slices.ContainsFunc(found, func(l listed) bool { return l.is(st) })
			if a.whole && !isListed && !st.Gone && st.Source == a.source && st.Account == a.ref {
				missing = append(missing, listed{account: a, container: st.Container, discovered: true, unlisted: true})
			}
		}
	}
	return missing
}

// unopened are the streams of earlier passes that this one did not come to
// open, because its time was up before their account was listed.
func (r *run) unopened(ctx context.Context, opened []*stream) ([]*stream, error) {
	known, err := r.store.Streams(ctx)
	if err != nil {
		return nil, err
	}
	var missed []*stream
	for _, st := range known {
		isOpen := slices.ContainsFunc(opened, func(s *stream) bool { return s.ID == st.ID })
		i := slices.IndexFunc(r.accounts, func(a *account) bool { return a.reads(st.Source, st.Name) })
		if isOpen || i < 0 || !st.Enabled || st.Gone {
			continue
		}
		s, err := r.openStream(ctx, listed{account: r.accounts[i], container: st.Container}, st)
		if err != nil {
			return nil, err
		}
		missed = append(missed, s)
	}
	return missed, nil
}

// trimmed are the names without the spaces that a comma list may have.
func trimmed(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, strings.TrimSpace(name))
	}
	return list
}

// pick keeps the streams that were asked for, or, without a wish, all that are
// enabled. One that is not there is nobody's mistake if a listing failed.
func pick(streams []*stream, want []string, failed error) ([]*stream, error) {
	var kept []*stream
	for _, s := range streams {
		if s.Enabled && (len(want) == 0 || slices.Contains(want, s.Name)) {
			kept = append(kept, s)
		}
	}
	for _, name := range want {
		switch i := slices.IndexFunc(streams, func(s *stream) bool { return s.Name == name }); {
		case i < 0 && failed == nil:
			return nil, &UsageError{fmt.Sprintf("no stream is called %q; configured are: %s", name, names(streams))}
		case i >= 0 && !streams[i].Enabled:
			return nil, &UsageError{fmt.Sprintf("%s is disabled: run 'logferry streams enable %s' first", name, name)}
		}
	}
	return kept, nil
}

func names(streams []*stream) string {
	var list []string
	for _, s := range streams {
		list = append(list, s.Name)
	}
	switch n := len(list); {
	case n == 0:
		return "none"
	case n > namedStreams:
		return fmt.Sprintf("%s and %d more, see 'logferry streams list'", strings.Join(list[:namedStreams], ", "), n-namedStreams)
	}
	return strings.Join(list, ", ")
}
