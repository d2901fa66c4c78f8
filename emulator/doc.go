// Package emulator serves the log APIs of Cloudflare AI Gateway and of
// Keywords AI (now Respan) over real HTTP, for the demo, tests and benchmarks.
// It answers as the providers are documented to answer or were seen to answer;
// each knob stands for one thing that is not known about them, or for one way
// in which they fail.
//
// One [Emulator] serves both APIs under one base URL:
//
//	GET       /client/v4/accounts/{account}/ai-gateway/gateways
//	GET       /client/v4/accounts/{account}/ai-gateway/gateways/{gateway}/logs
//	GET       /api/datasets/            GET, POST /api/datasets/list/
//	GET, POST /api/datasets/{dataset}/logs/list/
//	GET       /api/datasets/{dataset}/logs/
//
// A request goes through these gates, in this order: it is recorded
// ([Emulator.Requests]); [Faults.Intercept] may answer it; the token is
// checked; the credential's budget is drawn from; the query is understood;
// [Faults.OnRequest] runs (and may insert, edit or delete logs); [Faults.Fail]
// decides whether this answer goes wrong; and only then is the stream locked
// and the page cut, so an answer is always one consistent moment of the stream.
//
// A [Stream] keeps its logs sorted by (time, id). A window of time is found by
// binary search and a page of it by its offset, so a page costs the same in a
// stream of a million logs as in one of a hundred. Logs that are not yet
// visible wait aside and are merged in when their time has come.
//
// Time is the emulator's own clock, [Options.Now]: it decides visibility, the
// Date header and the budget. Every time is UTC.
package emulator
