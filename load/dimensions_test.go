package load

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"logferry/transform"
)

const source = transform.SourceCloudflare

// cancelled is a context with which nothing can be asked of the database.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestDimensions(t *testing.T) {
	s, ctx := open(t), t.Context()
	gpt := transform.ModelKey{ProviderRaw: "openai", ModelRaw: "gpt-4o-2024-08-06"}
	bare := transform.ModelKey{ModelRaw: "gpt-4o-2024-08-06"}
	chat := transform.EndpointKey{URLPath: "v1/chat/completions", ResponseContentType: "text/event-stream"}
	models := []transform.ModelKey{gpt, {}, bare, gpt}
	endpoints := []transform.EndpointKey{{}, chat, chat}
	must(t, s.Dimensions(ctx, source, models, endpoints))
	if a, b := s.modelID(source, gpt), s.modelID(source, bare); a != 1 || b != 2 {
		t.Errorf("models have numbers %d and %d, want 1 and 2", a, b)
	}
	if id := s.endpointID(source, chat); id != 1 {
		t.Errorf("endpoint has number %d, want 1", id)
	}
	if m, e := s.modelID(source, transform.ModelKey{}), s.endpointID(source, transform.EndpointKey{}); m != 0 || e != 0 {
		t.Errorf("empty keys have numbers %d and %d, want 0", m, e)
	}
	if id := s.modelID(transform.SourceKeywordsAI, gpt); id != 0 {
		t.Errorf("the other source's model has number %d, want 0", id)
	}

	m, e := transform.ReadModel(source, gpt), transform.ReadEndpoint(source, chat)
	if n := count(t, s, `select count(*) from logferry.models where model_id = 1 and source = $1::text and provider_raw = 'openai'
		and model_raw = $2::text and provider_name = $3::text and model = $4::text and model_family = $5::text and model_vendor = $6::text
		and model_version = $7::text and mapping_rule = $8::text and mapping_version = $9::integer and not is_manual`,
		source, gpt.ModelRaw, m.ProviderName, m.Model, m.ModelFamily, m.ModelVendor, m.ModelVersion, m.MappingRule, transform.MappingVersion); n != 1 {
		t.Error("the model's row is not its reading")
	}
	if n := count(t, s, `select count(*) from logferry.endpoints where endpoint_id = 1 and source = $1::text and url_path = $2::text
		and request_type = '' and model_type = '' and request_content_type = '' and response_content_type = $3::text
		and operation_name = $4::text and is_streaming is not distinct from $5::boolean`,
		source, chat.URLPath, chat.ResponseContentType, e.OperationName, e.IsStreaming); n != 1 {
		t.Error("the endpoint's row is not its reading")
	}

	if err := s.Dimensions(cancelled(t), source, models, endpoints); err != nil {
		t.Errorf("the database was asked for what is known: %v", err)
	}
	if n := count(t, s, `select (select count(*) from logferry.models) + (select count(*) from logferry.endpoints)`); n != 5 {
		t.Errorf("%d rows, want two of number 0, two models, one endpoint", n)
	}
}

// Two processes meet overlapping spellings at once: both use the same numbers,
// and no number is left out.
func TestDimensionsAtOnce(t *testing.T) {
	one := open(t)
	stores := []*Store{one, connect(t, one)}
	model := func(n int) transform.ModelKey { return transform.ModelKey{ModelRaw: fmt.Sprintf("model-%d", n)} }
	endpoint := func(n int) transform.EndpointKey {
		return transform.EndpointKey{RequestType: fmt.Sprintf("type-%d", n)}
	}
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			var models []transform.ModelKey
			var endpoints []transform.EndpointKey
			for n := range 10 {
				models, endpoints = append(models, model(3*i+n)), append(endpoints, endpoint(3*i+n))
			}
			if err := stores[i%2].Dimensions(t.Context(), source, models, endpoints); err != nil {
				t.Error(err)
			}
		})
	}
	workers.Wait()
	if n := count(t, one, `select count(*) from logferry.models where model_id between 1 and 31`); n != 31 {
		t.Errorf("%d models with numbers 1 to 31", n)
	}
	if n := count(t, one, `select count(*) from logferry.endpoints where endpoint_id between 1 and 31`); n != 31 {
		t.Errorf("%d endpoints with numbers 1 to 31", n)
	}
	for n := range 31 {
		for _, s := range stores {
			must(t, s.Dimensions(t.Context(), source, []transform.ModelKey{model(n)}, []transform.EndpointKey{endpoint(n)}))
		}
		if a, b := stores[0].modelID(source, model(n)), stores[1].modelID(source, model(n)); a != b || a == 0 {
			t.Errorf("%v has numbers %d and %d", model(n), a, b)
		}
		if a, b := stores[0].endpointID(source, endpoint(n)), stores[1].endpointID(source, endpoint(n)); a != b || a == 0 {
			t.Errorf("%v has numbers %d and %d", endpoint(n), a, b)
		}
	}
}

