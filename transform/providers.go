package transform

import "strings"

// providerNames are the spellings of providers in logs and in prefixes of model
// names, dashes for underscores, and OpenTelemetry's values for them.
var providerNames = map[string]string{
	"anthropic":        "anthropic",
	"aws-bedrock":      "aws.bedrock",
	"bedrock":          "aws.bedrock",
	"azure":            "azure.ai.openai",
	"azure-openai":     "azure.ai.openai",
	"cerebras":         "cerebras",
	"cohere":           "cohere",
	"deepseek":         "deepseek",
	"fireworks-ai":     "fireworks_ai",
	"gemini":           "gcp.gemini",
	"google":           "gcp.gen_ai",
	"google-ai-studio": "gcp.gemini",
	"google-vertex-ai": "gcp.vertex_ai",
	"vertex-ai":        "gcp.vertex_ai",
	"grok":             "x_ai",
	"x-ai":             "x_ai",
	"xai":              "x_ai",
	"groq":             "groq",
	"huggingface":      "huggingface",
	"mistral":          "mistral_ai",
	"mistral-ai":       "mistral_ai",
	"openai":           "openai",
	"openrouter":       "openrouter",
	"perplexity":       "perplexity",
	"perplexity-ai":    "perplexity",
	"replicate":        "replicate",
	"together-ai":      "together_ai",
	"workers-ai":       "cloudflare.workers_ai",
}

func providerKey(raw string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(raw)), "_", "-")
}

func isKnownProvider(raw string) bool {
	key := providerKey(raw)
	name, custom := strings.CutPrefix(key, "custom-")
	return providerNames[key] != "" || custom && name != ""
}

// canonicalProvider returns a provider's canonical name: the known one,
// custom.<name> for a gateway's own provider, else the spelling in lower case.
// It is "" for none and for compat, the endpoint whose models carry a prefix.
func canonicalProvider(raw string) string {
	key := providerKey(raw)
	if key == "compat" {
		return ""
	}
	if name := providerNames[key]; name != "" {
		return name
	}
	lower := strings.ToLower(strings.TrimSpace(raw))
	if name, custom := strings.CutPrefix(lower, "custom-"); custom && name != "" {
		return "custom." + name
	}
	return lower
}

// makers tell a provider by how a model's name begins. Names of open-weight
// models are not among them: anybody may serve those.
var makers = []struct{ prefix, provider string }{
	{"gpt-", "openai"},
	{"chatgpt-", "openai"},
	{"text-embedding-", "openai"},
	{"claude-", "anthropic"},
	{"gemini-", "gcp.gen_ai"},
	{"mistral-", "mistral_ai"},
	{"codestral", "mistral_ai"},
	{"grok-", "x_ai"},
	{"deepseek-", "deepseek"},
}

func makerOf(model string) string {
	if strings.HasPrefix(model, "gpt-oss") {
		return "" // open weights, whatever the name
	}
	for _, m := range makers {
		if strings.HasPrefix(model, m.prefix) {
			return m.provider
		}
	}
	for _, series := range []string{"o1", "o3", "o4"} {
		if model == series || strings.HasPrefix(model, series+"-") {
			return "openai"
		}
	}
	return ""
}
