package transform

import (
	"regexp"
	"strings"
)

// A Model is the canonical reading of a model's raw spelling.
type Model struct {
	ProviderName string // who served the call, as OpenTelemetry's gen_ai.provider.name where it has a value; never ""
	Model        string // lower case, without gateway or vendor prefix, with its date; never ""
	ModelFamily  string // Model without date; never ""
	ModelVendor  string // who made it, when the spelling tells; else ""
	ModelVersion string // date or revision; "" when none
	MappingRule  string // the rule that told most: one of the Rule constants
}

// Rules of [ReadModel], as stored with each reading.
const (
	RuleNone           = "none"            // no model given
	RuleDynamicRoute   = "dynamic_route"   // dynamic/<route>: the model cannot be known
	RuleWorkersAI      = "workers_ai"      // @cf/<vendor>/<name>
	RuleBedrock        = "bedrock"         // <region>.<vendor>.<name>-v1:0
	RuleResourcePath   = "resource_path"   // …/models/<name>
	RuleReseller       = "reseller"        // <vendor>/<name> of somebody who sells others' models
	RuleProviderPrefix = "provider_prefix" // <provider>/<name>
	RuleProvider       = "provider"        // known provider, model as given
	RuleModelName      = "model_name"      // provider inferred from the model's name
	RuleFallback       = "fallback"        // nothing known: lower case only
)

// ReadModel reads a raw spelling. The rules are tried in order on what the one
// before left: dynamic route, provider prefix, Workers AI, Bedrock, resource
// path, reseller, dated suffix. A moving alias such as gpt-4 is not guessed
// into a snapshot.
func ReadModel(source string, k ModelKey) Model {
	m := spelling{name: strings.ToLower(strings.TrimSpace(k.ModelRaw))}
	m.provider = canonicalProvider(k.ProviderRaw)
	known := m.provider != "" && isKnownProvider(k.ProviderRaw)
	if m.name == "" {
		return Model{ProviderName: firstText(m.provider, "unknown"), Model: "unknown", ModelFamily: "unknown", MappingRule: RuleNone}
	}
	if isDynamicRoute(m.name) {
		return Model{ProviderName: "unknown", Model: m.name, ModelFamily: m.name, MappingRule: RuleDynamicRoute}
	}
	m.cutProviderPrefixes()
	m.cutWorkersAI()
	m.cutBedrock()
	m.cutResourcePath()
	m.cutReseller()
	if m.provider == "" && source == SourceKeywordsAI {
		if m.provider = makerOf(m.name); m.provider != "" {
			m.rule = firstText(m.rule, RuleModelName)
		}
	}
	if known {
		m.rule = firstText(m.rule, RuleProvider)
	}
	return m.reading()
}

func isDynamicRoute(model string) bool {
	return len(model) > len("dynamic/") && strings.EqualFold(model[:len("dynamic/")], "dynamic/")
}

// A spelling is a model name while its prefixes and suffixes are cut off.
type spelling struct{ provider, name, vendor, revision, rule string }

// cutProviderPrefixes cuts gateway prefixes: openai/gpt-4o. They tell the
// provider only when nothing else did; otherwise they may be the vendor whose
// model somebody resells. Prefixes nest: openrouter/openai/gpt-4o.
func (s *spelling) cutProviderPrefixes() {
	for {
		prefix, rest, found := strings.Cut(s.name, "/")
		if !found || rest == "" || !isKnownProvider(prefix) {
			return
		}
		name := canonicalProvider(prefix)
		if s.provider != "" && s.provider != name {
			return // a reseller's vendor, or a part of a path
		}
		s.provider, s.name, s.rule = name, rest, RuleProviderPrefix
	}
}

// cutWorkersAI reads @cf/meta/llama-3.1-8b-instruct and @hf/….
func (s *spelling) cutWorkersAI() {
	if !strings.HasPrefix(s.name, "@cf/") && !strings.HasPrefix(s.name, "@hf/") {
		return
	}
	s.provider, s.rule = "cloudflare.workers_ai", RuleWorkersAI
	s.name = s.name[len("@cf/"):]
	if vendor, name, found := strings.Cut(s.name, "/"); found && name != "" {
		s.vendor, s.name = vendor, name
	}
}

var bedrockName = regexp.MustCompile(`^(?:(?:us|eu|apac|jp|au|ca|sa|us-gov|global)\.)?` +
	`(ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshotai|moonshot|nvidia|openai|qwen|stability|twelvelabs|writer)\.(.+)$`)

var bedrockRevision = regexp.MustCompile(`-v?[0-9]+:0(:[0-9]+k)?$`)

// cutBedrock reads us.anthropic.claude-sonnet-4-5-20250929-v1:0, alone or at
// the end of an ARN. Only :0 is a revision of Bedrock's own: claude-v2:1 is
// Claude 2.1.
func (s *spelling) cutBedrock() {
	name := s.name
	if strings.HasPrefix(name, "arn:aws") {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	parts := bedrockName.FindStringSubmatch(name)
	if parts == nil || s.provider != "" && s.provider != "aws.bedrock" {
		return
	}
	s.provider, s.rule = "aws.bedrock", RuleBedrock
	s.vendor, s.name = parts[1], bedrockRevision.ReplaceAllString(parts[2], "")
}

// cutResourcePath reads models/x, accounts/…/models/x, publishers/…/models/x.
// A publisher is the vendor.
func (s *spelling) cutResourcePath() {
	before, name, found := lastCut(s.name, "models/")
	if !found || name == "" || before != "" && !strings.HasSuffix(before, "/") {
		return
	}
	if _, publisher, found := lastCut(before, "publishers/"); found {
		s.vendor = strings.Trim(publisher, "/")
	}
	s.name, s.rule = name, firstText(s.rule, RuleResourcePath)
}

func lastCut(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// cutReseller reads vendor/name, and the price variants :free and :beta.
func (s *spelling) cutReseller() {
	vendor, name, found := strings.Cut(s.name, "/")
	if !found || vendor == "" || name == "" {
		return
	}
	s.vendor, s.name, s.rule = vendor, name, RuleReseller
	for _, variant := range []string{"free", "beta"} {
		if short, found := strings.CutSuffix(s.name, ":"+variant); found && short != "" {
			s.name, s.revision = short, variant
		}
	}
}

var datedSuffix = regexp.MustCompile(`^(.*[^-@])[-@](` +
	`20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])` + // 2024-08-06
	`|20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])` + // 20250929
	`|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])` + // 0613
	`|2[0-9](?:0[1-9]|1[0-2])` + // 2407
	`)$`)

// reading finishes with the date, which leaves only the family.
func (s *spelling) reading() Model {
	m := Model{
		ProviderName: firstText(s.provider, "unknown"),
		Model:        s.name,
		ModelFamily:  s.name,
		ModelVendor:  s.vendor,
		ModelVersion: s.revision,
		MappingRule:  firstText(s.rule, RuleFallback),
	}
	if parts := datedSuffix.FindStringSubmatch(s.name); parts != nil {
		m.ModelFamily = parts[1]
		m.ModelVersion = strings.TrimSuffix(parts[2]+":"+s.revision, ":")
	}
	return m
}
