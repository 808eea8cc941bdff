package invoice

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// The rules of a Gate.
const (
	RuleLineAmount = "line_amount" // quantity x price + charges = net amount of the line
	RuleNet        = "net"         // lines + charges - allowances = net total
	RuleTaxRate    = "tax_rate"    // base x rate = tax, for each rate
	RuleTaxBase    = "tax_base"    // the bases of the tax table = net total
	RuleTaxTotal   = "tax_total"   // the tax table = tax total
	RuleGross      = "gross"       // net + tax = gross
	RuleDue        = "due"         // gross - paid + rounding = due
	RuleDueDate    = "due_date"    // not before the date of issue
	RuleIBAN       = "iban"        // ISO 13616: country, length, check digits
	RuleVATID      = "vat_id"      // the form of its country
	RuleVATCheck   = "vat_check"   // the check digit of a VAT id, where its rule is known
	RuleCurrency   = "currency"    // of ISO 4217
	RuleDecimals   = "decimals"    // no amount has more decimal places than the currency
	RuleCredit     = "credit"      // a credit note names the invoice it credits
	RuleRateGuess  = "rate_guess"  // a tax rate was computed from the totals of the document
)

// gateRules are the rules in the order in which they are checked, with their
// severity unless configured otherwise; constant.
var gateRules = []struct {
	name     string
	severity Severity
	check    func(*audit)
}{
	{RuleLineAmount, Block, (*audit).lineAmounts},
	{RuleNet, Block, (*audit).net},
	{RuleTaxRate, Block, (*audit).taxRates},
	{RuleTaxBase, Block, (*audit).taxBases},
	{RuleTaxTotal, Block, (*audit).taxTotal},
	{RuleGross, Block, (*audit).gross},
	{RuleDue, Block, (*audit).due},
	{RuleDueDate, Block, (*audit).dueDate},
	{RuleIBAN, Block, (*audit).iban},
	{RuleVATID, Warn, (*audit).vatIDs},
	{RuleVATCheck, Warn, (*audit).vatChecks},
	{RuleCurrency, Block, (*audit).currency},
	{RuleDecimals, Block, (*audit).decimals},
	{RuleCredit, Warn, (*audit).credit},
	{RuleRateGuess, Warn, (*audit).rateGuess},
}

// Rules returns the names of all rules of a Gate with their default severity.
func Rules() map[string]Severity {
	all := make(map[string]Severity, len(gateRules))
	for _, rule := range gateRules {
		all[rule.name] = rule.severity
	}
	return all
}

// Gate checks invoices as an accountant would. The zero Gate applies all rules
// with their default severity.
type Gate struct {
	// Severities replaces defaults, by rule.
	Severities map[string]Severity
	// Tolerance is how far sums may be off, by currency. The default is two of
	// the currency's smallest amounts: 0.02 EUR, 2 JPY, 0.002 KWD.
	Tolerance map[string]decimal.Decimal
}

// Validate reports the first setting that means nothing.
func (g Gate) Validate() error {
	known := Rules()
	for rule, severity := range g.Severities {
		if _, ok := known[rule]; !ok {
			return fmt.Errorf("invoice gate: unknown rule %q", rule)
		}
		if !slices.Contains([]Severity{Block, Warn, Off}, severity) {
			return fmt.Errorf("invoice gate: rule %s: severity is block, warn or off, not %q", rule, severity)
		}
	}
	for currency, tolerance := range g.Tolerance {
		if !IsCurrency(currency) {
			return fmt.Errorf("invoice gate: tolerance: %q is no currency code of ISO 4217", currency)
		}
		if tolerance.IsNegative() {
			return fmt.Errorf("invoice gate: tolerance of %s is negative", currency)
		}
	}
	return nil
}

// Check returns what is wrong with the invoice, none if it balances. What is
// missing was told by Read and is not told again.
func (g Gate) Check(inv *Invoice) []Problem {
	a := audit{inv: inv, tolerance: inv.minor().Mul(decimal.NewFromInt(2))}
	if tolerance, ok := g.Tolerance[inv.Currency]; ok {
		a.tolerance = tolerance
	}
	for _, rule := range gateRules {
		a.rule, a.severity = rule.name, rule.severity
		if severity, ok := g.Severities[rule.name]; ok {
			a.severity = severity
		}
		if a.severity != Off {
			rule.check(&a)
		}
	}
	return a.problems
}

// audit is one check of one invoice.
type audit struct {
	inv       *Invoice
	tolerance decimal.Decimal
	rule      string
	severity  Severity
	problems  []Problem
}

// maxProblems bounds the complaints about one invoice: a reviewer mends the
// first ones and tries again.
const maxProblems = 200

func (a *audit) fail(place Place, format string, args ...any) {
	if len(a.problems) < maxProblems {
		a.problems = append(a.problems, a.inv.Problem(a.rule, a.severity, []Place{place}, format, args...))
	}
}

// equal reports whether amounts agree within the tolerance.
func (a *audit) equal(x, y decimal.Decimal) bool {
	return x.Sub(y).Abs().LessThanOrEqual(a.tolerance)
}

// money writes an amount for people.
func (a *audit) money(d decimal.Decimal) string {
	return d.StringFixed(max(Decimals(a.inv.Currency), -d.Exponent())) + " " + a.inv.Currency
}
