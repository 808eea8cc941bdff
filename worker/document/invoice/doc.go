// Package invoice is the canonical invoice: one typed form between Rossum's
// datapoint tree and every format an ERP wants. Amounts are exact decimals,
// positive with a credit flag whatever sign the document has; dates are ISO.
//
// [Read] takes values only where Rossum made them machine readable: a number
// or date that was not normalized is a problem at its datapoint, never a guess.
// [Gate] checks an invoice as an accountant would; package en16931 checks it
// against the European standard.
//
// # What is derived
//
// What the document does not say but implies is computed, and listed in
// [Invoice.Derived]; nothing that was read is changed but for its sign.
//
//   - Type: a credit note if the total is negative. Amounts of a credit note
//     are made positive table by table; a price is never negative, the quantity
//     has the sign of the net amount.
//   - Lines: net = quantity x price, else gross less tax; price = net by
//     quantity, given for the whole quantity if it would not be exact; pieces
//     without a unit; a discount is an amount or a percentage, whichever makes
//     the net amount.
//   - Tax rates: of the line's own tax, else the document's only rate: of the
//     one row of the tax table, of the header, or tax by net with the fewest
//     decimal places that give the tax.
//   - Tax categories: S above zero; at zero what the words of the tax code or
//     its label mean (reverse charge, exempt, export, ...), else Z.
//   - Tax table: by category and rate of lines and charges where there is none,
//     made to agree with the tax total if rounding line by line explains the
//     difference; completed by rates that the document's table leaves out.
//   - Totals: the third of net, tax and gross; net as lines and charges; what
//     is due as gross less prepaid plus rounding. A header total in a simple
//     multivalue is the sum of its values.
//   - Parties: a value that is no VAT id is a tax number, and becomes a VAT id
//     if the country's prefix makes it one. City, postcode and region are taken
//     from the text of the address. The country comes from the address, its
//     form, the VAT id, the IBAN (seller), else it is that of the other party.
//   - Payment: by credit transfer if there is an account and no method.
package invoice
