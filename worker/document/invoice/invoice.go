package invoice

import (
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Invoice is an invoice or a credit note. Texts the document does not have are
// "", numbers are not Valid.
type Invoice struct {
	Number string
	// Type is a code of UNTDID 1001, such as 380 (invoice) or 381 (credit note).
	Type string
	// Credit tells that the amounts, which are positive, flow to the buyer.
	Credit       bool
	IssueDate    document.Date
	DueDate      document.Date
	TaxPointDate document.Date
	// Currency is an ISO 4217 code in capitals.
	Currency string
	// TaxCurrency is the currency VAT is accounted in, if another.
	TaxCurrency string
	// Description says what the invoice is for, in a sentence.
	Description string

	BuyerReference string // for routing at the buyer, such as a Leitweg-ID
	Order          string // the buyer's purchase order
	SalesOrder     string // the seller's order
	Contract       string
	Project        string
	Despatch       string // despatch advice, delivery note
	Receipt        string // receiving advice
	Account        string // the buyer's accounting reference for the whole invoice
	Preceding      []Reference
	Notes          []string
	Period         Period

	Seller   Party
	Buyer    Party
	Payee    Party // no name: the seller is paid
	Delivery Delivery

	Lines   []Line
	Charges []Charge // of the document; those of a line are in the line
	Taxes   []Tax    // one for each category and rate
	Totals  Totals
	Payment Payment

	// Derived lists what the document did not say but was computed, in order.
	Derived []Derivation

	source *source
}

// Derivation is a value that was computed instead of read.
type Derivation struct {
	Field string // as in Mapping
	Row   int    // 1-based row of the field's table, 0 for the header
	How   string
}

// Reference names another document.
type Reference struct {
	Number string
	Date   document.Date
}

// Period is a time span; either end may be open.
type Period struct {
	Start, End document.Date
}

// Party is a company or person.
type Party struct {
	Name      string // as traded
	LegalName string // as registered, if another
	ID        Identifier
	LegalID   Identifier // company register
	VATID     string     // with the country's prefix, no spaces
	TaxNumber string     // other than a VAT id
	Address   Address
	Contact   Contact
	Endpoint  Identifier // electronic address; the scheme is a code of the EAS list
}

// Identifier is an id with the scheme it belongs to: a code of ISO 6523 or "".
type Identifier struct {
	Value, Scheme string
}

// Address is a postal address.
type Address struct {
	Lines    []string // street and the like
	City     string
	Postcode string
	Region   string
	Country  string // ISO 3166-1 alpha-2
}

// IsZero reports an address that says nothing.
func (a Address) IsZero() bool {
	return len(a.Lines) == 0 && a.City == "" && a.Postcode == "" && a.Region == "" && a.Country == ""
}

// Contact is whom to ask.
type Contact struct {
	Name, Phone, Email string
}

// Delivery is where and when goods were delivered.
type Delivery struct {
	Name     string
	Location Identifier
	Address  Address
	Date     document.Date
}

// Line is one row of the invoice.
type Line struct {
	ID            string // "1", "2", ... unless the document numbers its lines
	Name          string
	Description   string // more than the name says
	Note          string
	SellerItemID  string
	BuyerItemID   string
	GTIN          string
	Quantity      decimal.NullDecimal // negative where the line reduces the invoice
	Unit          string              // UN/ECE recommendation 20
	UnitPrice     decimal.NullDecimal // net, never negative
	PriceQuantity decimal.Decimal     // how many units the price is for, 1 as a rule
	Charges       []Charge
	Net           decimal.NullDecimal // quantity x price + charges
	Tax           decimal.NullDecimal // as the document says, not computed
	TaxCategory   string              // UNTDID 5305, see Tax
	TaxRate       decimal.NullDecimal // percent
	TaxCode       string              // the document's or the ERP's word for it
	Order         string
	OrderLine     string
	Account       string // the buyer's accounting reference
	Period        Period

	gross      decimal.NullDecimal
	grossPrice decimal.NullDecimal
	row        *rossumapi.Node
}

// Charge is a charge or an allowance, on a line or the whole document.
type Charge struct {
	Allowance   bool
	Amount      decimal.Decimal // never negative
	Base        decimal.NullDecimal
	Percent     decimal.NullDecimal
	Reason      string
	ReasonCode  string // UNTDID 7161 for charges, 5189 for allowances
	TaxCategory string
	TaxRate     decimal.NullDecimal
	TaxCode     string

	tax decimal.NullDecimal
	row *rossumapi.Node
}

// Signed returns the amount as it counts in a sum.
func (c Charge) Signed() decimal.Decimal {
	if c.Allowance {
		return c.Amount.Neg()
	}
	return c.Amount
}

// CountCharges returns how many charges and allowances the document has.
func (inv *Invoice) CountCharges() (charges, allowances int) {
	for _, c := range inv.Charges {
		if c.Allowance {
			allowances++
		}
	}
	return len(inv.Charges) - allowances, allowances
}

// Tax is the tax of one category and rate. Categories are codes of UNTDID
// 5305: S standard and reduced, Z zero rated, E exempt, AE reverse charge, K
// intra-community supply, G export, O outside the scope of tax.
type Tax struct {
	Category      string
	Rate          decimal.NullDecimal // percent; not Valid in category O
	Base          decimal.NullDecimal
	Amount        decimal.NullDecimal
	Code          string // the document's word for it
	Exemption     string // why there is no tax
	ExemptionCode string // of the VATEX list

	gross decimal.NullDecimal
	row   *rossumapi.Node
}

// Totals are the sums of the document.
type Totals struct {
	Lines            decimal.Decimal // sum of the lines' net amounts
	Charges          decimal.Decimal // sum of the document's charges
	Allowances       decimal.Decimal // sum of the document's allowances
	Net              decimal.NullDecimal
	Tax              decimal.NullDecimal
	TaxInTaxCurrency decimal.NullDecimal
	Gross            decimal.NullDecimal
	Prepaid          decimal.NullDecimal
	Rounding         decimal.NullDecimal
	Due              decimal.NullDecimal
}

// Payment is how the invoice wants to be paid.
type Payment struct {
	Means        string // UNTDID 4461, such as 30 (credit transfer)
	MeansText    string // as the document says
	IBAN         string // no spaces
	BIC          string
	Account      string // where there is no IBAN
	Bank         string
	Terms        string
	Reference    string // to be given with the payment
	Mandate      string // direct debit
	CreditorID   string // direct debit
	DebitedIBAN  string // direct debit
	AccountOwner string
}
