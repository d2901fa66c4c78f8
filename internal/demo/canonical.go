package demo

// A name is how llm.requests must name a model.
type name struct{ provider, model, family string }

// canonical has the name for each raw spelling in the emulator's traffic,
// written by hand.
var canonical = map[string]name{
	"gpt-4o-2024-08-06":          {"openai", "gpt-4o-2024-08-06", "gpt-4o"},
	"gpt-4o-mini":                {"openai", "gpt-4o-mini", "gpt-4o-mini"},
	"o3-mini":                    {"openai", "o3-mini", "o3-mini"},
	"text-embedding-3-small":     {"openai", "text-embedding-3-small", "text-embedding-3-small"},
	"claude-sonnet-4-5-20250929": {"anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
	"gpt-4":                      {"azure.ai.openai", "gpt-4", "gpt-4"},
	"us.anthropic.claude-sonnet-4-5-20250929-v1:0": {"aws.bedrock", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
	"models/gemini-2.5-pro":                        {"gcp.gemini", "gemini-2.5-pro", "gemini-2.5-pro"},
	"publishers/google/models/gemini-2.5-flash":    {"gcp.vertex_ai", "gemini-2.5-flash", "gemini-2.5-flash"},
	"@cf/meta/llama-3.1-8b-instruct":               {"cloudflare.workers_ai", "llama-3.1-8b-instruct", "llama-3.1-8b-instruct"},
	"groq/llama-3.3-70b-versatile":                 {"groq", "llama-3.3-70b-versatile", "llama-3.3-70b-versatile"},
	"deepseek/deepseek-r1:free":                    {"openrouter", "deepseek-r1", "deepseek-r1"},
	"mistral-large-latest":                         {"mistral_ai", "mistral-large-latest", "mistral-large-latest"},
	"grok-3":                                       {"x_ai", "grok-3", "grok-3"},
}
