// Package ferry is the flow: it decides which time to read next, has extract
// read it, transform understand it and load write it, until nothing wanted is
// left.
//
// # A pass
//
// One run of sync is a pass over all streams, which go side by side. Each
// stream begins with its head: one request without a time filter, the control
// of everything that filtered answers will claim. Then, while there are gaps,
// wanted time that is neither covered nor claimed nor finished by this run, a
// gap is claimed and carried; catching up, resuming, filling holes and
// backfilling are the same loop with other bounds. The tail, what is too young
// to be covered, is read along with it; when no gap is left, the lookback is
// counted again.
//
// # A gap
//
// A claimed gap is asked whole for its total. Zero covers it, once the head
// agrees that the filter can be believed. Less than 10,000 is walked. More is
// cut in place, and the rest is a gap again for anyone.
//
// # What a pass watches besides
//
// How late logs appear, and whether settle waits for them; whether a gateway
// will delete logs that are unread, or has stopped saving; whether the source's
// documents, pages or dialect have changed. None of that stops anything or
// changes the exit code: each is a note, a column or a ledger row.
//
// # What survives a crash
//
// Everything that a committed chunk wrote, and nothing half. Coverage grows only
// with a window's last transaction, so a killed run's unfinished windows are
// simply gaps again when their leases have run out; the rows they had loaded
// are found unchanged.
package ferry
