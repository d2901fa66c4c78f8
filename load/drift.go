package load

import (
	"cmp"
	"context"
	"slices"

	"logferry/transform"

	"github.com/jackc/pgx/v5"
)

// A SeenField is a field path and type that earlier runs have seen.
type SeenField struct {
	transform.Field
	Vanished bool // it was found to come no more
}

// Drift returns what earlier runs have seen of a source's fields.
func (s *Store) Drift(ctx context.Context, source string) ([]SeenField, error) {
	var seen []SeenField
	err := s.retry(ctx, func() error {
		return s.ask(ctx, `
			select source, json_path, json_type, is_known, seen_count, vanished_at is not null
			from logferry.field_drift where source = $1::text order by json_path, json_type`, source).each(func(rows pgx.Rows) (err error) {
			seen, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f SeenField, err error) {
				return f, row.Scan(&f.Source, &f.Path, &f.Type, &f.Known, &f.Count, &f.Vanished)
			})
			return err
		})
	})
	return seen, classify("read the fields seen", err)
}

// Vanished marks fields of a source that come no more, until they are seen again.
func (s *Store) Vanished(ctx context.Context, source string, paths []string) error {
	return s.tx(ctx, "mark vanished fields", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update logferry.field_drift set vanished_at = now()
			where source = $1::text and json_path = any($2::text[]) and vanished_at is null`, source, paths)
		return err
	})
}

// SaveDrift adds the field paths and types seen in documents to what was seen
// before; call it once for what a run saw, for counts are added up. Rows are
// written in the order of their key, so that two processes never wait for each
// other in a circle.
func (s *Store) SaveDrift(ctx context.Context, fields []transform.Field) error {
	if len(fields) == 0 {
		return nil
	}
	var sources, paths, types []string
	var known []bool
	var counts []int64
	for _, f := range mergeFields(fields) {
		sources, paths, types = append(sources, f.Source), append(paths, storable(f.Path)), append(types, f.Type)
		known, counts = append(known, f.Known), append(counts, f.Count)
	}
	return s.tx(ctx, "save the fields seen", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into logferry.field_drift
				(source, json_path, json_type, is_known, first_seen_at, last_seen_at, seen_count)
			select f.source, f.path, f.type, f.known, now(), now(), f.seen
			from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
				with ordinality as f (source, path, type, known, seen, n)
			order by f.n
			on conflict (source, json_path, json_type) do update
			set is_known = excluded.is_known, last_seen_at = excluded.last_seen_at,
				seen_count = field_drift.seen_count + excluded.seen_count, vanished_at = null`,
			sources, paths, types, known, counts)
		return err
	})
}

// mergeFields sorts fields by key and adds up those that come twice,
// which one statement could not write.
func mergeFields(fields []transform.Field) []transform.Field {
	sorted := slices.SortedFunc(slices.Values(fields), inKeyOrder)
	merged := sorted[:0]
	for _, f := range sorted {
		if last := len(merged) - 1; last >= 0 && inKeyOrder(merged[last], f) == 0 {
			merged[last].Count += f.Count
			merged[last].Known = merged[last].Known || f.Known
			continue
		}
		merged = append(merged, f)
	}
	return merged
}

func inKeyOrder(a, b transform.Field) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Type, b.Type))
}
