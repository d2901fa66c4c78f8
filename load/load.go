// Package load keeps the warehouse: facts, ledger, coverage, budgets. It is the
// only room that speaks SQL to the logferry schemas.
//
// # Claims
//
// A window is claimed by inserting its ledger row with status claimed and a
// lease, while the stream's row in stream_state is locked. No two live claims
// of a stream overlap, whatever their kind. The row's window_id is the fence:
// every transaction that writes for the window first updates that row where
// its status is still claimed; no row updated means that somebody else took
// it, and nothing is written.
//
// # Diff, then write
//
// Before a window's first walk its stored (log_id, created_at, content_hash)
// are selected. Arriving records are compared with that set in memory: new
// ones go by COPY straight into the facts, changed ones by an upsert sorted by
// key, unchanged ones nowhere. One transaction per chunk of at most 5,000 rows
// or 4 MiB carries the fence, the facts, the raw versions, the payloads and
// the quarantine. What a chunk wrote updates the set before the next
// comparison. A value that Postgres refuses is cornered by halving the chunk;
// its document goes to quarantine and the other rows are loaded.
//
// Two issues join those that transform found, outside the content hash:
// value_withdrawn where a stored value became null, and time_moved where the
// source changed a log's time and its row moved with it.
//
// # Coverage
//
// The window's last transaction finishes the ledger row and, locking the
// stream's row last, adds the window to the stream's coverage: rows, ledger and
// coverage commit together or not at all. The watermark is derived from
// coverage and can therefore neither lie nor go back.
//
// The clock of all plans and leases is the database's. No transaction waits for
// a provider, none uses temporary tables or session state.
package load
