// Package pipeline compiles configured pipelines and runs their steps. It
// computes: which runs are taken, what a step's value, document or request is,
// and what a response means. It knows no queue and no journal, and opens no
// sockets of its own: requests are made for a target, Rossum objects come from
// the Resources it is given.
package pipeline
