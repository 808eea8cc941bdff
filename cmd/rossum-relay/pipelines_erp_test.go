package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// refused is a fault: one call is answered so, and not applied.
func refused(call string, status int, body string, header ...string) *fault {
	f := &fault{call: call, status: status, body: body, header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		f.header[header[i]] = header[i+1]
	}
	return f
}

// lost is a fault: one call is applied, its answer never comes.
func lost(call string) *fault { return &fault{call: call, lost: true} }

// sentJSON reads parts of a body by their names.
func sentJSON(body []byte) map[string]any {
	var v map[string]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	_ = d.Decode(&v) // what is no JSON has no parts
	return v
}

func restTest() erpTest {
	const look, create, original = "GET /invoices", "POST /invoices", "PUT /invoices/51"
	return erpTest{
		env: map[string]string{"ERP_TOKEN": "t0ken"},
		handle: func(s *script, w http.ResponseWriter, r *http.Request, body []byte) {
			doc := sentJSON(body)
			switch {
			case r.Header.Get("Authorization") != "Bearer t0ken":
				reply(w, 401, `{}`)
			case r.Method == "GET":
				if d, ok := s.docs[r.URL.Query().Get("number")]; ok {
					reply(w, 200, `[{"id":%q,"total":%s}]`, d.id, d.total)
					return
				}
				reply(w, 200, `[]`)
			case r.Method == "POST":
				reply(w, 201, `{"id":%q}`, s.create(doc["number"].(string), doc["total"].(json.Number).String()))
			default:
				reply(w, 200, `{}`)
			}
		},
		cases: []erpCase{
			{name: "invoice", said: "Delivered to the ERP as 51", field: "document_id", calls: []string{look, create, original}, sent: map[string]string{create: `"total":3449.43`}},
			{name: "credit note", set: map[string]string{"document_type": "credit_note"}, calls: []string{look, create, original}, sent: map[string]string{create: `"total":17916.00`}},
			{name: "there already", there: map[string]erpDocument{"%s": {"5190", "3449.43"}}, said: "5190", calls: []string{look, original}},
			{name: "another with this number", there: map[string]erpDocument{"%s": {"1", "7"}}, dead: outcome.Rejected, said: "another document with this number", calls: []string{look}},
			{name: "rejected", fault: refused(create, 422, `{"errors":{"lines":[{},{"quantity":["exceeds the order"]}]}}`), dead: outcome.Rejected, said: "exceeds the order", field: "item_quantity", calls: []string{look, create}},
			{name: "throttled", fault: refused(create, 429, `{}`, "Retry-After", "1"), calls: []string{look, create, create, original}},
			{name: "answer lost", fault: lost(create), calls: []string{look, create, look, original}},
			{name: "number taken by an attempt before", fault: &fault{call: create, lost: true, status: 409}, said: "Delivered to the ERP", calls: []string{look, create, look, original}},
			{name: "number taken by nobody knows whom", fault: refused(create, 409, `{}`), dead: outcome.Rejected, said: "does not find it", calls: []string{look, create, look}},
			{name: "sums do not agree", set: map[string]string{"amount_total": "3500.00"}, dead: outcome.Rejected, said: "3500.00", field: "amount_total"},
		},
	}
}

