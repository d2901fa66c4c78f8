package emulator

import (
	"math/rand/v2"
	"slices"
)

// A Failure is what befalls one answer.
type Failure int

// The failures.
const (
	None        Failure = iota
	ServerError         // 502 with an HTML page
	Unavailable         // 503 with an HTML page and a hint of one second
	Throttled           // 429 although the budget has room, with a hint of one second
	NotSuccess          // 200; Cloudflare: success false and an error; Keywords AI: an error object
	CutBody             // 200, the connection closed in the middle of the body
	SlowBody            // 200, the body in pieces over SlowTime
	HungUp              // the connection closed without an answer
	Redirected          // 307 to RedirectTo
	NotAllowed          // 403, as a fresh token gets it now and then
)

// Sometimes is a Fail that picks one of the failures with the given
// probability, repeatably by seed and request.
func Sometimes(seed uint64, probability float64, failures ...Failure) func(int, Request) Failure {
	return func(n int, _ Request) Failure {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		if rng.Float64() >= probability {
			return None
		}
		return failures[rng.IntN(len(failures))]
	}
}

// At is a Fail for the requests of the given ordinals.
func At(failure Failure, ordinals ...int) func(int, Request) Failure {
	return func(n int, _ Request) Failure {
		if slices.Contains(ordinals, n) {
			return failure
		}
		return None
	}
}
