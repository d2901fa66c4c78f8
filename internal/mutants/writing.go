package main

// writing are the rules of the warehouse: claims, chunks, coverage, the budget.
var writing = []mutant{
	{
		rule: "the fence: who lost the claim writes no chunk",
		file: "load/writing.go", old: " where window_id = $1::bigint and status = 'claimed'\n\t\treturning now()", new: " where window_id = $1::bigint\n\t\treturning now()",
		tests: "TestFence",
	},
	{
		rule: "the fence: who lost the claim covers nothing",
		file: "load/finish.go", old: "where window_id = $1::bigint and status = 'claimed'`,\n\t\tw.claim.ID, o.Status", new: "where window_id = $1::bigint`,\n\t\tw.claim.ID, o.Status",
		tests: "TestFence",
	},
	{
		rule: "a dead lease is taken over",
		file: "load/claim.go", old: "status = 'claimed' and lease_until < clock_timestamp()", new: "status = 'claimed' and false",
		tests: "TestDeadLeaseIsTakenOver",
	},
	{
		rule: "a live lease is not",
		file: "load/claim.go", old: "status = 'claimed' and lease_until < clock_timestamp()", new: "status = 'claimed'",
		tests: "TestClaimTakesAGap|TestDeadLeaseIsTakenOver",
	},
	{
		rule: "a claim that its writer has locked is alive",
		file: "load/claim.go", old: "for update skip locked)`, stream)", new: "for update)`, stream)",
		tests: "TestClaimLockedByItsWriterIsLeft",
	},
	{
		rule: "gaps leave live claims out",
		file: "load/claim.go", old: "unnest(open.spans - live.spans) g", new: "unnest(open.spans) g",
		tests: "TestClaimTakesAGap|TestClaimsAgainstAModel",
	},
	{
		rule: "gaps leave out what this run has finished",
		file: "load/claim.go", old: "- waiting.spans - $7::text::tstzmultirange as spans", new: "- waiting.spans - ($7::text::tstzmultirange - $7::text::tstzmultirange) as spans",
		tests: "TestClaimTakesAGap|TestClaimsAgainstAModel",
	},
	{
		rule: "gaps leave out what waits for its retry_at",
		file: "load/claim.go", old: "status = 'mismatch' and retry_at > clock_timestamp() and not", new: "status = 'mismatch' and false and not",
		tests: "TestClaimTakesAGap|TestClaimsAgainstAModel",
	},
	{
		rule: "the lock on the stream's row",
		file: "load/claim.go", old: "where stream_id = $1::integer for update`", new: "where stream_id = $1::integer`",
		tests: "TestClaimsAtOnce",
	},
	{
		rule: "claims lie on whole ticks",
		file: "load/claim.go", old: "return gap.onTicks(w.Tick), nil", new: "return gap, nil",
		tests: "TestTicksNeverOverlapLiveClaims|TestClaimsAgainstAModel",
	},
	{
		rule: "coverage only grows",
		file: "load/finish.go", old: "set coverage = coverage + tstzmultirange(", new: "set coverage = tstzmultirange(",
		tests: "TestFinish|TestClaimsAgainstAModel",
	},
	{
		rule: "coverage ends where the proof does",
		file: "load/finish.go", old: "w.claim.Stream, w.claim.From, o.To)\n\t\treturn err\n\t})", new: "w.claim.Stream, w.claim.From, w.claim.To)\n\t\treturn err\n\t})",
		tests: "TestFinish",
	},
	{
		rule: "a mismatch is not covered",
		file: "load/finish.go", old: "if !o.covers() {", new: "if false {",
		tests: "TestFinish|TestClaimsAgainstAModel",
	},
	{
		rule: "ledger entry and coverage commit together",
		file: "load/finish.go", old: "\t\tif err := w.settleMissed(ctx, tx, missed); err != nil {", new: "\t\tif _, err := tx.Exec(ctx, `commit; begin`); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tif err := w.settleMissed(ctx, tx, missed); err != nil {",
		tests: "TestFinishIsAllOrNothing",
	},
	{
		rule: "a finish that is sent twice counts once",
		file: "load/finish.go", old: "if err == nil && !ended || errors.Is(err, pgx.ErrNoRows) {", new: "if !ended || err == nil {",
		tests: "TestFinishAgain",
	},
	{
		rule: "both halves of a split are claimed",
		file: "load/finish.go", old: "right, err = insertClaim(ctx, tx, want, Span{at, w.claim.To})\n\t\treturn err", new: "right = left\n\t\treturn nil",
		tests: "TestSplit",
	},
	{
		rule: "what differs by its hash is written",
		file: "load/diff.go", old: "case was.hash != r.Hash:", new: "case false:",
		tests: "TestDiffThenWrite",
	},
	{
		rule: "what does not is left untouched",
		file: "load/diff.go", old: "case was.hash != r.Hash:", new: "case true:",
		tests: "TestDiffThenWrite",
	},
	{
		rule: "what a chunk wrote is known to the next",
		file: "load/diff.go", old: "w.stored[r.LogID] = stored{at: r.CreatedAt, hash: r.Hash, missing: was.missing}", new: "_ = was",
		tests: "TestWalkedAgainWritesNothing",
	},
	{
		rule: "the sort: changed rows are locked in one order",
		file: "load/diff.go", old: "\tslices.SortFunc(c.changed, byKey)\n", new: "",
		tests: "TestRowsAreLockedInOneOrder",
	},
	{
		rule: "the sort: so are rows that somebody else stored",
		file: "load/writing.go", old: "slices.SortFunc(c.changed, byKey)", new: "slices.Reverse(c.changed)",
		tests: "TestRowsAreLockedInOneOrder",
	},
	{
		rule: "a unique violation ends as an upsert",
		file: "load/writing.go", old: `if Code(err) == "23505" {`, new: "if false {",
		tests: "TestUniqueViolation",
	},
	{
		rule: "a chunk that is sent twice counts once",
		file: "load/writing.go", old: "inserted_rows = $3::bigint,", new: "inserted_rows = inserted_rows + $3::bigint,",
		tests: "TestUnknownCommit|TestChunks",
	},
	{
		rule: "a chunk is bounded",
		file: "load/writing.go", old: "n < MaxChunkRows && (n == 0", new: "(n == 0",
		tests: "TestChunks",
	},
	{
		rule: "a value that Postgres refuses is cornered",
		file: "load/writing.go", old: "case !RefusedValue(err):", new: "case true:",
		tests: "TestD12RefusedValueIsCornered",
	},
	{
		rule: "a log under another time is the same log",
		file: "load/diff.go", old: "if err := w.lookUpFresh(ctx, c); err != nil {", new: "if err := error(nil); err != nil {",
		tests: "TestMoves",
	},
	{
		rule: "only attested readings mark logs as missing",
		file: "load/missing.go", old: `if o.Status != "attested" {`, new: "if false {",
		tests: "TestMissingUpstream",
	},
	{
		rule: "nothing below the source's oldest log is missing",
		file: "load/missing.go", old: " && !at.Before(o.Floor)", new: "",
		tests: "TestMissingUpstream",
	},
	{
		rule: "what is listed again is not missing",
		file: "load/missing.go", old: "m.cleared = append(m.cleared, id)", new: "",
		tests: "TestMissingUpstream",
	},
	{
		rule: "an error that passes is tried again",
		file: "load/store.go", old: "if err == nil || !passing(err)", new: "if true || !passing(err)",
		tests: "TestPassingErrorsAreTriedAgain",
	},
	{
		rule: "the budget's sharing: draws are counted one after another",
		file: "load/budget.go", old: "where credential_hash = $1::bytea for update`, c[:])", new: "where credential_hash = $1::bytea`, c[:])",
		tests: "TestBudgetIsNeverExceeded",
	},
	{
		rule: "the budget's sharing: everybody's permits count",
		file: "load/budget.go", old: "select coalesce(sum(used), 0) as used, min(slot_at) as oldest", new: "select coalesce(sum(used), 0) / 2 as used, min(slot_at) as oldest",
		tests: "TestDrawGrantsWhatIsLeft|TestBudgetIsNeverExceeded",
	},
	{
		rule: "the budget's sharing: a slot counts until all of it is old",
		file: "load/budget.go", old: "slot_at > t - $2::interval - ` + coarsest + ` and slot_at <= t\n), drawn", new: "slot_at > t - $2::interval and slot_at <= t\n), drawn",
		tests: "TestSlotsCountAndGo|TestBudgetIsNeverExceeded",
	},
	{
		rule: "the budget's sharing: slots are kept for the longest budget",
		file: "load/budget.go", old: "select t - 2 * greatest(longest, $2::interval) from clock", new: "select t - 2 * $2::interval from clock",
		tests: "TestBudgetsOfTwoLengths",
	},
	{
		rule: "the budget's sharing: coarse slots count for a short budget too",
		file: "load/budget.go", old: "greatest($3::interval, longest / 100)", new: "$3::interval",
		tests: "TestBudgetsOfTwoLengths",
	},
	{
		rule: "the budget's sharing: a pass comes first",
		file: "load/budget.go", old: "then $4::bigint * 4 / 5 else", new: "then $4::bigint else",
		tests: "TestOthersYieldToAPass",
	},
	{
		rule: "a block holds for every process",
		file: "load/budget.go", old: "case when blocked_until > t then 0\n", new: "case when false then 0\n",
		tests: "TestBlockHoldsForEveryProcess",
	},
	{
		rule: "a case is closed only when all of its span was read again",
		file: "load/finish.go", old: "coalesce(q.span <@ (", new: "coalesce(q.span && (",
		tests: "TestCasesThatAreMetNoMore",
	},
	{
		rule: "cases are counted within the bounds that rows are counted in",
		file: "load/count.go", old: "else `+inRange(\"lower(span)\")+` end)", new: "else span <@ tstzrange($2::timestamptz, $3::timestamptz, '[]') end)",
		tests: "TestStoredCasesWithinBounds",
	},
	{
		rule: "a replayed case yields to a newer one of its log",
		file: "load/replay.go", old: "(last_seen_at, quarantine_id) > ($3::timestamptz, $4::bigint)", new: "false",
		tests: "TestReplayOfTwoVersions",
	},
	{
		rule: "a replayed log that is not listed is missing upstream",
		file: "load/replay.go", old: "if !c.replayed.unlisted {", new: "if true {",
		tests: "TestReplayOfWhatIsGone",
	},
}
