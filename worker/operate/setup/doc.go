// Package setup makes Rossum fit the configuration: hook objects, their
// schemas and secrets, and fields of schemas. It also asks Rossum what only
// Rossum knows: what a hook would be sent, what became of its calls, and
// whether the fields that pipelines use are there.
//
// # Ownership
//
// A hook object that this package made carries a mark in its metadata,
// {"rossum_relay": {"hook": NAME}}. Hooks without the mark are never changed,
// hooks that call another address not without being told so, and none is ever
// deleted.
//
// # Secrets
//
// A secret goes to Rossum and nowhere else: differences say that one changes,
// never what it is.
package setup