func coupaTest() erpTest {
	const token, look, create, read = "POST /oauth2/token", "GET /api/invoices", "POST /api/invoices", "GET /api/invoices/51"
	const scan, link, submit, taken = "PUT /api/invoices/51", "POST /api/invoices/51", "PUT /api/invoices/51", `{"errors":{"invoice_number":["has already been taken"]}}`
	return erpTest{
		env:    map[string]string{"COUPA_SECRET": "s3cret"},
		handle: coupa,
		cases: []erpCase{
			{name: "invoice", said: "Coupa 51", field: "document_id", calls: []string{token, look, create, scan, link, submit, read}, sent: map[string]string{create: `"gross-total":3449.43`}},
			{name: "credit note", set: map[string]string{"document_type": "credit_note"}, calls: []string{look, create, scan, link}, sent: map[string]string{create: `"gross-total":-17916.00`}},
			{name: "there already", there: map[string]erpDocument{"%s": {"5190", "3449.43"}}, said: "5190", calls: []string{look, scan, link, submit, read}},
			{name: "another with this number", there: map[string]erpDocument{"%s": {"1", "7"}}, dead: outcome.Rejected, said: "another document with this number", calls: []string{look}},
			{name: "number taken", fault: refused(create, 422, taken), dead: outcome.Rejected, said: "shows no invoice", calls: []string{look, create, look}},
			{name: "rejected", fault: refused(create, 422, `{"errors":{"invoice_lines":["is invalid"],"invoice_date":["is in a closed period"]}}`), dead: outcome.Rejected, said: "closed period", field: "date_issue", calls: []string{look, create}},
			{name: "throttled", fault: refused(create, 429, ``, "Retry-After", "1"), calls: []string{look, create, create, scan, link, submit, read}},
			{name: "answer lost", fault: lost(create), calls: []string{look, create, look, scan, link, submit, read}},
			{name: "answer to the link lost", fault: &fault{call: link, end: "/attachments", lost: true}, calls: []string{look, create, scan, link, "GET /api/invoices/51", submit, read}},
			{name: "answer to the submit lost", fault: &fault{call: submit, end: "/submit", lost: true}, calls: []string{look, create, scan, link, submit, submit, read}},
			{name: "unknown supplier", set: map[string]string{"sender_vat_id": "GB1"}, dead: outcome.Rejected, said: "suppliers", field: "sender_vat_id"},
		},
	}
}

// coupa answers as Coupa's invoices API does: JSON by Accept, decimals as text, a second number or submit refused.
func coupa(s *script, w http.ResponseWriter, r *http.Request, body []byte) {
	id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/invoices/"), "/")
	switch {
	case r.URL.Path == "/oauth2/token":
		reply(w, 200, `{"access_token":"t0ken","token_type":"bearer","expires_in":86400}`)
	case r.Header.Get("Authorization") != "Bearer t0ken", r.Header.Get("Accept") != "application/json":
		reply(w, 401, `{}`)
	case r.Method == "GET" && r.URL.Path == "/api/invoices":
		if d, ok := s.docs[r.URL.Query().Get("invoice-number")]; ok && r.URL.Query().Get("supplier[number]") != "" {
			reply(w, 200, `[{"id":%s,"gross-total":%q}]`, d.id, d.total)
			return
		}
		reply(w, 200, `[]`)
	case action == "attachments" && r.Method == "POST":
		form, _ := url.ParseQuery(string(body))
		s.docs["link "+id] = erpDocument{id: form.Get("attachment[url]")}
		s.applied["link "+id]++
		reply(w, 201, `{}`)
	case action == "attachments":
		reply(w, 200, `[{"url":%q}]`, s.docs["link "+id].id)
	case r.Method == "POST":
		doc := sentJSON(body)
		number := doc["invoice-number"].(string)
		if _, ok := s.docs[number]; ok {
			reply(w, 422, `{"errors":{"invoice_number":["has already been taken"]}}`)
			return
		}
		reply(w, 201, `{"id":%s,"status":"draft"}`, s.create(number, doc["gross-total"].(json.Number).String()))
	case r.Method == "GET":
		status := "draft"
		if s.applied["submit "+id] > 0 {
			status = "pending_approval"
		}
		reply(w, 200, `{"id":%s,"status":%q}`, id, status)
	case action == "submit" && s.applied["submit "+id] > 0:
		reply(w, 422, `{"errors":{"status":["is not draft"]}}`)
	case action == "submit":
		s.applied["submit "+id]++
		reply(w, 200, `{}`)
	default:
		reply(w, 200, `{}`)
	}
}

