package emulator

import (
	"fmt"
	"math/big"
	"strings"
)

// An upstream is a model as a gateway logs it: raw spellings, as they are seen.
type upstream struct {
	provider, model, path, kind string
	inputCents, outputCents     int64 // cents per million tokens
	window                      int   // greatest number of input tokens
	reasons                     bool
}

var upstreams = []upstream{
	{"openai", "gpt-4o-2024-08-06", "chat/completions", "chat", 250, 1000, 128_000, false},
	{"openai", "gpt-4o-mini", "chat/completions", "chat", 15, 60, 128_000, false},
	{"openai", "o3-mini", "responses", "chat", 110, 440, 200_000, true},
	{"openai", "text-embedding-3-small", "embeddings", "embeddings", 2, 0, 8_000, false},
	{"anthropic", "claude-sonnet-4-5-20250929", "v1/messages", "chat", 300, 1500, 200_000, false},
	{"azure-openai", "gpt-4", "chat/completions?api-version=2024-10-21", "chat", 3000, 6000, 32_000, false},
	{"aws-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock-runtime/us-east-1/model/invoke", "chat", 300, 1500, 200_000, false},
	{"google-ai-studio", "models/gemini-2.5-pro", "v1beta/models/gemini-2.5-pro:generateContent", "chat", 125, 1000, 1_000_000, true},
	{"google-vertex-ai", "publishers/google/models/gemini-2.5-flash", "v1/models/gemini-2.5-flash:generateContent", "chat", 30, 250, 1_000_000, false},
	{"workers-ai", "@cf/meta/llama-3.1-8b-instruct", "@cf/meta/llama-3.1-8b-instruct", "chat", 28, 83, 8_000, false},
	{"compat", "groq/llama-3.3-70b-versatile", "compat/chat/completions", "chat", 59, 79, 128_000, false},
	{"openrouter", "deepseek/deepseek-r1:free", "v1/chat/completions", "chat", 0, 0, 64_000, true},
	{"mistral", "mistral-large-latest", "v1/chat/completions", "chat", 200, 600, 128_000, false},
	{"grok", "grok-3", "v1/chat/completions", "chat", 300, 1500, 131_000, false},
}

// cost is dollars in decimal text; very small ones with an exponent, as JSON
// encoders write them.
func (u upstream) cost(input, output int) string {
	// cents per million tokens, times tokens: units of 1e-8 dollars
	units := u.inputCents*int64(input) + u.outputCents*int64(output)
	if units == 0 {
		return "0"
	}
	if units < 1000 {
		return exponent(int(units), -8)
	}
	text := big.NewRat(units, 100_000_000).FloatString(8)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// exponent is digits times ten to a power, with one digit before the point.
func exponent(digits, power int) string {
	text := fmt.Sprint(digits)
	power += len(text) - 1
	if fraction := strings.TrimRight(text[1:], "0"); fraction != "" {
		return fmt.Sprintf("%c.%se-%02d", text[0], fraction, -power)
	}
	return fmt.Sprintf("%ce-%02d", text[0], -power)
}

// A person is who makes a call, in metadata.
type person struct{ user, team, conversation, environment string }

// person draws one of forty users, the first ones far more often.
func (m *maker) person() person {
	n := min(39, int(m.rng.ExpFloat64()*8))
	p := person{
		user:         fmt.Sprintf("user-%02d", n),
		team:         pick(m.rng, teams[n%len(teams):n%len(teams)+1]),
		conversation: fmt.Sprintf("conv-%08x", m.rng.Uint32()),
		environment:  "production",
	}
	if m.rng.Float64() < 0.15 {
		p.environment = "staging"
	}
	return p
}

var teams = []string{"search", "support", "billing", "research", "mobile"}

// words are between few and many made-up words: prompt text that nobody wrote.
func (m *maker) words(few, many int) string {
	var text []string
	for range few + m.rng.IntN(many-few) {
		text = append(text, pick(m.rng, vocabulary))
	}
	return strings.Join(text, " ")
}

var vocabulary = []string{
	"amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbour", "inlet", "jetty",
	"kelp", "lagoon", "meadow", "north", "orchard", "pebble", "quay", "river", "shore", "thicket",
	"upland", "valley", "willow", "yarrow", "counts", "carries", "finds", "holds", "moves", "turns",
}
