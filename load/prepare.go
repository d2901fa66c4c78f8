package load

import (
	"context"
	"time"

	"logferry/transform"
)

// prepare makes what rows refer to, in short transactions of their own before
// the chunk's: dimension rows, and partitions for the months they fall in.
func (s *Store) prepare(ctx context.Context, source string, records []*transform.Record) error {
	models := map[transform.ModelKey]struct{}{}
	endpoints := map[transform.EndpointKey]struct{}{}
	months := map[time.Time]struct{}{}
	for _, r := range records {
		models[r.Model] = struct{}{}
		endpoints[r.Endpoint] = struct{}{}
		months[time.Date(r.CreatedAt.Year(), r.CreatedAt.Month(), 1, 0, 0, 0, 0, time.UTC)] = struct{}{}
	}
	if err := s.ensurePartitions(ctx, keys(months)); err != nil {
		return err
	}
	return s.Dimensions(ctx, source, keys(models), keys(endpoints))
}

func keys[K comparable](set map[K]struct{}) []K {
	list := make([]K, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	return list
}