func sapTest() erpTest {
	const service, attachments = "/sap/opu/odata/sap/API_SUPPLIERINVOICE_PROCESS_SRV/", "/sap/opu/odata/sap/API_CV_ATTACHMENT_SRV/"
	const token, look, create = "GET " + service, "GET " + service + "A_SupplierInvoice", "POST " + service + "A_SupplierInvoice"
	const attach, attached = "POST " + attachments, "GET " + attachments
	details := func(rows string) string {
		return `{"error":{"code":"M8/535","message":{"lang":"en","value":"Period 002/2026 is not open"},"innererror":{"errordetails":[` +
			`{"code":"M8/535","message":"Period 002/2026 is not open","propertyref":"","severity":"error"},` + rows + `]}}}`
	}
	balance := details(`{"code":"M8/534","message":"Balance not zero: 0.01","propertyref":"","severity":"error"}`)
	taxCode := details(`{"code":"FF/713","message":"Tax code V9 is invalid","propertyref":"to_SuplrInvcItemPurOrdRef/TaxCode","severity":"error"}`)
	return erpTest{
		env:    map[string]string{"SAP_PASSWORD": "s3cret"},
		handle: sap,
		cases: []erpCase{
			{name: "invoice", said: "SAP 5100/2026", field: "document_id", calls: []string{look, token, create, attach}, sent: map[string]string{create: `"InvoiceGrossAmount":"3449.43"`, attach + "AttachmentContentSet": "%PDF"}},
			{name: "credit memo", set: map[string]string{"document_type": "credit_note"}, calls: []string{look, create, attach}, sent: map[string]string{create: `"InvoiceGrossAmount":"17916.00"`}},
			{name: "there already", there: map[string]erpDocument{"%s": {"5190", "3449.43"}}, said: "5190", calls: []string{look, attach}},
			{name: "another with this reference", there: map[string]erpDocument{"%s": {"1", "7.00"}}, dead: outcome.Rejected, said: "another document with this number", calls: []string{look}},
			{name: "period closed", fault: refused(create, 400, balance), dead: outcome.Rejected, said: "Period 002/2026 is not open; Balance not zero: 0.01", calls: []string{look, create}},
			{name: "rows at their fields", fault: refused(create, 400, taxCode), dead: outcome.Rejected, said: "Tax code V9 is invalid", field: "item_rate", also: "Period 002/2026 is not open", calls: []string{look, create}},
			{name: "locked", fault: refused(create, 400, `{"error":{"code":"ME/006","message":{"value":"Order 4500012873 is being processed by MILLER"}}}`), calls: []string{look, create, create, attach}},
			{name: "token expired", fault: refused(create, 403, ``, "X-Csrf-Token", "Required"), calls: []string{look, create, token, create, attach}},
			{name: "answer lost", fault: lost(create), calls: []string{look, create, look, attach}},
			{name: "answer to the attachment lost", fault: lost(attach), calls: []string{look, create, attach, attached}},
			{name: "long reference", set: map[string]string{"document_id": "INV-2026-00000004417"}, dead: outcome.Rejected, said: "up to 16 characters", field: "document_id"},
		},
	}
}

// sap answers as the OData services of S/4HANA do: writes need the token and its cookie, decimals are text.
func sap(s *script, w http.ResponseWriter, r *http.Request, body []byte) {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	_, password, _ := r.BasicAuth()
	switch {
	case password != "s3cret":
		reply(w, 401, ``)
	case r.Header.Get("X-Csrf-Token") == "fetch":
		http.SetCookie(w, &http.Cookie{Name: "SAP_SESSIONID", Value: "1"})
		w.Header().Set("X-Csrf-Token", "t0ken")
		reply(w, 200, `{}`)
	case r.Method == "POST" && (r.Header.Get("X-Csrf-Token") != "t0ken" || r.Header.Get("Cookie") != "SAP_SESSIONID=1"):
		w.Header().Set("X-Csrf-Token", "Required")
		reply(w, 403, ``)
	case name == "A_SupplierInvoice" && r.Method == "GET":
		_, rest, _ := strings.Cut(r.URL.Query().Get("$filter"), "SupplierInvoiceIDByInvcgParty eq '")
		reference, _, _ := strings.Cut(rest, "' and InvoicingParty eq '")
		if d, ok := s.docs[reference]; ok {
			reply(w, 200, `{"d":{"results":[{"SupplierInvoice":%q,"FiscalYear":"2026","InvoiceGrossAmount":%q,"DocumentCurrency":"USD"}]}}`, d.id, d.total)
			return
		}
		reply(w, 200, `{"d":{"results":[]}}`)
	case name == "A_SupplierInvoice":
		doc := sentJSON(body)
		id := s.create(doc["SupplierInvoiceIDByInvcgParty"].(string), doc["InvoiceGrossAmount"].(string))
		reply(w, 201, `{"d":{"SupplierInvoice":%q,"FiscalYear":"2026"}}`, id)
	case name == "GetAllOriginals":
		reply(w, 200, `{"d":{"results":[{"FileName":%q}]}}`, s.docs[r.URL.Query().Get("LinkedSAPObjectKey")].id)
	case r.Header.Get("Slug") == "" || r.Header.Get("Content-Type") != "application/pdf":
		reply(w, 400, `{"error":{"message":{"value":"no file"}}}`)
	default:
		key := "'" + r.Header.Get("LinkedSAPObjectKey") + "'"
		s.applied["attach "+key]++
		s.docs[key] = erpDocument{id: r.Header.Get("Slug")}
		reply(w, 201, `{"d":{}}`)
	}
}

