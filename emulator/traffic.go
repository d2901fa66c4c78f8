package emulator

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Synthetic makes n calls that ended in [from, to), sorted by time and the
// same for equal arguments. They are shaped like real use: quiet nights, bursts
// of one user, several calls in the same millisecond, long-tailed token counts
// and durations, errors and what is retried after them, cache hits, and a
// handful of models, users, teams and conversations. from must lie before to.
func Synthetic(seed uint64, n int, from, to time.Time) []Call {
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	m := maker{rng: rng, from: from.UTC(), to: to.UTC()}
	var calls []Call
	for len(calls) < n {
		calls = append(calls, m.burst()...)
	}
	calls = calls[:n]
	slices.SortStableFunc(calls, func(a, b Call) int { return a.At.Compare(b.At) })
	return calls
}

// A maker draws calls from one generator.
type maker struct {
	rng      *rand.Rand
	from, to time.Time
}

// burst is what one user does in a sitting: one call, or a conversation, or a
// batch job that fires many at once.
func (m *maker) burst() []Call {
	who := m.person()
	at := m.moment()
	count, gap := 1, time.Duration(0)
	switch p := m.rng.Float64(); {
	case p < 0.35: // a single call
	case p < 0.80: // a conversation, tens of seconds apart
		count, gap = 2+m.rng.IntN(8), 25*time.Second
	case p < 0.95: // a program, close together
		count, gap = 5+m.rng.IntN(30), 300*time.Millisecond
	default: // a batch in one millisecond
		count = 2 + m.rng.IntN(6)
	}
	var calls []Call
	for range count {
		calls = append(calls, m.request(at, who)...)
		at = at.Add(time.Duration(m.rng.ExpFloat64() * float64(gap))).Truncate(time.Microsecond)
	}
	return slices.DeleteFunc(calls, func(c Call) bool { return !c.At.Before(m.to) })
}

// moment is an instant of [from, to), three times as likely by day as by night.
func (m *maker) moment() time.Time {
	for {
		at := m.from.Add(time.Duration(m.rng.Int64N(int64(m.to.Sub(m.from)))))
		hour := float64(at.Hour()) + float64(at.Minute())/60
		if m.rng.Float64() < 0.5-0.25*math.Cos((hour-14)/12*math.Pi+math.Pi) {
			return at.Truncate(time.Microsecond)
		}
	}
}

// request is one request of a user: a call, and after an error perhaps its
// retry on a fallback.
func (m *maker) request(at time.Time, who person) []Call {
	first := m.call(at, who, pick(m.rng, upstreams))
	if first.Success || m.rng.Float64() < 0.4 {
		return []Call{first}
	}
	second := m.call(at.Add(first.Duration), who, pick(m.rng, upstreams))
	second.Step, second.Event, second.EventAt, second.Prompt = 1, first.Event, first.EventAt, first.Prompt
	return []Call{first, second}
}

// call is one call; everything but time and person is drawn.
func (m *maker) call(at time.Time, who person, up upstream) Call {
	input, output := m.longTail(600, 1.3, up.window), m.longTail(120, 1.1, 16_000)
	if up.kind == "embeddings" {
		output = 0
	}
	c := m.shaped(at, who, up, input, output)
	switch p := m.rng.Float64(); {
	case p < 0.03:
		m.fail(&c)
	case p < 0.05: // the usage block was not parsed
		c.InputTokens, c.OutputTokens, c.CachedTokens, c.ReasoningTokens, c.Cost, c.CustomCost = nil, nil, 0, 0, "", false
	case p < 0.12:
		c.Cached, c.Duration, c.FirstToken, c.Cost, c.CustomCost = true, time.Duration(2+m.rng.IntN(20))*time.Millisecond, 0, "0", false
	}
	return c
}

// shaped is a successful call with the given token counts.
func (m *maker) shaped(at time.Time, who person, up upstream, input, output int) Call {
	c := Call{
		At: at, Provider: up.provider, Model: up.model, Path: up.path, Type: up.kind,
		Streamed: up.kind == "chat" && m.rng.Float64() < 0.5,
		Success:  true, StatusCode: 200,
		InputTokens: &input, OutputTokens: &output,
		User: who.user, Team: who.team, Conversation: who.conversation, Environment: who.environment,
		MetadataAs: MetadataObject,
		Prompt:     m.words(6, 40), Answer: m.words(4, 60),
	}
	c.Entropy = m.entropy()
	c.Event, c.EventAt = c.Entropy, c.At
	c.Duration = time.Duration(float64(180+output*9)*m.rng.ExpFloat64()+40) * time.Millisecond
	if c.Streamed {
		c.FirstToken = (c.Duration / 4).Truncate(time.Millisecond)
	}
	if m.rng.Float64() < 0.2 {
		c.CachedTokens = input * m.rng.IntN(90) / 100
	}
	if up.reasons {
		c.ReasoningTokens = output * m.rng.IntN(80) / 100
	}
	c.Cost = up.cost(input, output)
	m.oddities(&c)
	return c
}

// oddities are the things seldom seen that a reader must cope with.
func (m *maker) oddities(c *Call) {
	switch p := m.rng.Float64(); {
	case p < 0.02:
		c.Cost = ""
	case p < 0.04:
		c.Cost = "null"
	case p < 0.06:
		c.CustomCost, c.Cost = true, exponent(1+m.rng.IntN(99), -6)
	}
	switch p := m.rng.Float64(); {
	case p < 0.05:
		c.MetadataAs = MetadataString
	case p < 0.08:
		c.MetadataAs = MetadataNull
		c.User, c.Team, c.Conversation, c.Environment = "", "", "", ""
	}
	switch p := m.rng.Float64(); {
	case p < 0.03:
		c.Feedback = 1
	case p < 0.04:
		c.Feedback = -1
	}
}

// fail turns a call into an error: no answer, mostly no tokens, no cost.
func (m *maker) fail(c *Call) {
	c.Success, c.StatusCode = false, pick(m.rng, []int{400, 401, 404, 429, 429, 429, 500, 500, 502, 503, 529})
	c.InputTokens, c.OutputTokens, c.CachedTokens, c.ReasoningTokens = nil, nil, 0, 0
	c.Cost, c.CustomCost, c.Feedback, c.FirstToken, c.Answer = "", false, 0, 0, ""
	c.Duration = min(c.Duration, 30*time.Second)
}

// longTail is a log-normal number of tokens around a median, at least 1.
func (m *maker) longTail(median, sigma float64, most int) int {
	return min(most, max(1, int(median*math.Exp(sigma*m.rng.NormFloat64()))))
}

func (m *maker) entropy() (bits [10]byte) {
	for i := range bits {
		bits[i] = byte(m.rng.Uint32())
	}
	return bits
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
