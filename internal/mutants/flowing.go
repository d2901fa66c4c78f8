package main

// flowing are the rules of the flow, and of what may leave a document.
var flowing = []mutant{
	{
		rule: "an empty window is covered only if the head agrees",
		file: "ferry/window.go", old: "agrees, err := c.stream.agrees(ctx, c.piece.claim.Span, c.reading, func(string) bool { return false })", new: "agrees, err := true, error(nil)",
		tests: "TestLaggingFilterCoversNothing",
	},
	{
		rule: "logs are marked missing only if the head agrees",
		file: "ferry/floor.go", old: "agrees, err := c.stream.agrees(ctx, c.piece.claim.Span, c.reading, c.writing.Met)", new: "agrees, err := true, error(nil)",
		tests: "TestListedLogIsNotMissing",
	},
	{
		rule: "what a replaced filter showed says nothing",
		file: "ferry/head.go", old: "return works && r.Dialect().SameFilter(s.dialect()), err", new: "return works, err",
		tests: "TestReplacedFilterMarksNothing",
	},
	{
		rule: "verify ends where a filter is ignored",
		file: "ferry/repair.go", old: "rc.failed >= failures || rc.differ >= different", new: "rc.failed >= failures || rc.differ >= different<<10",
		tests: "TestVerifyWithoutFilterEnds",
	},
	{
		rule: "a recheck ends where totals are wrong",
		file: "ferry/repair.go", old: "rc.failed >= failures || rc.differ >= different", new: "rc.differ >= different",
		tests: "TestWrongTotalsCostLittle",
	},
	{
		rule: "only a log that is certainly gone speaks for a filter",
		file: "ferry/head.go", old: "case errors.Is(err, extract.ErrUnlisted):", new: "case errors.Is(err, extract.ErrUnproven):",
		tests: "TestBrokenFilterOnABusyStream",
	},
	{
		rule: "who waits at the head holds no memory",
		file: "ferry/tail.go", old: "t.stream.head.Drop() // who waits", new: "// who waits",
		tests: "TestTailAndFilterCheckDontWaitForEachOther",
	},
	{
		rule: "pages without a new log end the tail",
		file: "ferry/tail.go", old: " && t.stream.head.Stale < staleHead", new: "",
		tests: "TestTailWhosePageNumberIsIgnored",
	},
	{
		rule: "doubtful covered time is read again",
		file: "ferry/reread.go", old: "doubtful := s.rereadDoubtful(ctx)", new: "doubtful := error(nil)",
		tests: "TestDoubtfulTimeIsReadAgain",
	},
	{
		rule: "what a first sync covered young is read again",
		file: "load/reread.go", old: "coalesce(reread_until, starts_at)", new: "reread_until",
		tests: "TestP11FirstSyncLongerThanTheLookback", in: "ferry",
	},
	{
		rule: "a reread lost with its lease is not done",
		file: "ferry/reread.go", old: "turn.Ours || lostNow > lost", new: "turn.Ours || lostNow < lost",
		tests: "TestLostRereadIsNotDone",
	},
	{
		rule: "the end of a run's time hides no refusal",
		file: "ferry/failing.go", old: "return besideEnds(err)", new: "return nil",
		tests: "TestRunTimeoutKeepsARefusal|TestRunTimeoutKeepsARecheckFailure",
	},
	{
		rule: "what is said to have expired is no longer served",
		file: "ferry/repair.go", old: "if !rc.oldest.IsZero() && oldest.After(rc.oldest) {", new: "if true {",
		tests: "TestExpiredReachesNoFurther",
	},
	{
		rule: "all that was counted is read",
		file: "ferry/repair.go", old: "case read == span && !rng.StrictTop:", new: "case false:",
		tests: "TestRepairAtTheEdgesOfSpans",
	},
	{
		rule: "a failing page of the tail stops no window",
		file: "ferry/tail.go", old: "err = t.stream.aside(err)\n", new: "",
		tests: "TestP02FailingTailStopsNoWindow",
	},
	{
		rule: "what is only counted whole is not cut",
		file: "ferry/recheck.go", old: "span = rc.widened(span)", new: "_ = rc.widened(span)",
		tests: "TestVerifyBesideQuarantine",
	},
	{
		rule: "half a span read again is no full reading",
		file: "load/claim.go", old: "if !w.Exact {\n\t\tc.Failed", new: "if true {\n\t\tc.Failed",
		tests: "TestRepairAfterAFailureReadsAllOfTheSpan", in: "ferry",
	},
	{
		rule: "a window that failed is tried narrower",
		file: "ferry/plan.go", old: "if half <= 0 ||", new: "if true ||",
		tests: "TestP02OneFailingWindowDoesNotStopItsStream",
	},
	{
		rule: "what windows failed with is told though the run's time ends",
		file: "ferry/pass.go", old: "errors.Join(s.windowFailures(), r.checkpoint", new: "errors.Join(r.checkpoint",
		tests: "TestRunTimeoutKeepsWindowFailures",
	},
	{
		rule: "what came while a span was read is no standing difference",
		file: "ferry/repair.go", old: "case total != before:", new: "case before < 0:",
		tests: "TestP11LateLogsComeDuringARecheck",
	},
	{
		rule: "a filter that is not understood covers nothing",
		file: "ferry/window.go", old: "if err := c.end(ctx, \"mismatch\", c.reading.Detail()); err != nil {", new: "if err := c.end(ctx, \"attested\", \"\"); err != nil {",
		tests: "TestFilterThatStopsWorking",
	},
	{
		rule: "an unproven filter covers nothing",
		file: "ferry/head.go", old: "return fresh, &DataError{\"its time filter could not be proven against a listed log; nothing is covered\"}", new: "return ready, nil",
		tests: "TestUnprovableFilterCoversNothing",
	},
	{
		rule: "what will not attest is not covered",
		file: "ferry/window.go", old: "return nil, c.end(ctx, \"mismatch\", c.reading.Detail())\n\t}\n}", new: "return nil, c.end(ctx, \"attested\", \"\")\n\t}\n}",
		tests: "TestWindowThatNeverAttests",
	},
	{
		rule: "a document too large to read goes to quarantine",
		file: "ferry/window.go", old: "e = s.tooLarge(page.Stub, fmt.Sprintf(\"%s #%d\", c.piece.claim.Span, page.Position(i)))", new: "_ = fmt.Sprint()\n\t\t\t\tpage.Count(i, extract.Mark{})\n\t\t\t\tcontinue",
		tests: "TestDocumentTooLarge",
	},
	{
		rule: "nothing younger than settle is covered, by the source's clock",
		file: "ferry/settle.go", old: "last.Before(o.To) {", new: "false {",
		tests: "TestP12DateHeader",
	},
	{
		rule: "a Date that is a day off is nobody's clock",
		file: "ferry/settle.go", old: "> 24*time.Hour:", new: "> 24_000*time.Hour:",
		tests: "TestP12DateHeader",
	},
	{
		rule: "a run gives up its claims at its end",
		file: "ferry/run.go", old: "return r.store.ReleaseRun(ctx, r.id, \"the run ended before the window did\")", new: "return ctx.Err()",
		tests: "TestD13CancelledCommits",
	},
	{
		rule: "leases are renewed while their process lives",
		file: "load/lease.go", old: "status = 'claimed' for update skip locked)", new: "false for update skip locked)",
		in: "ferry", tests: "TestD11LeasesAreRenewed",
	},
	{
		rule: "claims whose lease ran out are taken over, by a pass that waits for it",
		file: "ferry/pass.go", old: "return s.takeOver(ctx, cover)", new: "return nil",
		tests: "TestSyncTakesOverADeadClaim|TestD11ZombieSync",
	},
	{
		rule: "late logs in the lookback are found by counts",
		file: "ferry/pass.go", old: "s.unguard(ctx), s.recheckPass(ctx), s.rereadLeaving(ctx)", new: "s.unguard(ctx), s.rereadLeaving(ctx)",
		tests: "TestP11LateLogsAreFound",
	},
	{
		rule: "edits are found when they leave the lookback",
		file: "ferry/pass.go", old: "s.unguard(ctx), s.recheckPass(ctx), s.rereadLeaving(ctx)", new: "s.unguard(ctx), s.recheckPass(ctx)",
		tests: "TestP11EditsAreFoundWhenTheyLeaveTheLookback",
	},
	{
		rule: "a difference that a reading left standing is remembered",
		file: "ferry/repair.go", old: "return s.run.store.NoteStanding(ctx, s.ID, span, total, stored)", new: "return nil",
		tests: "TestStandingDifferenceIsRemembered",
	},
	{
		rule: "the run timeout is a checkpoint",
		file: "ferry/failing.go", old: "if !timedOut(ctx, limited, err) {", new: "if true {",
		tests: "TestP05RunTimeout|TestRunTimeoutDuringDiscovery",
	},
	{
		rule: "too many rejects are an error",
		file: "ferry/run.go", old: "r.rejects > 10 && r.rejects*100 > r.sum.Rows", new: "false",
		tests: "TestTooManyBadLogs",
	},
	{
		rule: "prompts stay out of the warehouse unless the settings say so",
		file: "transform/withhold.go", old: "return appendWithheld(dst, value)\n}\n\n// orWithheld", new: "return append(dst, value...)\n}\n\n// orWithheld",
		tests: "TestNothingSaidSurvives",
	},
	{
		rule: "a value that is no whole number becomes null and an issue",
		file: "transform/numbers.go", old: "ok := d.count(0); ok && exact {", new: "ok := d.count(0); ok || exact {",
		tests: "TestGolden|TestAnyDocumentHolds",
	},
	{
		rule: "every value is in the content hash",
		file: "transform/hash.go", old: "\th.counts(r)\n", new: "",
		tests: "TestHashCoversRecord|TestHashIsEquality",
	},
}
