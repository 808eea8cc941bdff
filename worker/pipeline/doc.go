// Package pipeline compiles configured pipelines and runs their steps. It
// computes: which runs are taken, what a step's value, document or request is,
// and what a response means. It knows no queue and no journal, and opens no
// sockets of its own: requests are made for a target, Rossum objects come from
// the Resources it is given.
//
// # Names
//
// Expressions and templates see field.x (text as Rossum's own templates see it:
// normalized_value where there is one, else value; null where both are), value.x
// (exact decimal, date or null, from normalized_value only), dp.x (id, schema_id,
// value, normalized, label, confidence, hidden, options, page), payload,
// annotation, document (document.original is its file), queue, schema, modifier
// (null for automated documents), emails, labels, label('schema_id'), settings,
// secrets, tables, steps and run (id, pipeline, generation, event, received, now).
// A table is a list of rows, whose cells are attributes; a row is true when a cell
// holds something. ok, outcomes, keep and find also see response (status, headers,
// body, json, text, xml('path')) and hit.
//
// A number or date that Rossum could not read is null. Where such a null would end
// in a document, request or key, or in arithmetic, the run is rejected at its
// field; conditions and checks see the null. So it is where the null of an empty
// field would be spelt None within a text, but in template files, where names and
// nulls are as in Rossum's.
//
// # Maps
//
// A map: is a tree of templates. Keys that begin with $ are forms, taken in this
// order: $for: NAME in EXPRESSION (also NAME, NAME in EXPRESSION; loop is bound as in
// templates), $let: {name: template}, $if: EXPRESSION, and $value: TREE in place of
// other keys. A $for makes a list where a value belongs, and as many items within a
// list. $omit_empty: true leaves out null, blank texts and empty maps and lists,
// also below; without it null stays null. $$name is the key $name.
//
// # Invoices
//
// The value of an invoice step is the canonical invoice, see package invoice: steps.NAME.number, .seller.vat_id,
// .totals.gross, .lines and so on, null where the document has nothing. Templates of its fields see the row of a table as
// row. Its problems reach Rossum at their fields: those that block reject the run, the others warn.
//
// The invoice is written as format says: json (the default), csv or fixed with a row for each line (columns such as
// number, seller.name, line.net), ubl or cii with profile and attach, an expression for files to embed. With body:
// steps.NAME a send writes it in a format of its own; without one it sends the document that the step made. Files are
// embedded when Resources can fetch them, else an empty one of the same name stands for each.
//
// # Filters
//
// Beside Jinja's own: number(decimal='.', group), money(places=2), date(mask),
// iso_date, currency_minor, xml, csv_field(delimiter), edifact, ascii, sha256,
// pad(width, fill='0'), fixed(width, cut=false), jmespath(expression),
// lookup(table, default).
package pipeline
