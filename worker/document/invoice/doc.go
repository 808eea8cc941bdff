// Package invoice is the canonical invoice: one typed form between Rossum's
// datapoint tree and every format an ERP wants. Amounts are exact decimals,
// positive with a credit flag whatever sign the document has; dates are ISO.
//
// [Read] takes values only where Rossum made them machine readable: a number
// or date that was not normalized is a problem at its datapoint, never a guess.
// What the document does not say but implies is computed by the rules in the
// files derive*.go, address.go and party.go, and listed in [Invoice.Derived].
//
// [Gate] checks an invoice as an accountant would; package en16931 checks it
// against the European standard.
package invoice
