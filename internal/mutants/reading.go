package main

// reading are the rules by which windows are read and proven, and by which the
// source is spared.
var reading = []mutant{
	{
		rule: "a walk ends at another total",
		file: "extract/walk.go", old: "case a.Total != w.total:\n", new: "case false:\n",
		tests: "TestOneWalk",
	},
	{
		rule: "after a full last page the next is asked for",
		file: "extract/walk.go", old: "w.total >= 0 && w.rows < w.size && int64", new: "w.total >= 0 && int64",
		tests: "TestOneWalk",
	},
	{
		rule: "at a total of 10,000 a refused page proves no end",
		file: "extract/walk.go", old: "if empty && w.total == capRows {", new: "if false {",
		tests: "TestTheUsualCap",
	},
	{
		rule: "the same page for ever ends a walk",
		file: "extract/walk.go", old: "w.end != nowhere || w.stale >= stalePages", new: "w.end != nowhere",
		tests: "TestOneWalk",
	},
	{
		rule: "only as many ids as announced attest",
		file: "extract/verdict.go", old: "int64(len(r.last.ids)) == total ||", new: "int64(len(r.last.ids)) <= total ||",
		tests: "TestOneWalk|TestVerdicts",
	},
	{
		rule: "only a walk to the list's end attests",
		file: "extract/verdict.go", old: "case end == listEnd && (r.counted()", new: "case (r.counted()",
		tests: "TestOneWalk|TestVerdicts",
	},
	{
		rule: "repeats are believed only where one page showed them",
		file: "extract/verdict.go", old: "(!b.apart || !w.apart)", new: "true",
		tests: "TestVerdicts",
	},
	{
		rule: "without a total two walks must be alike",
		file: "extract/verdict.go", old: "\t\tmaps.Equal(b.ids, w.ids)", new: "\t\t(true || maps.Equal(b.ids, w.ids))",
		tests: "TestWithoutTotals|TestVerdicts|TestAlikeWalksWithoutTotal",
	},
	{
		rule: "rows are counted before they are trimmed",
		file: "extract/page.go", old: "\tw.count(key, m)\n", new: "\tif m.At.IsZero() || w.reading.Window.Holds(m.At) {\n\t\tw.count(key, m)\n\t}\n",
		tests: "TestBoundsAreAskedWider",
	},
	{
		rule: "a row far outside means that the filter is not understood",
		file: "extract/page.go", old: "if r.Window.foreign(m.At, r.feed.Dialect.Tick) {", new: "if false {",
		tests: "TestForeignAnswers",
	},
	{
		rule: "one tick more than the window is asked",
		file: "extract/window.go", old: "w.From.Truncate(tick).Add(-tick), w.To.Truncate(tick)", new: "w.From.Truncate(tick), w.To.Truncate(tick)",
		tests: "TestBoundsAreAskedWider",
	},
	{
		rule: "the proof: the window around the known log returns it",
		file: "extract/proof.go", old: "if err != nil || around == absent || around == wrong {", new: "if err != nil || around == wrong {",
		tests: "TestProofOfTheFilter|TestProofOfBoundsAndTick|TestProofAmongTies|TestProvingAgain",
	},
	{
		rule: "the proof: the windows beside it do not",
		file: "extract/proof.go", old: "return strict, found == absent || found == crowded, err", new: "return strict, found != wrong, err",
		tests: "TestProofOfTheFilter|TestProofOfBoundsAndTick|TestProofAmongTies|TestProvingAgain",
	},
	{
		rule: "the proof: no entry from outside what was asked",
		file: "extract/proof.go", old: "if !m.At.IsZero() && asked.foreign(m.At, d.Tick) {", new: "if false {",
		tests: "TestProofOfTheFilter|TestProofOfBoundsAndTick|TestProofAmongTies|TestProvingAgain",
	},
	{
		rule: "the proof: a dialect is refused only if the log is still listed",
		file: "extract/proof.go", old: "if err := p.stillListed(ctx, known.Mark); err != nil {", new: "if err := p.stillListed(ctx, known.Mark); err != nil && false {",
		tests: "TestUnproven",
	},
	{
		rule: "a retry limit of the call",
		file: "extract/retry.go", old: "return max(f.hint, delay), p.tries < p.client.tries && p.client.spend()", new: "return max(f.hint, delay), p.client.spend()",
		tests: "TestP02GivesUpAfterFiveTries",
	},
	{
		rule: "a retry limit of the run",
		file: "extract/retry.go", old: "if c.spent >= max(freeRetries, c.requests.Load()/10) {", new: "if false {",
		tests: "TestP02RetriesOfARunAreLimited",
	},
	{
		rule: "401 is never tried again",
		file: "extract/retry.go", old: "return Refused, final\n\tcase status == 403", new: "return Refused, retry\n\tcase status == 403",
		tests: "TestP03NotRetried",
	},
	{
		rule: "no wait is longer than five minutes",
		file: "extract/limits.go", old: "if n >= longestWait.Seconds() {", new: "if math.IsInf(n, 1) {",
		tests: "TestP01RetryAfter",
	},
	{
		rule: "a 429 stops everybody",
		file: "extract/client.go", old: "if f.verdict == limited {", new: "if false {",
		tests: "TestP01TooManyRequests",
	},
	{
		rule: "a quota that runs low stops everybody",
		file: "extract/limits.go", old: "return a.left < inFlight+a.quota/20", new: "return a.left < 0",
		tests: "TestLowQuotaBlocksEverybody",
	},
	{
		rule: "no token to another host",
		file: "extract/send.go", old: "to.Scheme != from.Scheme || to.Host != from.Host", new: "to.Scheme != from.Scheme",
		tests: "TestP13RedirectToAnotherHostIsRefused",
	},
	{
		rule: "no token over another scheme",
		file: "extract/send.go", old: "to.Scheme != from.Scheme || to.Host != from.Host", new: "to.Host != from.Host",
		tests: "TestP13RedirectToAnotherSchemeIsRefused",
	},
	{
		rule: "a body over 8 MiB is not read to its end",
		file: "extract/send.go", old: "size = min(2*size, MaxBody+1) {", new: "size = 2 * size {",
		tests: "TestP08GzipBomb",
	},
	{
		rule: "documents in flight are bounded",
		file: "extract/memory.go", old: "if f.Memory == nil {", new: "if true {",
		tests: "TestDocumentsInFlightAreBounded",
	},
	{
		rule: "bounds are asked on whole ticks, outward",
		file: "extract/window.go", old: "if to.Before(w.To) {", new: "if false {",
		tests: "TestTickGrowsUnderAClaim", in: "ferry",
	},
	{
		rule: "a request that the transport repeats takes a permit",
		file: "extract/send.go", old: "if denied = c.permit(ctx, call); denied != nil {", new: "if false {",
		tests: "TestRequestsOfTheTransportAreCounted",
	},
	{
		rule: "a broken list is believed only the second time",
		file: "extract/mend.go", old: "m.doubts == nil || *m.doubts != broken {", new: "false {",
		tests: "TestBrokenListsAreAskedForOnceMore|TestP10BrokenEntries",
	},
	{
		rule: "a list that doesn't end is none",
		file: "extract/mend.go", old: "if end > len(body) {", new: "if end = min(end, len(body)); false {",
		tests: "TestP06TruncatedListsAreNeverMended",
	},
}