func netsuiteTest() erpTest {
	const bill, credit = "PUT /services/rest/record/v1/vendorBill/eid:rossum-", "PUT /services/rest/record/v1/vendorCredit/eid:rossum-"
	problem := func(code, path, detail string) string {
		return `{"type":"https://www.rfc-editor.org/","title":"Bad Request","status":400,"o:errorDetails":[{"detail":"` + detail + `","o:errorCode":"` + code + `","o:errorPath":"` + path + `"}]}`
	}
	return erpTest{
		env:    map[string]string{"NETSUITE_CONSUMER_KEY": "ck", "NETSUITE_CONSUMER_SECRET": "cs", "NETSUITE_TOKEN": "tk", "NETSUITE_TOKEN_SECRET": "ts"},
		handle: netsuite,
		cases: []erpCase{
			{name: "bill", said: "NetSuite 51", field: "document_id", calls: []string{bill}},
			{name: "credit", set: map[string]string{"document_type": "credit_note"}, said: "NetSuite 51", calls: []string{credit}},
			{name: "rejected", fault: refused(bill, 400, problem("INVALID_KEY_OR_REF", "entity", "Invalid entity reference key 1207")), dead: outcome.Rejected, said: "Invalid entity reference key", field: "sender_vat_id", calls: []string{bill}},
			{name: "rejected without a field", fault: refused(bill, 400, problem("USER_ERROR", "", "The accounting period is closed")), dead: outcome.Rejected, said: "The accounting period is closed", calls: []string{bill}},
			{name: "throttled", fault: refused(bill, 429, ``, "Retry-After", "1"), calls: []string{bill, bill}},
			{name: "bad token", fault: refused(bill, 400, problem("INVALID_LOGIN_ATTEMPT", "", "Invalid login attempt")), dead: outcome.Misconfigured, said: "NetSuite refuses the token", calls: []string{bill}},
			{name: "answer lost", fault: lost(bill), said: "NetSuite 51", calls: []string{bill, bill}},
			{name: "gateway gone after it was written", fault: refused(bill, 502, `<html>`), calls: []string{bill, bill}},
		},
	}
}

// netsuite answers as the record service of SuiteTalk REST does: an upsert by external id, 204 and Location.
func netsuite(s *script, w http.ResponseWriter, r *http.Request, body []byte) {
	doc, auth := sentJSON(body), r.Header.Get("Authorization")
	total := 0.0
	lines, _ := doc["expense"].(map[string]any)["items"].([]any)
	for _, line := range lines {
		amount, _ := line.(map[string]any)["amount"].(json.Number).Float64()
		total += amount
	}
	switch {
	case !strings.HasPrefix(auth, `OAuth realm="1234567_SB1"`) || !strings.Contains(auth, `oauth_signature_method="HMAC-SHA256"`):
		reply(w, 401, `{}`)
	case r.URL.Query().Get("replace") != "expense" || doc["currency"].(map[string]any)["id"] == "" || total <= 0:
		reply(w, 400, `{"title":"the script wants replace, a currency and positive amounts"}`)
	default:
		if _, there := s.docs[r.URL.Path]; !there {
			s.create(r.URL.Path, "")
		}
		w.Header().Set("Location", "https://example"+r.URL.Path[:strings.LastIndex(r.URL.Path, "/")+1]+s.docs[r.URL.Path].id)
		w.WriteHeader(204)
	}
}

