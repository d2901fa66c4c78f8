package ferry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logferry/extract"
	"logferry/ferry"
	"logferry/load"
)

// TestReasons: however many streams fail, one line a reason.
func TestReasons(t *testing.T) {
	t.Parallel()
	of := func(stream string, err error) error { return &ferry.StreamError{Stream: stream, Err: err} }
	refused := func(container string, tries int) error {
		return &extract.Error{Kind: extract.Refused, Source: "keywords_ai", Container: container, Op: "list logs", Status: 401, Tries: tries}
	}
	down := func(op string) error {
		return &load.Error{Class: load.Temporary, Op: op, Err: errors.New("no answer")}
	}
	const why = "Keywords AI refused the credential to list logs (HTTP 401): check KEYWORDSAI_API_KEY"
	early := &ferry.EarlyError{Why: "work is left"}
	for _, test := range []struct {
		name string
		err  error
		want []string
	}{
		{"nothing", nil, nil},
		{"nothing, joined", errors.Join(nil, nil), nil},
		{"one", errors.New("a"), []string{"a"}},
		{"two", errors.Join(errors.New("a"), errors.Join(errors.New("b"), errors.New("a"))), []string{"a", "b"}},
		{"one stream", of("s", refused("x", 1)), []string{"s: " + why}},
		{"an account", refused("", 1), []string{why}},
		{"three streams", errors.Join(of("a", refused("a", 1)), of("b", refused("b", 2)), of("c", refused("c", 3))), []string{"a, b, c: " + why}},
		{"many streams", errors.Join(of("a", refused("a", 1)), of("b", refused("b", 1)), of("c", refused("c", 1)), of("d", refused("d", 1)), of("e", refused("e", 1))),
			[]string{"5 streams (a, b, c and others): " + why}},
		{"two reasons of one stream", of("s", errors.Join(refused("s", 1), errors.New("a"))), []string{"s: " + why, "s: a"}},
		{"a warehouse that is down", errors.Join(of("a", down("claim")), of("b", down("write")), down("end the run")), []string{"database: claim: no answer"}},
		{"the end beside a reason", errors.Join(of("a", fmt.Errorf("reading: %w", context.Canceled)), of("b", errors.New("x"))), []string{"b: x"}},
		{"the end alone", of("a", context.Canceled), []string{"a: context canceled"}},
		{"work left beside a reason", errors.Join(of("a", refused("a", 1)), early), []string{"a: " + why}},
		{"work left alone", errors.Join(nil, early), []string{"work is left"}},
		{"no time filter", errors.Join(of("a", &extract.NoDialectError{Tried: []string{"x", "y"}}), of("b", &extract.NoDialectError{Tried: []string{"x", "y"}})),
			[]string{"a, b: the source does not honour a time filter by x or y: no window can be read; is this version of logferry too old for the API?"}},
		{"several causes in one sentence", fmt.Errorf("%w, because %w", errors.New("a"), errors.New("b")), []string{"a, because b"}},
	} {
		if diff := cmp.Diff(test.want, ferry.Reasons(test.err)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

// TestCheckpointed: a run that was stopped is not clean if the warehouse failed
// on the way out.
func TestCheckpointed(t *testing.T) {
	t.Parallel()
	failed := &load.Error{Class: load.Temporary, Op: "end the run", Err: errors.New("no answer")}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, true},
		{fmt.Errorf("claim: %w", context.Canceled), true},
		{errors.Join(context.Canceled, errors.New("another stream failed")), true},
		{errors.Join(context.Canceled, failed), false},
		{errors.New("x"), false},
	} {
		if got := ferry.Checkpointed(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}
