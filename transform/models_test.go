package transform_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"logferry/transform"
)

const (
	cf = transform.SourceCloudflare
	kw = transform.SourceKeywordsAI
)

func TestReadModel(t *testing.T) {
	type want struct{ provider, model, family, vendor, version, rule string }
	tests := []struct {
		source, provider, model string
		want                    want
	}{
		{cf, "openai", "gpt-4o-2024-08-06", want{"openai", "gpt-4o-2024-08-06", "gpt-4o", "", "2024-08-06", "provider"}},
		{cf, "openai", "gpt-4", want{"openai", "gpt-4", "gpt-4", "", "", "provider"}},
		{cf, "openai", "GPT-4-0613", want{"openai", "gpt-4-0613", "gpt-4", "", "0613", "provider"}},
		{cf, "openai", "gpt-4-1106-preview", want{"openai", "gpt-4-1106-preview", "gpt-4-1106-preview", "", "", "provider"}},
		{cf, "mistral", "mistral-large-2407", want{"mistral_ai", "mistral-large-2407", "mistral-large", "", "2407", "provider"}},
		{cf, "replicate", "thing-2048", want{"replicate", "thing-2048", "thing-2048", "", "", "provider"}},
		{cf, "anthropic", "claude-sonnet-4-5@20250929", want{"anthropic", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "", "20250929", "provider"}},
		{cf, "compat", "openai/gpt-4o-2024-08-06", want{"openai", "gpt-4o-2024-08-06", "gpt-4o", "", "2024-08-06", "provider_prefix"}},
		{cf, "compat", "google-ai-studio/gemini-2.5-pro", want{"gcp.gemini", "gemini-2.5-pro", "gemini-2.5-pro", "", "", "provider_prefix"}},
		{cf, "", "anthropic/claude-opus-4-20250514", want{"anthropic", "claude-opus-4-20250514", "claude-opus-4", "", "20250514", "provider_prefix"}},
		{cf, "openai", "openai/gpt-4o", want{"openai", "gpt-4o", "gpt-4o", "", "", "provider_prefix"}},
		{cf, "compat", "custom-my-llm/some-model", want{"custom.my-llm", "some-model", "some-model", "", "", "provider_prefix"}},
		{cf, "custom-my-llm", "some-model", want{"custom.my-llm", "some-model", "some-model", "", "", "provider"}},
		{cf, "compat", "workers-ai/@cf/meta/llama-3.1-8b-instruct", want{"cloudflare.workers_ai", "llama-3.1-8b-instruct", "llama-3.1-8b-instruct", "meta", "", "workers_ai"}},
		{cf, "workers-ai", "@cf/meta/llama-3.1-8b-instruct", want{"cloudflare.workers_ai", "llama-3.1-8b-instruct", "llama-3.1-8b-instruct", "meta", "", "workers_ai"}},
		{cf, "workers-ai", "@hf/nousresearch/hermes-2-pro-mistral-7b", want{"cloudflare.workers_ai", "hermes-2-pro-mistral-7b", "hermes-2-pro-mistral-7b", "nousresearch", "", "workers_ai"}},
		{cf, "aws-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", want{"aws.bedrock", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "anthropic", "20250929", "bedrock"}},
		{cf, "aws-bedrock", "amazon.nova-pro-v1:0", want{"aws.bedrock", "nova-pro", "nova-pro", "amazon", "", "bedrock"}},
		{cf, "aws-bedrock", "anthropic.claude-v2:1", want{"aws.bedrock", "claude-v2:1", "claude-v2:1", "anthropic", "", "bedrock"}},
		{cf, "aws-bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0", want{"aws.bedrock", "claude-3-haiku-20240307", "claude-3-haiku", "anthropic", "20240307", "bedrock"}},
		{kw, "", "bedrock/anthropic.claude-3-haiku-20240307-v1:0", want{"aws.bedrock", "claude-3-haiku-20240307", "claude-3-haiku", "anthropic", "20240307", "bedrock"}},
		{cf, "google-ai-studio", "models/gemini-2.0-flash", want{"gcp.gemini", "gemini-2.0-flash", "gemini-2.0-flash", "", "", "resource_path"}},
		{cf, "google-vertex-ai", "publishers/google/models/gemini-2.0-flash", want{"gcp.vertex_ai", "gemini-2.0-flash", "gemini-2.0-flash", "google", "", "resource_path"}},
		{kw, "fireworks_ai", "accounts/fireworks/models/llama-v3p1-8b-instruct", want{"fireworks_ai", "llama-v3p1-8b-instruct", "llama-v3p1-8b-instruct", "", "", "resource_path"}},
		{cf, "openrouter", "openai/gpt-4o-2024-08-06:free", want{"openrouter", "gpt-4o-2024-08-06", "gpt-4o", "openai", "2024-08-06:free", "reseller"}},
		{cf, "openrouter", "anthropic/claude-3.5-sonnet:beta", want{"openrouter", "claude-3.5-sonnet", "claude-3.5-sonnet", "anthropic", "beta", "reseller"}},
		{cf, "compat", "openrouter/openai/gpt-4o", want{"openrouter", "gpt-4o", "gpt-4o", "openai", "", "reseller"}},
		{cf, "huggingface", "meta-llama/Llama-3.1-8B", want{"huggingface", "llama-3.1-8b", "llama-3.1-8b", "meta-llama", "", "reseller"}},
		{cf, "dynamic", "dynamic/my-route-2024-01-01", want{"unknown", "dynamic/my-route-2024-01-01", "dynamic/my-route-2024-01-01", "", "", "dynamic_route"}},
		{cf, "azure-openai", "gpt-4o", want{"azure.ai.openai", "gpt-4o", "gpt-4o", "", "", "provider"}},
		{cf, "grok", "grok-4", want{"x_ai", "grok-4", "grok-4", "", "", "provider"}},
		{cf, "perplexity-ai", "sonar", want{"perplexity", "sonar", "sonar", "", "", "provider"}},
		{cf, "groq", "llama-3.3-70b", want{"groq", "llama-3.3-70b", "llama-3.3-70b", "", "", "provider"}},
		{cf, "cohere", "command-r", want{"cohere", "command-r", "command-r", "", "", "provider"}},
		{cf, "deepseek", "deepseek-chat", want{"deepseek", "deepseek-chat", "deepseek-chat", "", "", "provider"}},
		{cf, "cerebras", "llama3.1-8b", want{"cerebras", "llama3.1-8b", "llama3.1-8b", "", "", "provider"}},
		{cf, "Somebody_New", "Model-X", want{"somebody_new", "model-x", "model-x", "", "", "fallback"}},
		{cf, "compat", "gpt-4o", want{"unknown", "gpt-4o", "gpt-4o", "", "", "fallback"}},
		{cf, "", "gpt-4o", want{"unknown", "gpt-4o", "gpt-4o", "", "", "fallback"}},
		{cf, "openai", "", want{"openai", "unknown", "unknown", "", "", "none"}},
		{kw, "", "", want{"unknown", "unknown", "unknown", "", "", "none"}},
		{kw, "", "gpt-4", want{"openai", "gpt-4", "gpt-4", "", "", "model_name"}},
		{kw, "", "o3-mini-2025-01-31", want{"openai", "o3-mini-2025-01-31", "o3-mini", "", "2025-01-31", "model_name"}},
		{kw, "", "o1", want{"openai", "o1", "o1", "", "", "model_name"}},
		{kw, "", "o4x", want{"unknown", "o4x", "o4x", "", "", "fallback"}},
		{kw, "", "text-embedding-3-small", want{"openai", "text-embedding-3-small", "text-embedding-3-small", "", "", "model_name"}},
		{kw, "", "claude-3-opus-20240229", want{"anthropic", "claude-3-opus-20240229", "claude-3-opus", "", "20240229", "model_name"}},
		{kw, "", "gemini-1.5-pro", want{"gcp.gen_ai", "gemini-1.5-pro", "gemini-1.5-pro", "", "", "model_name"}},
		{kw, "", "mistral-small", want{"mistral_ai", "mistral-small", "mistral-small", "", "", "model_name"}},
		{kw, "", "codestral", want{"mistral_ai", "codestral", "codestral", "", "", "model_name"}},
		{kw, "", "grok-4", want{"x_ai", "grok-4", "grok-4", "", "", "model_name"}},
		{kw, "", "deepseek-reasoner", want{"deepseek", "deepseek-reasoner", "deepseek-reasoner", "", "", "model_name"}},
		{kw, "", "llama-3.1-70b", want{"unknown", "llama-3.1-70b", "llama-3.1-70b", "", "", "fallback"}},
		{kw, "", "gpt-oss-120b", want{"unknown", "gpt-oss-120b", "gpt-oss-120b", "", "", "fallback"}},
		{kw, "", "meta-llama/llama-3.1-70b", want{"unknown", "llama-3.1-70b", "llama-3.1-70b", "meta-llama", "", "reseller"}},
		{kw, "azure_openai", "azure/gpt-4o", want{"azure.ai.openai", "gpt-4o", "gpt-4o", "", "", "provider_prefix"}},
		{kw, "vertex_ai", "gemini-1.5-pro", want{"gcp.vertex_ai", "gemini-1.5-pro", "gemini-1.5-pro", "", "", "provider"}},
		{kw, "", "/", want{"unknown", "/", "/", "", "", "fallback"}},
		{kw, "", "openai/", want{"unknown", "openai/", "openai/", "", "", "fallback"}},
	}
	for _, tt := range tests {
		m := transform.ReadModel(tt.source, transform.ModelKey{ProviderRaw: tt.provider, ModelRaw: tt.model})
		got := want{m.ProviderName, m.Model, m.ModelFamily, m.ModelVendor, m.ModelVersion, m.MappingRule}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s %q %q (-want +got):\n%s", tt.source, tt.provider, tt.model, diff)
		}
	}
}

