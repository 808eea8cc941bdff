// Package ingest receives Rossum's webhook calls: it verifies the signature,
// finds out which event a call means and which pipelines take it, stores the
// event durably, and only then answers. It also serves the answers Rossum
// polls for. It knows nothing of steps or ERPs.
//
// A call that cannot be stored is answered 503, which Rossum repeats; the
// repeated call joins the event and completes what was left half done.
package ingest
