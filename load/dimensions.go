package load

import (
	"context"
	"sync"

	"logferry/transform"

	"github.com/jackc/pgx/v5"
)

// dimensions is what this process has seen in the warehouse beside the facts,
// so that chunks need not ask for it: numbers of models and endpoints, and
// partitions. The zero value is ready. Numbers never change once given.
type dimensions struct {
	partitions

	mu        sync.RWMutex
	models    map[modelName]int32
	endpoints map[endpointName]int32
}

type modelName struct {
	source string
	key    transform.ModelKey
}

type endpointName struct {
	source string
	key    transform.EndpointKey
}

// maxEndpoints bounds the combinations of a source: some gateways put names of
// deployments, or ids, into the path. Further ones get number 0.
const maxEndpoints = 2000

// modelID is the number of a spelling that Dimensions was called with; 0 means
// that no model was given.
func (s *Store) modelID(source string, key transform.ModelKey) int32 {
	s.dims.mu.RLock()
	defer s.dims.mu.RUnlock()
	return s.dims.models[modelName{source, key}]
}

// endpointID is the number of a combination that Dimensions was called with; 0
// means that none was given, or that there are too many.
func (s *Store) endpointID(source string, key transform.EndpointKey) int32 {
	s.dims.mu.RLock()
	defer s.dims.mu.RUnlock()
	return s.dims.endpoints[endpointName{source, key}]
}

// Dimensions makes sure that all these models and endpoints of a source have
// numbers. It runs before a chunk, in short transactions of its own: numbers
// are given under a lock, which no chunk may hold. The first time a process
// meets a model whose reading is of an older mapping, the reading is renewed,
// unless a person set it.
func (s *Store) Dimensions(ctx context.Context, source string, models []transform.ModelKey, endpoints []transform.EndpointKey) error {
	if err := s.ensureModels(ctx, source, s.dims.newModels(source, models)); err != nil {
		return err
	}
	return s.ensureEndpoints(ctx, source, s.dims.newEndpoints(source, endpoints))
}

// newModels lists the keys without a known number, each once.
func (d *dimensions) newModels(source string, keys []transform.ModelKey) []transform.ModelKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var unknown []transform.ModelKey
	seen := map[transform.ModelKey]bool{{}: true}
	for _, key := range keys {
		if _, ok := d.models[modelName{source, key}]; !ok && !seen[key] {
			unknown = append(unknown, key)
		}
		seen[key] = true
	}
	return unknown
}

// newEndpoints lists the keys without a known number, each once.
func (d *dimensions) newEndpoints(source string, keys []transform.EndpointKey) []transform.EndpointKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var unknown []transform.EndpointKey
	seen := map[transform.EndpointKey]bool{{}: true}
	for _, key := range keys {
		if _, ok := d.endpoints[endpointName{source, key}]; !ok && !seen[key] {
			unknown = append(unknown, key)
		}
		seen[key] = true
	}
	return unknown
}

// A storedModel is what the table says of a spelling.
type storedModel struct {
	id      int32
	mapping int
	manual  bool
}

func (m storedModel) outdated() bool {
	return m.mapping < transform.MappingVersion && !m.manual
}

func (s *Store) ensureModels(ctx context.Context, source string, keys []transform.ModelKey) error {
	if len(keys) == 0 {
		return nil
	}
	var stored map[transform.ModelKey]storedModel
	err := s.tx(ctx, "enter new models", func(tx pgx.Tx) (err error) {
		if stored, err = selectModels(ctx, tx, source, keys); err != nil || !lacksModels(stored, keys) {
			return err
		}
		if _, err = tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('logferry.models'))`); err != nil {
			return err
		}
		if stored, err = selectModels(ctx, tx, source, keys); err != nil {
			return err
		}
		return writeModels(ctx, tx, source, keys, stored)
	})
	if err != nil {
		return err
	}
	s.dims.mu.Lock()
	defer s.dims.mu.Unlock()
	if s.dims.models == nil {
		s.dims.models = make(map[modelName]int32)
	}
	for key, m := range stored {
		s.dims.models[modelName{source, key}] = m.id
	}
	return nil
}

// lacksModels tells whether any of keys must be written.
func lacksModels(stored map[transform.ModelKey]storedModel, keys []transform.ModelKey) bool {
	for _, key := range keys {
		if m, ok := stored[key]; !ok || m.outdated() {
			return true
		}
	}
	return false
}

func selectModels(ctx context.Context, tx pgx.Tx, source string, keys []transform.ModelKey) (map[transform.ModelKey]storedModel, error) {
	providers, models := make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		providers[i], models[i] = key.ProviderRaw, key.ModelRaw
	}
	rows, err := tx.Query(ctx, `
		select provider_raw, model_raw, model_id, mapping_version, is_manual
		from logferry.models
		where source = $1::text
			and (provider_raw, model_raw) in (select p, m from unnest($2::text[], $3::text[]) as k (p, m))`,
		source, providers, models)
	if err != nil {
		return nil, err
	}
	stored := make(map[transform.ModelKey]storedModel, len(keys))
	var key transform.ModelKey
	var m storedModel
	_, err = pgx.ForEachRow(rows, []any{&key.ProviderRaw, &key.ModelRaw, &m.id, &m.mapping, &m.manual}, func() error {
		stored[key] = m
		return nil
	})
	return stored, err
}

// writeModels inserts what is missing from stored, and notes its number there,
// and renews outdated readings. The caller holds the lock on numbers.
func writeModels(ctx context.Context, tx pgx.Tx, source string, keys []transform.ModelKey, stored map[transform.ModelKey]storedModel) error {
	var last int32
	if err := tx.QueryRow(ctx, `select coalesce(max(model_id), 0) from logferry.models`).Scan(&last); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, key := range keys {
		m, known := stored[key]
		read := transform.ReadModel(source, key)
		switch {
		case !known:
			last++
			stored[key] = storedModel{id: last, mapping: transform.MappingVersion}
			batch.Queue(`
				insert into logferry.models (model_id, source, provider_raw, model_raw, provider_name, model,
					model_family, model_vendor, model_version, mapping_rule, mapping_version)
				values ($1::integer, $2::text, $3::text, $4::text, $5::text, $6::text,
					$7::text, $8::text, $9::text, $10::text, $11::integer)`,
				last, source, key.ProviderRaw, key.ModelRaw, read.ProviderName, read.Model,
				read.ModelFamily, read.ModelVendor, read.ModelVersion, read.MappingRule, transform.MappingVersion)
		case m.outdated():
			batch.Queue(`
				update logferry.models
				set provider_name = $2::text, model = $3::text, model_family = $4::text, model_vendor = $5::text,
					model_version = $6::text, mapping_rule = $7::text, mapping_version = $8::integer, updated_at = now()
				where model_id = $1::integer and mapping_version < $8::integer and not is_manual`,
				m.id, read.ProviderName, read.Model, read.ModelFamily, read.ModelVendor,
				read.ModelVersion, read.MappingRule, transform.MappingVersion)
		}
	}
	return tx.SendBatch(ctx, batch).Close()
}
