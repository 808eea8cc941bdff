// Package reconcile compares what Rossum says about annotations with what the
// journal and the ledger say, and mends what was lost.
//
// Rossum gives up after five calls in half a minute and does not say so: an
// export whose call was lost is failed_export, a status event that was lost is
// nowhere. What can be known afterwards are the annotations, their statuses and
// when they got them.
//
// # Findings
//
//   - missing: Rossum says that something happened which a pipeline takes, and
//     no run knows of it.
//   - different: both know it, and disagree on how it ended.
//   - stuck: nothing brings it to an end, here or in Rossum.
//   - doubled: one step of one annotation was delivered under several keys.
//
// # Limits
//
// A status without a time of its own (to_review, postponed, reviewing) leaves
// no trace of when it began: its events cannot be missed here. Fields are not
// compared with what the ERP has.
package reconcile
