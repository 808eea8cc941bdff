package invoice

import (
	"slices"
	"strings"
)

// The tables of a document. Fields of their rows begin with "line.", "tax."
// and "charge.".
const (
	tableLines   = "lines"
	tableTaxes   = "taxes"
	tableCharges = "charges"
)

// TableOf returns the table whose rows a field of a Mapping belongs to, "" for fields of the header and for tables.
func TableOf(field string) string {
	switch prefix, _, _ := strings.Cut(field, "."); prefix {
	case "line":
		return tableLines
	case "tax":
		return tableTaxes
	case "charge":
		return tableCharges
	}
	return ""
}

// headerFields are the fields with the schema ids of Rossum's standard AP
// schema and their usual variants, best first; constant.
var headerFields = map[string]string{
	"number":          "document_id invoice_id invoice_number document_id_manual",
	"type":            "document_type invoice_type",
	"issue_date":      "date_issue issue_date invoice_date date_issue_manual",
	"due_date":        "date_due due_date",
	"tax_point_date":  "date_uzp tax_point_date date_tax_point",
	"currency":        "currency currency_code invoice_currency",
	"tax_currency":    "tax_currency",
	"description":     "header_description invoice_description subject description_export",
	"buyer_reference": "buyer_reference leitweg_id route_code recipient_reference",
	"order":           "order_id po_number order_number purchase_order order_id_calculated",
	"sales_order":     "sender_order_id sales_order_id",
	"contract":        "contract_number contract_id",
	"project":         "project_id project_number",
	"despatch":        "delivery_note_id despatch_id",
	"receipt":         "goods_receipt_id receipt_id",
	"account":         "gl_code account_code cost_center",
	"preceding.number": "original_document_id original_invoice_id preceding_invoice " +
		"related_document_id credited_invoice_id",
	"preceding.date": "original_date_issue original_invoice_date",
	"note":           "notes note notes_manual",
	"period.start":   "sp_date_start service_period_start period_start",
	"period.end":     "sp_date_end service_period_end period_end",

	"delivery.name":     "recipient_delivery_name delivery_name ship_to_name",
	"delivery.location": "delivery_gln ship_to_gln",
	"delivery.address":  "recipient_delivery_address delivery_address ship_to_address",
	"delivery.street":   "delivery_street ship_to_street",
	"delivery.city":     "delivery_city ship_to_city",
	"delivery.postcode": "delivery_zip delivery_postcode ship_to_zip",
	"delivery.region":   "delivery_state ship_to_state",
	"delivery.country":  "delivery_country ship_to_country",
	"delivery.date":     "date_delivery delivery_date",

	"payment.method":        "payment_method payment_means",
	"payment.iban":          "iban",
	"payment.bic":           "bic swift bic_swift",
	"payment.account":       "account_num account_number bank_account",
	"payment.account_owner": "account_owner account_name",
	"payment.bank":          "bank_num bank_code sort_code bank_name",
	"payment.terms":         "terms payment_terms",
	"payment.reference":     "var_sym payment_reference variable_symbol kid",
	"payment.mandate":       "mandate_reference sepa_mandate",
	"payment.creditor_id":   "creditor_id sepa_creditor_id",
	"payment.debited_iban":  "debited_iban",

	"total.net": "amount_total_base amount_total_net total_net net_amount " +
		"amount_total_base_calculated",
	"total.tax":                 "amount_total_tax total_tax amount_tax amount_total_tax_calculated",
	"total.tax_in_tax_currency": "amount_total_tax_local",
	"total.gross":               "amount_total total_amount amount_total_gross invoice_total total_gross",
	"total.due":                 "amount_due amount_payable total_due",
	"total.prepaid":             "amount_paid amount_prepaid prepaid_amount",
	"total.rounding":            "amount_rounding",
	"total.tax_rate":            "tax_rate vat_rate tax_rate_calculated",
	"total.tax_code":            "tax_code tax_code_match vat_code",
	"total.exemption":           "tax_exemption_reason exemption_reason",

	"shipping":     "shipping_charge freight_charge amount_shipping",
	"handling":     "handling_charge amount_handling",
	"other_charge": "misc_charge other_charge amount_surcharge",
	"discount":     "amount_discount total_discount document_discount",
}

