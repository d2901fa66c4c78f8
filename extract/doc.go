// Package extract reads the providers' log lists and proves what it read.
//
// # Walks
//
// The unit of reading is a window, a half-open span of time of one stream. A
// walk is one pass of paging over it. Both providers page by number over a set
// that others change meanwhile, so a page number means nothing by itself: a
// row inserted or deleted upstream shifts all later pages. What can be trusted
// is a count. A walk therefore notes the total that its first answer announces
// and ends at the first answer that announces another one; and a window is
// attested only when one walk alone, or all its walks under one unchanged
// total, hold exactly that many different ids. Everything else is repeated, by
// pages that end elsewhere, then halved, then called a mismatch: see
// [Reading.Verdict].
//
// An unchanged total shows every insert and every delete, unless one of each
// falls between the same two requests: then a row can slip to a page that was
// read. Windows end where the source has settled, so that takes a straggler and
// a deletion at once.
//
// Bounds are asked one tick wider than the window, since nobody documents
// whether they are strict; entries are counted before those outside the window
// are trimmed, because the total counts them too. An entry further outside
// means that the filter was not understood, and nothing is covered.
//
// # Dialects
//
// How a stream's time filter is spelt is proven against a log known to exist:
// the window around it must return it, the windows just before and just after
// must not ([Prove]). A filter that matches nothing, or everything, fails.
//
// # Requests
//
// Every request draws a permit from the credential's budget, which all
// processes share through the warehouse; pages after a window's first are
// fetched side by side. This package knows nothing of Postgres or of what a
// document means: permits come through a function, and identities through
// [Page.Count].
package extract