func businessCentralTest() erpTest {
	const company = "/companies(00000000-0000-0000-0000-000000000000)"
	const token, look, create, post, posted = "POST /token", "GET " + company + "/purchaseInvoices", "POST " + company + "/purchaseInvoices", "POST " + company + "/purchaseInvoices(", "GET " + company + "/purchaseInvoices("
	const memoLook, memo = "GET " + company + "/purchaseCreditMemos", "POST " + company + "/purchaseCreditMemos"
	const entry, entries, content = "POST " + company + "/attachments", "GET " + company + "/attachments", "PATCH " + company + "/attachments("
	dialog := func(text string) string {
		return `{"error":{"code":"Application_DialogException","message":"` + text + `  CorrelationId:  1."}}`
	}
	return erpTest{
		env:    map[string]string{"BC_CLIENT_SECRET": "s3cret", "BC_TOKEN_URL": "ERP/token"},
		handle: businessCentral,
		cases: []erpCase{
			{name: "invoice", said: "Business Central PI-51", field: "document_id", calls: []string{token, look, create, entry, content, post}, sent: map[string]string{create: `"unitCost":1540.00`}},
			{name: "credit memo", set: map[string]string{"document_type": "credit_note"}, calls: []string{memoLook, memo, entry, content, memo}, sent: map[string]string{memo: `"unitCost":11600.00`}},
			{name: "there already", there: map[string]erpDocument{"%s": {"5190", "3189.97"}}, said: "PI-5190", calls: []string{look, entry, content, post}},
			{name: "another with this number", there: map[string]erpDocument{"%s": {"1", "7"}}, dead: outcome.Rejected, said: "another document with this number", calls: []string{look}},
			{name: "rejected", fault: refused(create, 400, dialog("Vendor V00010 is blocked.")), dead: outcome.Rejected, said: "Vendor V00010 is blocked.", calls: []string{look, create}},
			{name: "entity changed", fault: refused(create, 409, `{"error":{"code":"Request_EntityChanged","message":"Another user has changed the record."}}`), calls: []string{look, create, create, entry, content, post}},
			{name: "throttled", fault: refused(create, 429, ``, "Retry-After", "1"), calls: []string{look, create, create, entry, content, post}},
			{name: "answer lost", fault: lost(create), calls: []string{look, create, look, entry, content, post}},
			{name: "answer to the attachment lost", fault: lost(entry), calls: []string{look, create, entry, entries, content, post}},
			{name: "answer to the posting lost", fault: &fault{call: post, end: "post", lost: true}, calls: []string{look, create, entry, content, post, posted}},
			{name: "posting refused", fault: refused(post, 400, dialog("The posting date is not in the allowed range.")), dead: outcome.Rejected, said: "not in the allowed range", calls: []string{look, create, entry, content, post}},
		},
	}
}

// businessCentral answers as the API v2.0 does, with OData V4.
func businessCentral(s *script, w http.ResponseWriter, r *http.Request, body []byte) {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	documents, id, one := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	doc, filter := sentJSON(body), r.URL.Query().Get("$filter")
	switch {
	case name == "token":
		reply(w, 200, `{"access_token":"t0ken","token_type":"Bearer","expires_in":3599}`)
	case r.Header.Get("Authorization") != "Bearer t0ken":
		reply(w, 401, ``)
	case name == "attachments" && r.Method == "POST":
		reply(w, 201, `{"id":%q}`, s.create("attachment "+doc["parentId"].(string), doc["fileName"].(string)))
	case name == "attachments":
		d := s.docs["attachment "+strings.TrimPrefix(filter, "parentId eq ")]
		reply(w, 200, `{"value":[{"id":%q,"fileName":%q}]}`, d.id, d.total)
	case name == "attachmentContent" && r.Header.Get("If-Match") == "*" && strings.HasPrefix(string(body), "%PDF"):
		w.WriteHeader(204)
	case name == "Microsoft.NAV.post":
		s.applied[r.URL.Path]++
		w.WriteHeader(204)
	case r.Method == "GET" && one:
		status := "Draft"
		if s.applied[r.URL.Path+"/Microsoft.NAV.post"] > 0 {
			status = "Open"
		}
		reply(w, 200, `{"id":%q,"status":%q}`, id, status)
	case r.Method == "GET":
		_, rest, _ := strings.Cut(filter, "Number eq '")
		number, _, _ := strings.Cut(rest, "' and vendorNumber eq 'V000")
		if d, ok := s.docs[number]; ok {
			reply(w, 200, `{"value":[{"id":%q,"number":"PI-%s","totalAmountExcludingTax":%s}]}`, d.id, d.id, d.total)
			return
		}
		reply(w, 200, `{"value":[]}`)
	case documents == "purchaseInvoices":
		created := s.create(doc["vendorInvoiceNumber"].(string), "3189.97")
		reply(w, 201, `{"id":%q,"number":"PI-%s"}`, created, created)
	case documents == "purchaseCreditMemos":
		created := s.create(doc["vendorCreditMemoNumber"].(string), "15000")
		reply(w, 201, `{"id":%q,"number":"PC-%s"}`, created, created)
	default:
		reply(w, 400, `{"error":{"message":"the script does not know this call"}}`)
	}
}
