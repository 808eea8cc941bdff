// Package answer holds what Rossum is owed: one record per event, joining the
// repeated calls of Rossum, and one result per settled run. From both it makes
// the answer Rossum polls for, the same on any replica and after restarts.
//
// Ingest opens and joins events and tells their answers; the worker settles
// runs. Both decide by compare-and-set on the queue's buckets "events" and
// "answers".
package answer
