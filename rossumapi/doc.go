// Package rossumapi speaks with Rossum: it decodes the payloads of webhooks,
// gives access to the datapoint tree, builds the answers a webhook may give,
// and calls the API.
//
// # Payloads
//
// [DecodeEnvelope] reads only what is needed to accept a call, without
// building the content tree; [DecodePayload] reads everything. Both validate
// the whole body as JSON, match keys by exact spelling, refuse a key that
// occurs twice in the same object among those they read (so that no two
// readers of a body can see two different base URLs), and keep what they do
// not know as raw JSON in the order it was sent.
//
// # Client
//
// [New] makes a [Client] for one Rossum host. It attaches the token of its
// [TokenSource] only to URLs under that host, asks its [Limiter] before each
// request, obeys Retry-After, and never repeats a POST whose fate is unknown.
// Facts about the API come from the Rossum API reference; unknown fields,
// statuses and error shapes are tolerated everywhere.
package rossumapi