func TestOutdatedReadingIsRenewed(t *testing.T) {
	s := open(t)
	keys := map[string]transform.ModelKey{}
	for i, name := range []string{"old", "manual", "newer"} {
		keys[name] = transform.ModelKey{ProviderRaw: "openai", ModelRaw: "gpt-" + name}
		version := map[string]int{"old": transform.MappingVersion - 1, "manual": transform.MappingVersion - 1, "newer": transform.MappingVersion + 1}[name]
		execSQL(t, s, `
			insert into logferry.models (model_id, source, provider_raw, model_raw, provider_name, model, model_family, mapping_rule, mapping_version, is_manual, updated_at)
			values ($1::integer, $2::text, 'openai', $3::text, 'before', 'before', 'before', 'before', $4::integer, $5::boolean, '2020-01-01Z')`,
			i+1, source, keys[name].ModelRaw, version, name == "manual")
	}
	must(t, s.Dimensions(t.Context(), source, []transform.ModelKey{keys["old"], keys["manual"], keys["newer"]}, nil))
	for i, name := range []string{"old", "manual", "newer"} {
		if id := s.modelID(source, keys[name]); int(id) != i+1 {
			t.Errorf("%s has number %d, want %d", name, id, i+1)
		}
		read := transform.ReadModel(source, keys[name])
		renewed := count(t, s, `select count(*) from logferry.models where model_id = $1::integer and provider_name = $2::text and model = $3::text
			and model_family = $4::text and mapping_rule = $5::text and mapping_version = $6::integer and updated_at > '2020-01-01Z'`,
			i+1, read.ProviderName, read.Model, read.ModelFamily, read.MappingRule, transform.MappingVersion)
		if (renewed == 1) != (name == "old") {
			t.Errorf("%s: renewed rows %d", name, renewed)
		}
	}
}

func TestEndpointsAreBounded(t *testing.T) {
	s, ctx := open(t), t.Context()
	execSQL(t, s, `
		insert into logferry.endpoints (endpoint_id, source, url_path, operation_name)
		select n, $1::text, 'path-' || n, 'chat' from generate_series(1, $2::integer) n`, source, maxEndpoints-1)
	last, beyond, known := transform.EndpointKey{URLPath: "a"}, transform.EndpointKey{URLPath: "b"}, transform.EndpointKey{URLPath: "path-7"}
	must(t, s.Dimensions(ctx, source, nil, []transform.EndpointKey{last, beyond, known}))
	for key, want := range map[transform.EndpointKey]int32{last: maxEndpoints, beyond: 0, known: 7} {
		if id := s.endpointID(source, key); id != want {
			t.Errorf("%s has number %d, want %d", key.URLPath, id, want)
		}
	}
	if err := s.Dimensions(cancelled(t), source, nil, []transform.EndpointKey{beyond}); err != nil {
		t.Errorf("what is beyond the bound is asked for again: %v", err)
	}
	must(t, s.Dimensions(ctx, transform.SourceKeywordsAI, nil, []transform.EndpointKey{beyond}))
	if id := s.endpointID(transform.SourceKeywordsAI, beyond); id != maxEndpoints+1 {
		t.Errorf("the other source's endpoint has number %d, want %d", id, maxEndpoints+1)
	}
}
