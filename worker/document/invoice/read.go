package invoice

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Rules that Read itself finds broken. They cannot be switched off.
const (
	RuleUnreadable = "unreadable" // a number or date that Rossum could not normalize
	RuleMissing    = "missing"    // what no invoice can do without
)

// Read maps the content of an annotation to an invoice. The invoice is as
// complete as the document allows even if there are problems, all of which
// block. An error is the mapping's fault. The invoice refers to the tree.
func Read(tree rossumapi.Tree, m Mapping) (*Invoice, []Problem, error) {
	if err := m.Check(); err != nil {
		return nil, nil, err
	}
	r := reader{mapping: m, inv: &Invoice{source: newSource(tree, m)}, unread: map[Place]bool{}}
	r.header()
	r.parties()
	r.lines()
	r.charges()
	r.taxes()
	r.totals()
	r.payment()
	r.signs()
	r.reasonCodes()
	r.derive()
	r.required()
	return r.inv, r.problems, errors.Join(r.errs...)
}

// maxErrors bounds the failures of expressions that are told.
const maxErrors = 20

// reader fills an invoice.
type reader struct {
	mapping  Mapping
	inv      *Invoice
	row      *rossumapi.Node // of the table being read, nil for the header
	rowIndex int             // 1-based
	unread   map[Place]bool  // fields already complained about
	problems []Problem
	errs     []error
}

// inRow reads the following fields from a row of a table.
func (r *reader) inRow(row *rossumapi.Node, index int) { r.row, r.rowIndex = row, index }

func (r *reader) place(field string) Place { return Place{Field: field, Row: r.rowIndex} }

func (r *reader) derived(place Place, how string, args ...any) {
	if len(args) > 0 {
		how = fmt.Sprintf(how, args...)
	}
	r.inv.Derived = append(r.inv.Derived, Derivation{Field: place.Field, Row: place.Row, How: how})
}

// unreadable complains of a value at its datapoint.
func (r *reader) unreadable(field string, node *rossumapi.Node, what string) {
	place := r.place(field)
	r.unread[place] = true
	r.complain(Problem{
		Rule: RuleUnreadable, Severity: Block, Field: field, Row: r.rowIndex,
		Message:  fmt.Sprintf("%q is not %s", shorten(trim(node.Value())), what),
		SchemaID: node.SchemaID, Datapoint: node.ID,
	})
}

func (r *reader) complain(p Problem) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, p)
	}
}

// shorten bounds a value quoted in a message.
func shorten(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}

// evaluate returns the result of a field's expression as text; ok is false if
// the field has none.
func (r *reader) evaluate(field string) (text string, ok bool) {
	expression, ok := r.inv.source.expressions[field]
	if !ok {
		return "", false
	}
	value, err := r.mapping.Evaluate(expression, r.row)
	if err == nil {
		text, err = document.Text(value)
	}
	if err != nil && len(r.errs) < maxErrors {
		r.errs = append(r.errs, fmt.Errorf("invoice mapping: %s: %w", field, err))
	}
	return trim(text), true
}

// text returns the value of a field as the document shows it.
func (r *reader) text(field string) string {
	if text, ok := r.evaluate(field); ok {
		return text
	}
	return trim(r.inv.source.find(field, r.row).Value())
}

// texts returns all values of a field of the header.
func (r *reader) texts(field string) []string {
	if text, ok := r.evaluate(field); ok {
		if text == "" {
			return nil
		}
		return []string{text}
	}
	var all []string
	for _, n := range r.inv.source.all(field, nil) {
		all = append(all, trim(n.Value()))
	}
	return all
}

// label returns a text with the label of its option, if it has one.
func (r *reader) label(field string) string {
	text := r.text(field)
	if label := r.inv.source.find(field, r.row).OptionLabel(); label != "" && label != text {
		return strings.TrimSpace(text + " " + label)
	}
	return text
}

// number returns the value of a number field; the values of a simple
// multivalue are summed.
func (r *reader) number(field string) decimal.NullDecimal {
	if text, ok := r.evaluate(field); ok {
		return r.evaluatedNumber(field, text)
	}
	var sum decimal.NullDecimal
	for _, n := range r.inv.source.all(field, r.row) {
		number, ok := n.Number()
		if !ok {
			r.unreadable(field, n, "a number")
			return decimal.NullDecimal{}
		}
		sum = some(sum.Decimal.Add(number))
	}
	return sum
}

func (r *reader) evaluatedNumber(field, text string) decimal.NullDecimal {
	if text == "" {
		return decimal.NullDecimal{}
	}
	const most = 100 // digits; more would be a computation gone wrong
	number, err := decimal.NewFromString(text)
	if err != nil || len(text) > most || number.Exponent() > most || number.Exponent() < -most {
		if len(r.errs) < maxErrors {
			r.errs = append(r.errs, fmt.Errorf("invoice mapping: %s: the expression does not give a number", field))
		}
		return decimal.NullDecimal{}
	}
	return some(number)
}

// date returns the value of a date field.
func (r *reader) date(field string) document.Date {
	if text, ok := r.evaluate(field); ok {
		if _, err := time.Parse(time.DateOnly, text); err != nil && text != "" && len(r.errs) < maxErrors {
			r.errs = append(r.errs, fmt.Errorf("invoice mapping: %s: the expression does not give a date YYYY-MM-DD", field))
			return ""
		}
		return document.Date(text)
	}
	held := r.inv.source.all(field, r.row)
	if len(held) == 0 {
		return ""
	}
	date, ok := held[0].Date()
	if !ok {
		r.unreadable(field, held[0], "a date")
		return ""
	}
	return document.Date(date.Format(time.DateOnly))
}

// some returns a valid NullDecimal.
func some(d decimal.Decimal) decimal.NullDecimal { return decimal.NewNullDecimal(d) }

// missing complains of a field without which there is no invoice, unless one of
// the places was complained about already. The problem is located at the first
// place that exists.
func (r *reader) missing(places []Place, format string, args ...any) {
	for _, place := range places {
		if r.unread[place] {
			return
		}
	}
	r.complain(r.inv.Problem(RuleMissing, Block, places, format, args...))
}

// required complains of what no format can do without.
func (r *reader) required() {
	inv := r.inv
	if inv.Number == "" {
		r.missing([]Place{{Field: "number"}}, "the invoice number is missing")
	}
	if inv.IssueDate == "" {
		r.missing([]Place{{Field: "issue_date"}}, "the date of issue is missing")
	}
	if inv.Currency == "" {
		r.missing([]Place{{Field: "currency"}}, "the currency is missing")
	}
	if !inv.Totals.Gross.Valid {
		r.missing([]Place{{Field: "total.gross"}, {Field: "total.due"}}, "the total amount is missing")
	}
	for i, line := range inv.Lines {
		if line.Net.Valid {
			continue
		}
		row := i + 1
		r.missing([]Place{{"line.net", row}, {"line.gross", row}, {"line.unit_price", row}, {"line.name", row}},
			"line %d has no net amount, nor can it be computed", row)
	}
}
