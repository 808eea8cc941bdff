// Package operate is what humans do to runs: look, replay, edit, resolve,
// drop, cancel, hold. The CLI, the console and the API are thin layers over it:
// every action is a method with typed arguments and results, and every action
// leaves its trace, who did what, when and why, in the run's journal and in the
// audit log.
//
// # Safety
//
// An action may be interrupted at any moment, and repeating it mends what was
// left: the journal is written first, then the message is published, then the
// dead letter is deleted. A letter whose run is no longer dead is stale; who
// meets one finishes what was begun (see mend).
//
// # Redaction
//
// What operators see follows one rule.
//
//   - Credentials are never shown: tokens, secrets and the values of headers,
//     with or without revealing.
//   - Names, counts, lengths and states are always shown, and so are the
//     invoice's key (its name in the ledger) and the ids an ERP gave it.
//   - Field values, payloads, documents and requests are masked: a value becomes
//     its length. In what an ERP said, the values of the invoice's fields are
//     replaced by the fields' names; texts of three characters and less stay.
//   - Reveal shows values in clear; that is an action of its own, with a trace.
//     An edit shows the lines it changes, and is an action anyway.
package operate
