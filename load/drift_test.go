package load

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logferry/transform"
)

func TestMergeFields(t *testing.T) {
	fields := []transform.Field{
		{Path: "b", Type: "string", Count: 1},
		{Path: "a", Type: "string", Count: 2},
		{Path: "a", Type: "null", Count: 3},
		{Path: "b", Type: "string", Known: true, Count: 4},
	}
	given := slices.Clone(fields)
	want := []transform.Field{
		{Path: "a", Type: "null", Count: 3},
		{Path: "a", Type: "string", Count: 2},
		{Path: "b", Type: "string", Known: true, Count: 5},
	}
	if diff := cmp.Diff(want, mergeFields(fields)); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(given, fields); diff != "" {
		t.Errorf("the caller's fields changed:\n%s", diff)
	}
}

func TestSaveDrift(t *testing.T) {
	s, ctx := open(t), t.Context()
	must(t, s.SaveDrift(ctx, nil))
	must(t, s.SaveDrift(ctx, []transform.Field{{Source: source, Path: "metadata.*", Type: "number", Count: 3}}))
	execSQL(t, s, `update logferry.field_drift set first_seen_at = '2020-01-01Z', last_seen_at = '2020-01-01Z'`)
	must(t, s.SaveDrift(ctx, []transform.Field{{Source: source, Path: "metadata.*", Type: "number", Known: true, Count: 4}, {Source: source, Path: "bad\x00path", Type: "null", Count: 1}}))
	must(t, s.SaveDrift(ctx, []transform.Field{{Source: transform.SourceKeywordsAI, Path: "metadata.*", Type: "number", Count: 9}}))
	if n := count(t, s, `select count(*) from logferry.field_drift where source = $1::text and json_path = 'metadata.*' and json_type = 'number'
		and is_known and seen_count = 7 and first_seen_at = '2020-01-01Z' and last_seen_at > '2020-01-01Z'`, source); n != 1 {
		t.Error("the second sighting was not added to the first")
	}
	if n := count(t, s, `select count(*) from logferry.field_drift`); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// Two processes save the same fields in opposite orders: nothing is lost, and
// nobody waits in a circle.
func TestSaveDriftAtOnce(t *testing.T) {
	one := open(t)
	stores := []*Store{one, connect(t, one)}
	const fields, rounds = 50, 10
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() {
			var seen []transform.Field
			for n := range fields {
				seen = append(seen, transform.Field{Source: source, Path: fmt.Sprintf("p%d", n), Type: "string", Count: 1})
			}
			if i%2 == 1 {
				slices.Reverse(seen)
			}
			for range rounds {
				if err := stores[i%2].SaveDrift(t.Context(), seen); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if n := count(t, one, `select count(*) from logferry.field_drift where seen_count = 4 * $1::integer`, rounds); n != fields {
		t.Errorf("%d of %d fields were counted in full", n, fields)
	}
	if n := count(t, one, `select deadlocks from pg_stat_database where datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}