func TestReadEndpoint(t *testing.T) {
	yes, no := new(true), new(false)
	tests := []struct {
		source    string
		key       transform.EndpointKey
		operation string
		streaming *bool
	}{
		{cf, transform.EndpointKey{URLPath: "v1/chat/completions"}, "chat", nil},
		{cf, transform.EndpointKey{URLPath: "/v1/chat/completions/"}, "chat", nil},
		{cf, transform.EndpointKey{URLPath: "v1/messages", ResponseContentType: "text/event-stream"}, "chat", yes},
		{cf, transform.EndpointKey{URLPath: "v1/responses", ResponseContentType: "application/json"}, "chat", no},
		{cf, transform.EndpointKey{URLPath: "v1/threads/{id}/messages"}, "unknown", nil},
		{cf, transform.EndpointKey{URLPath: "v1/completions"}, "text_completion", nil},
		{cf, transform.EndpointKey{URLPath: "openai/deployments/{deployment}/embeddings"}, "embeddings", nil},
		{cf, transform.EndpointKey{URLPath: "v1beta/models/gemini-2.0-flash:generateContent"}, "generate_content", nil},
		{cf, transform.EndpointKey{URLPath: "v1beta/models/gemini-2.0-flash:streamGenerateContent"}, "generate_content", yes},
		{cf, transform.EndpointKey{URLPath: "v1beta/models/text-embedding-004:embedContent"}, "embeddings", nil},
		{cf, transform.EndpointKey{URLPath: "v1/images/generations"}, "image_generation", nil},
		{cf, transform.EndpointKey{URLPath: "v1/audio/speech"}, "speech", nil},
		{cf, transform.EndpointKey{URLPath: "v1/text-to-speech/{id}"}, "speech", nil},
		{cf, transform.EndpointKey{URLPath: "v1/audio/transcriptions"}, "transcription", nil},
		{cf, transform.EndpointKey{URLPath: "v2/rerank"}, "rerank", nil},
		{cf, transform.EndpointKey{URLPath: "v1/moderations"}, "moderation", nil},
		{cf, transform.EndpointKey{URLPath: "model/x/converse-stream"}, "chat", yes},
		{cf, transform.EndpointKey{URLPath: "@cf/meta/llama", ModelType: "Text-Generation"}, "text_completion", nil},
		{cf, transform.EndpointKey{URLPath: "compat", RequestType: "chat/completions"}, "chat", nil},
		{cf, transform.EndpointKey{URLPath: "v1/files"}, "unknown", nil},
		{cf, transform.EndpointKey{}, "unknown", nil},
		{kw, transform.EndpointKey{RequestType: "chat", ResponseContentType: "stream=true"}, "chat", yes},
		{kw, transform.EndpointKey{RequestType: "embedding", ResponseContentType: "stream=false"}, "embeddings", no},
		{kw, transform.EndpointKey{RequestType: "workflow"}, "unknown", nil},
		{kw, transform.EndpointKey{RequestType: "tool"}, "execute_tool", nil},
	}
	for _, tt := range tests {
		want := transform.Endpoint{OperationName: tt.operation, IsStreaming: tt.streaming}
		if diff := cmp.Diff(want, transform.ReadEndpoint(tt.source, tt.key)); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", tt.source, tt.key, diff)
		}
	}
}
