package load

import (
	"context"

	"logferry/transform"

	"github.com/jackc/pgx/v5"
)

func (s *Store) ensureEndpoints(ctx context.Context, source string, keys []transform.EndpointKey) error {
	if len(keys) == 0 {
		return nil
	}
	var stored map[transform.EndpointKey]int32
	err := s.tx(ctx, "enter new endpoints", func(tx pgx.Tx) (err error) {
		if stored, err = selectEndpoints(ctx, tx, source, keys); err != nil || len(stored) == len(keys) {
			return err
		}
		if _, err = tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('logferry.endpoints'))`); err != nil {
			return err
		}
		if stored, err = selectEndpoints(ctx, tx, source, keys); err != nil {
			return err
		}
		return insertEndpoints(ctx, tx, source, keys, stored)
	})
	if err != nil {
		return err
	}
	s.dims.mu.Lock()
	defer s.dims.mu.Unlock()
	if s.dims.endpoints == nil {
		s.dims.endpoints = make(map[endpointName]int32)
	}
	for _, key := range keys {
		// Beyond the bound there is no stored number: 0 is remembered, so that
		// the next chunk doesn't ask again.
		s.dims.endpoints[endpointName{source, key}] = stored[key]
	}
	return nil
}

func selectEndpoints(ctx context.Context, tx pgx.Tx, source string, keys []transform.EndpointKey) (map[transform.EndpointKey]int32, error) {
	var parts [5][]string
	for _, key := range keys {
		for i, text := range [5]string{key.URLPath, key.RequestType, key.ModelType, key.RequestContentType, key.ResponseContentType} {
			parts[i] = append(parts[i], text)
		}
	}
	rows, err := tx.Query(ctx, `
		select url_path, request_type, model_type, request_content_type, response_content_type, endpoint_id
		from logferry.endpoints
		where source = $1::text
			and (url_path, request_type, model_type, request_content_type, response_content_type) in (
				select a, b, c, d, e
				from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as k (a, b, c, d, e))`,
		source, parts[0], parts[1], parts[2], parts[3], parts[4])
	if err != nil {
		return nil, err
	}
	stored := make(map[transform.EndpointKey]int32, len(keys))
	var key transform.EndpointKey
	var id int32
	into := []any{&key.URLPath, &key.RequestType, &key.ModelType, &key.RequestContentType, &key.ResponseContentType, &id}
	_, err = pgx.ForEachRow(rows, into, func() error {
		stored[key] = id
		return nil
	})
	return stored, err
}

// insertEndpoints inserts what is missing from stored, up to maxEndpoints of a
// source, and notes its number there. The caller holds the lock on numbers.
func insertEndpoints(ctx context.Context, tx pgx.Tx, source string, keys []transform.EndpointKey, stored map[transform.EndpointKey]int32) error {
	var last int32
	var count int
	err := tx.QueryRow(ctx, `
		select coalesce(max(endpoint_id), 0), count(*) filter (where source = $1::text) from logferry.endpoints`,
		source).Scan(&last, &count)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, key := range keys {
		if _, known := stored[key]; known || count >= maxEndpoints {
			continue
		}
		last, count = last+1, count+1
		stored[key] = last
		read := transform.ReadEndpoint(source, key)
		batch.Queue(`
			insert into logferry.endpoints (endpoint_id, source, url_path, request_type, model_type,
				request_content_type, response_content_type, operation_name, is_streaming)
			values ($1::integer, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::boolean)`,
			last, source, key.URLPath, key.RequestType, key.ModelType,
			key.RequestContentType, key.ResponseContentType, read.OperationName, read.IsStreaming)
	}
	return tx.SendBatch(ctx, batch).Close()
}
