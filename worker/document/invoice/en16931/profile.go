// Package en16931 holds the rules of the European standard for electronic
// invoices, EN 16931, and of the profiles that narrow it: Peppol BIS Billing 3,
// XRechnung and Factur-X. The rules are checked on the canonical invoice,
// before it is encoded, so that both syntaxes share them and a complaint names
// the field in Rossum. Rule names are those of the official schematron.
package en16931

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// Profile is what an electronic invoice promises to conform to.
type Profile string

// The profiles.
const (
	Plain     Profile = "plain"     // the syntax alone
	Core      Profile = "en16931"   // EN 16931
	Peppol    Profile = "peppol"    // Peppol BIS Billing 3.0
	XRechnung Profile = "xrechnung" // XRechnung 3.0
	FacturX   Profile = "facturx"   // Factur-X and ZUGFeRD, profile EN 16931
)

// ParseProfile returns the profile with the name, Plain for "". Only those
// allowed count.
func ParseProfile(name string, allowed ...Profile) (Profile, error) {
	if name == "" {
		return Plain, nil
	}
	if p := Profile(name); slices.Contains(allowed, p) {
		return p, nil
	}
	names := make([]string, len(allowed))
	for i, p := range allowed {
		names[i] = string(p)
	}
	return "", fmt.Errorf("unknown profile %q, there are: %s", name, strings.Join(names, ", "))
}

// Specification returns the specification identifier (BT-24), "" if the
// profile promises nothing.
func (p Profile) Specification() string {
	switch p {
	case Core, FacturX:
		return "urn:cen.eu:en16931:2017"
	case Peppol:
		return "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
	case XRechnung:
		return "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
	}
	return ""
}

// Process returns the business process type (BT-23), "" if the profile does
// not demand one.
func (p Profile) Process() string {
	if p == Peppol || p == XRechnung {
		return "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	}
	return ""
}

// Places returns the number of decimal places of amounts: the currency's, but
// the standard allows two at most (BR-DEC).
func (p Profile) Places(currency string) int32 {
	places := invoice.Decimals(currency)
	if p != Plain {
		places = min(places, 2)
	}
	return places
}

// Amount writes an amount with the currency's decimal places.
func (p Profile) Amount(amount decimal.Decimal, currency string) string {
	return amount.StringFixed(p.Places(currency))
}

// Number writes a quantity, price or rate without needless zeros.
func Number(d decimal.Decimal) string { return d.String() }
