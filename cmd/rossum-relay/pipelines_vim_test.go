package main

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

func vimTest() erpTest {
	const token, deliver = "POST /token", "POST /vim/v1/documents"
	return erpTest{
		env:    map[string]string{"VIM_CLIENT_SECRET": "s3cret", "VIM_TOKEN_URL": "ERP/token", "VIM_API_KEY": "k3y-of-vim"},
		handle: vim,
		cases: []erpCase{
			{name: "invoice", said: "Registered in VIM as 51", field: "document_id", calls: []string{token, deliver}},
			{name: "credit note", set: map[string]string{"document_type": "credit_note"}, said: "Registered in VIM as 51", calls: []string{deliver}},
			{name: "not registered", fault: refused(deliver, 200, `{"id":"x","status":"FAILED","message":"No process type for this company"}`), dead: outcome.Rejected, said: "No process type", calls: []string{deliver}},
			{name: "half an answer", fault: refused(deliver, 200, `{"id":"x","status":"RUNNING"}`), dead: outcome.Uncertain, said: "may already be at the ERP", calls: []string{deliver}},
			{name: "threat protection", fault: refused(deliver, 403, `{"code":"FORBIDDEN_PARAMETER, sql"}`), dead: outcome.Rejected, said: "takes a text of the document for an attack", calls: []string{deliver}},
			{name: "gateway busy", fault: refused(deliver, 503, ``, "Retry-After", "1"), calls: []string{deliver, deliver}},
			{name: "answer lost", fault: lost(deliver), dead: outcome.Uncertain, said: "may already be at the ERP", calls: []string{deliver}},
			{name: "sums do not agree", set: map[string]string{"amount_total": "3500.00"}, dead: outcome.Rejected, said: "3500.00", field: "amount_total"},
		},
	}
}

// vim takes what OpenText VIM takes: a part document with UBL, in which the original stands as base64 in broken lines.
func vim(s *script, w http.ResponseWriter, r *http.Request, body []byte) {
	number, problem := readUBL(r.Header.Get("Content-Type"), body)
	switch {
	case r.URL.Path == "/token":
		reply(w, 200, `{"access_token":"t0ken","token_type":"Bearer","expires_in":3599}`)
	case r.Header.Get("Authorization") != "Bearer t0ken":
		reply(w, 401, ``)
	case r.URL.Query().Get("apiKey") != "k3y-of-vim" || r.URL.Query().Get("sap-client") != "100":
		reply(w, 403, `{"code":"no key"}`)
	case problem != "":
		reply(w, 400, `{"message":%q}`, problem)
	default:
		reply(w, 201, `{"id":"5d3f1c52","status":"COMPLETED","documents":[{"regid":%s,"status":"REGISTERED"}]}`, s.create(number, ""))
	}
}

// readUBL reads the number of the invoice in a multipart body, or says what is wrong with it.
func readUBL(contentType string, body []byte) (number, problem string) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", "no multipart"
	}
	part, err := multipart.NewReader(strings.NewReader(string(body)), params["boundary"]).NextPart()
	if err != nil || part.FormName() != "document" || part.Header.Get("Content-Type") != "text/xml" {
		return "", "no part document of text/xml"
	}
	document, _ := io.ReadAll(part)
	var ubl struct {
		XMLName xml.Name
		ID      string `xml:"ID"`
		Scan    string `xml:"AdditionalDocumentReference>Attachment>EmbeddedDocumentBinaryObject"`
	}
	if err := xml.Unmarshal(document, &ubl); err != nil || ubl.XMLName.Local != "Invoice" && ubl.XMLName.Local != "CreditNote" {
		return "", "no UBL"
	}
	scan, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(ubl.Scan, "\n", ""))
	if err != nil || !strings.HasPrefix(string(scan), "%PDF") {
		return "", "no scan"
	}
	return ubl.ID, ""
}
