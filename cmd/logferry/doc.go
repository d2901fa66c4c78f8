// Logferry carries the logs that LLM gateways keep about each model call out
// of the providers' APIs and into Postgres: completely, on a schedule, and with
// proof that nothing is missing.
//
// # What moves
//
// A source (Cloudflare AI Gateway, Keywords AI) has streams: a gateway of an
// account, a dataset. A stream is a list of logs, served in pages to whoever
// asks politely. Each log becomes one row of logferry.requests, the same table
// for both sources, and the document it came from is kept beside it, without
// prompts and answers unless they are asked for.
//
// Lists that are served in pages lose rows: while page two is fetched, a new
// log pushes one from page two to page three, or an old one is deleted and
// pulls one from page three to page two. So logferry never follows a list. It
// cuts time into windows, asks for one closed window that nothing should be
// added to any more, and reads it until the number of distinct ids equals the
// total that the source gave before and after. Such a window is attested. A
// window whose numbers won't agree is cut in half, and in the end called a
// mismatch: its rows are loaded all the same, but it does not count as covered.
//
// # When
//
// The sync command makes one pass. For every stream it subtracts what is
// covered from what is wanted, and what remains are gaps; the newest hour is
// read first, then the gaps, oldest first. There is no difference between
// catching up after a day off, filling a hole and loading the past: all are
// gaps. The backfill command does the same for a span that you name. Nothing
// younger than the settle time is ever covered, because a source may still add
// to it; a pass loads those minutes for the dashboards, and reads them again
// when they have settled. At the end it counts the last day once more, where
// late logs turn up.
//
// A pass runs when a CronJob says so, or when the schedule of serve does.
//
// # What survives a crash
//
// Everything that was committed. A window is claimed by a row in a ledger,
// with a lease that a living process keeps renewing. Its logs are compared with
// what is stored, and only what is new or changed is written, in small
// transactions, each of which first makes sure that the claim still stands. The
// last of them, together with the last rows, closes the ledger row and adds the
// window to the stream's coverage. So there is no moment at which the ledger
// says more than the table holds. A process that is killed leaves a claim
// behind; its lease runs out, another process takes the window over, and reads
// it again from the start, which writes nothing twice: one stream and one log
// id make one row.
//
// That gives at-least-once reads, idempotent writes and attested windows. Two
// passes at once, a backfill beside them, a restart in the middle: they share
// the gaps, and they share the request budget of the credential too, because it
// is kept in the same database.
//
// # Where things are
//
// This package is the command line and nothing else: commands and their flags
// (commands.go and a file for each of the others), settings (settings.go holds
// the variables, effective.go what they come to), and output. What each command
// does is behind the functions in deps.go. Package ferry is the flow; extract
// reads windows and attests them; transform makes records of documents; load
// writes them and keeps the ledger; migrations holds the tables. The emulator
// plays both providers over real HTTP, for the demo and the tests.
package main