// tableFields are the tables and the fields of their rows; constant.
var tableFields = map[string]string{
	"lines":   "line_items items invoice_lines",
	"taxes":   "tax_details vat_details tax_detail_items",
	"charges": "line_item_charges charges document_charges",

	"line.id":             "item_line_number item_line_id",
	"line.name":           "item_description item_desc item_name item_description_export",
	"line.note":           "item_note item_notes",
	"line.seller_item_id": "item_code item_sku item_number item_article",
	"line.buyer_item_id":  "item_buyer_code item_customer_code item_material",
	"line.gtin":           "item_gtin item_ean",
	"line.quantity":       "item_quantity item_qty item_quantity_calculated",
	"line.unit":           "item_uom item_unit item_uom_export item_po_line_uom_match",
	"line.unit_price":     "item_amount_base item_unit_price item_price item_price_net item_amount_base_calculated",
	"line.gross_price":    "item_amount item_price_gross",
	"line.price_quantity": "item_price_quantity item_price_unit",
	"line.net":            "item_total_base item_amount_total_base item_total_net item_net_amount item_total_base_calculated",
	"line.gross":          "item_amount_total item_total item_total_gross",
	"line.discount":       "item_discount_amount item_discount",
	"line.charge":         "item_charge_amount item_charge",
	"line.tax_rate":       "item_rate item_tax_rate item_vat_rate item_rate_calculated",
	"line.tax":            "item_tax item_tax_amount item_vat item_tax_calculated",
	"line.tax_code":       "item_tax_code item_vat_code item_tax_code_match",
	"line.tax_category":   "item_tax_category",
	"line.order":          "item_order_id item_po_number item_order_id_calculated",
	"line.order_line":     "item_order_line item_po_line item_po_line_number item_po_line_number_match item_order_item_number_export",
	"line.account":        "item_gl_code item_account item_gl_account",
	"line.period_start":   "item_date_start item_sp_date_start",
	"line.period_end":     "item_date_end item_sp_date_end",

	"tax.rate":      "tax_detail_rate vat_detail_rate",
	"tax.base":      "tax_detail_base vat_detail_base",
	"tax.amount":    "tax_detail_tax vat_detail_tax vat_detail_amount",
	"tax.gross":     "tax_detail_total vat_detail_total",
	"tax.code":      "tax_detail_code vat_detail_code",
	"tax.category":  "tax_detail_category vat_detail_category",
	"tax.exemption": "tax_detail_exemption_reason vat_detail_exemption_reason",

	"charge.reason":   "charge_type charge_name charge_description",
	"charge.amount":   "charge_amount charge_total_base charge_total",
	"charge.tax_rate": "charge_tax_rate charge_rate charge_tax_rate_calculated",
	"charge.tax":      "charge_tax charge_tax_calculated",
	"charge.tax_code": "charge_tax_code charge_tax_code_match",
}

// partyFields are the fields of a party with the endings of their schema ids,
// which follow partyPrefixes; constant.
var partyFields = map[string]string{
	"name":            "name name_export name_match",
	"legal_name":      "legal_name",
	"id":              "id number match",
	"id_scheme":       "id_scheme",
	"legal_id":        "ic registration_number company_id legal_id",
	"legal_id_scheme": "legal_id_scheme",
	"vat_id":          "vat_id vat_number tax_id_normalized tax_id dic",
	"tax_number":      "tax_number tin ein",
	"address":         "address full_address",
	"street":          "street address_street",
	"city":            "city address_city",
	"postcode":        "zip zip_code postal_code postcode",
	"region":          "state region province",
	"country":         "country_code country country_code_match entity_country_code_match",
	"contact":         "contact contact_name contact_person",
	"phone":           "phone telephone phone_number",
	"email":           "email email_address",
	"endpoint":        "endpoint endpoint_id electronic_address peppol_id",
	"endpoint_scheme": "endpoint_scheme",
}

// partyPrefixes are how the schema ids of a party begin; constant.
var partyPrefixes = map[string]string{
	"seller": "sender supplier vendor seller",
	"buyer":  "recipient customer buyer",
	"payee":  "payee",
}

// defaults returns all fields with their schema ids.
func defaults() map[string][]string {
	all := make(map[string][]string, 200)
	for _, table := range []map[string]string{headerFields, tableFields} {
		for field, ids := range table {
			all[field] = strings.Fields(ids)
		}
	}
	for party, prefixes := range partyPrefixes {
		for field, endings := range partyFields {
			for _, ending := range strings.Fields(endings) {
				for _, prefix := range strings.Fields(prefixes) {
					all[party+"."+field] = append(all[party+"."+field], prefix+"_"+ending)
				}
			}
		}
	}
	return all
}

// Fields returns the names of all fields a Mapping may hold, sorted.
func Fields() []string {
	all := defaults()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
