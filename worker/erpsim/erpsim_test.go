package erpsim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a simulator and a client without kept connections.
func start(t *testing.T, opts erpsim.Options) (*erpsim.Sim, *client) {
	t.Helper()
	sim := erpsim.New(opts)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	return sim, &client{t: t, url: server.URL, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

type client struct {
	t    *testing.T
	url  string
	http *http.Client
	auth string
}

// answer is what a client sees: an error or a status and a body, which may have broken off.
type answer struct {
	err     error
	status  int
	header  http.Header
	body    string
	bodyErr error
}

func (c *client) do(ctx context.Context, method, path, contentType, body string, header ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(data), bodyErr: err}
}

func (c *client) post(path, body string, header ...string) answer {
	c.t.Helper()
	return c.do(c.t.Context(), http.MethodPost, path, "application/json", body, header...)
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.do(c.t.Context(), http.MethodGet, path, "", "")
}

func invoice(n int) string { return fmt.Sprintf(`{"invoice-number":"INV-%d","gross-total":12.50}`, n) }

func wantCounts(t *testing.T, sim *erpsim.Sim, effects, duplicates int) {
	t.Helper()
	if c := sim.Counts(); c.Effects != effects || c.Duplicates != duplicates {
		t.Errorf("%d effects and %d duplicates, want %d and %d", c.Effects, c.Duplicates, effects, duplicates)
	}
}

func TestCreateLookUpAttach(t *testing.T) {
	sim, c := start(t, erpsim.Options{})
	a := c.post("/api/invoices", `{"invoice-number":"INV-1","gross-total":12.50,"supplier":{"id":7}}`)
	if a.status != 201 || a.header.Get("Location") != "/api/invoices/1" || a.body != `{"gross-total":12.50,"id":"1","invoice-number":"INV-1","supplier":{"id":7}}` {
		t.Errorf("got %+v", a)
	}
	c.post("/api/invoices", invoice(2))
	for path, want := range map[string]string{
		"/api/invoices?invoice-number=INV-1":                    `[{"gross-total":12.50,"id":"1","invoice-number":"INV-1","supplier":{"id":7}}]`,
		"/api/invoices?supplier%5Bid%5D=7&invoice-number=INV-1": `[{"gross-total":12.50,"id":"1","invoice-number":"INV-1","supplier":{"id":7}}]`,
		"/api/invoices?supplier%5Bid%5D=8&invoice-number=INV-1": `[]`,
		"/api/invoices?no-such-field=1":                         `[]`,
		"/api/orders?invoice-number=INV-1":                      `[]`,
		"/api/invoices/2":                                       `{"gross-total":12.50,"id":"2","invoice-number":"INV-2"}`,
		"/api/invoices/INV-2":                                   `{"gross-total":12.50,"id":"2","invoice-number":"INV-2"}`,
	} {
		if a := c.get(path); a.status != 200 || a.body != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, want := range map[string]int{"/api/invoices/1/image_scan": 200, "/api/invoices/9/image_scan": 404} {
		if a := c.do(t.Context(), http.MethodPut, path, "application/pdf", "%PDF"); a.status != want {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := c.do(t.Context(), http.MethodDelete, "/api/invoices/1", "", ""); a.status != 405 {
		t.Errorf("delete: %+v", a)
	}
	effects := sim.Effects()
	wantCounts(t, sim, 3, 0)
	last := effects[2]
	if last.Kind != erpsim.Attach || last.Key != "1/image_scan" || last.ID != "1" || last.Size != 4 || string(last.Body) != "%PDF" || last.Seq != 3 {
		t.Errorf("got %+v", last)
	}
}

func TestDoubledCallIsADuplicate(t *testing.T) {
	sim, c := start(t, erpsim.Options{})
	for _, path := range []string{"/api/invoices", "/api/invoices", "/api/credit-notes", "/api/invoices/1/notes", "/api/invoices/1/notes"} {
		c.post(path, invoice(1))
	}
	wantCounts(t, sim, 5, 2)
	if d := sim.Duplicates(); d[0].Key != "INV-1" || d[0].Seq != 2 || d[1].Key != "1/notes" {
		t.Errorf("got %+v", d)
	}
}

func TestUpsertByKeyDoublesNothing(t *testing.T) {
	sim, c := start(t, erpsim.Options{})
	for i, want := range []int{201, 200} {
		a := c.do(t.Context(), http.MethodPut, "/api/vendorBill/eid:INV-1", "application/json", fmt.Sprintf(`{"total":%d}`, i))
		if a.status != want || !strings.Contains(a.body, fmt.Sprintf(`"total":%d`, i)) {
			t.Errorf("got %+v", a)
		}
	}
	wantCounts(t, sim, 2, 0)
}

func TestRefusedDuplicates(t *testing.T) {
	sim, c := start(t, erpsim.Options{RefuseDuplicates: 422, Keys: map[string][]string{"invoices": {"supplier[id]", "invoice-number"}}})
	body := func(supplier int) string {
		return fmt.Sprintf(`{"supplier":{"id":%d},"invoice-number":"A"}`, supplier)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { c.post("/api/invoices", body(1)) })
	}
	wg.Wait()
	if a := c.post("/api/invoices", body(1)); a.status != 422 || a.body != `{"errors":{"invoice-number":["has already been taken"]}}` {
		t.Errorf("got %+v", a)
	}
	c.post("/api/invoices", body(2))
	wantCounts(t, sim, 2, 0)
}

func TestIdempotencyKey(t *testing.T) {
	sim, c := start(t, erpsim.Options{HonourIdempotency: true})
	first := c.post("/api/bill", `{"total":1}`, "Idempotency-Key", "k1")
	again := c.post("/api/bill", `{"total":1}`, "Idempotency-Key", "k1")
	if first.status != 201 || again.status != 201 || first.body != again.body {
		t.Errorf("first %+v, again %+v", first, again)
	}
	wantCounts(t, sim, 1, 0)
	if e := sim.Effects()[0]; e.Key != "k1" || e.Idempotency != "k1" {
		t.Errorf("got %+v", e)
	}
}

func TestFormats(t *testing.T) {
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	_ = parts.WriteField("invoice_number", "M1")
	_ = parts.Close()
	xmlDoc := `<?xml version="1.0" encoding="windows-1250"?><Invoice xmlns:cbc="urn:x"><cbc:ID>X1</cbc:ID><Party><Name>` + "\x9elu\x9d" + `</Name></Party></Invoice>`
	for name, f := range map[string]struct{ contentType, body, key, query string }{
		"json":      {"application/json", `{"document_id":"J1","n":1.10}`, "J1", "n=1.10"},
		"xml":       {"application/xml", xmlDoc, "X1", "ID=X1&Party%5BName%5D=" + url.QueryEscape("žluť")},
		"csv":       {"text/csv; charset=utf-8", "\uFEFFnumber;total\r\n\"C;1\";1,5\r\n", "C;1", "total=1%2C5"},
		"form":      {"application/x-www-form-urlencoded", "InvoiceNumber=F1&a=b+c", "F1", "a=b+c"},
		"multipart": {parts.FormDataContentType(), form.String(), "M1", "invoice_number=M1"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c := start(t, erpsim.Options{})
			if a := c.do(t.Context(), http.MethodPost, "/api/docs", f.contentType, f.body); a.status != 201 {
				t.Fatalf("got %+v", a)
			}
			if e := sim.Effects()[0]; e.Key != f.key || string(e.Body) != f.body {
				t.Errorf("key %q, want %q", e.Key, f.key)
			}
			if a := c.get("/api/docs?" + f.query); !strings.Contains(a.body, `"id":"1"`) {
				t.Errorf("not found by %s: %+v", f.query, a)
			}
		})
	}
	for contentType, body := range map[string]string{
		"application/json": `{"a":1} x`, "text/json": "{", "application/xml": "<a><b></a>", "text/xml": "", "multipart/form-data; boundary=x": "y", "bad type;": "",
	} {
		sim, c := start(t, erpsim.Options{})
		if a := c.do(t.Context(), http.MethodPost, "/api/docs", contentType, body); a.status != 400 {
			t.Errorf("%s: %+v", contentType, a)
		}
		wantCounts(t, sim, 0, 0)
	}
}

func TestXMLAnswer(t *testing.T) {
	_, c := start(t, erpsim.Options{})
	a := c.post("/api/docs", `{"number":"<1>"}`, "Accept", "application/xml")
	want := `<response><document><field name="id">1</field><field name="number">&lt;1&gt;</field></document></response>`
	if a.header.Get("Content-Type") != "application/xml" || a.body != want {
		t.Errorf("got %+v", a)
	}
}

func TestCredentials(t *testing.T) {
	opts := erpsim.Options{Username: "u", Password: "p", Bearer: "static", ClientID: "id", ClientSecret: "secret"}
	sim, c := start(t, opts)
	token := func(form string, header ...string) answer {
		return c.do(t.Context(), http.MethodPost, "/oauth2/token", "application/x-www-form-urlencoded", form, header...)
	}
	if a := token("grant_type=client_credentials&client_id=id&client_secret=wrong"); a.status != 401 {
		t.Errorf("got %+v", a)
	}
	if a := token("grant_type=password"); a.status != 400 {
		t.Errorf("got %+v", a)
	}
	if a := token("grant_type=client_credentials", "Authorization", "Basic aWQ6c2VjcmV0"); a.status != 200 {
		t.Errorf("got %+v", a)
	}
	var grant struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	a := token("grant_type=client_credentials&client_id=id&client_secret=secret")
	if err := json.Unmarshal([]byte(a.body), &grant); err != nil || grant.ExpiresIn != 3600 {
		t.Fatalf("%v: %+v", err, a)
	}
	for auth, want := range map[string]int{
		"": 401, "Basic dTpw": 201, "Basic dTp4": 401, "Bearer static": 201, "Bearer x": 401, "Bearer ": 401, "Bearer " + grant.AccessToken: 201,
	} {
		c.auth = auth
		if a := c.post("/api/invoices", "{}"); a.status != want {
			t.Errorf("%q: %+v", auth, a)
		}
	}
	sim.RevokeTokens()
	c.auth = "Bearer " + grant.AccessToken
	if a := c.post("/api/invoices", "{}"); a.status != 401 {
		t.Errorf("a revoked token was taken: %+v", a)
	}
}

func TestControlAPI(t *testing.T) {
	sim, c := start(t, erpsim.Options{Bearer: "needed-for-the-api-only"})
	if a := c.post("/_sim/faults", `{"action":"refuse","status":429,"header":{"Retry-After":"3"},"times":1}`); a.status != 204 {
		t.Errorf("got %+v", a)
	}
	for _, bad := range []string{`{"action":"explode"}`, `{"action":"refuse","stat":1}`, `{"action":"refuse","status":99}`, `{"action":"slow","path":"["}`} {
		if a := c.post("/_sim/faults", bad); a.status != 400 {
			t.Errorf("%s: %+v", bad, a)
		}
	}
	c.auth = "Bearer needed-for-the-api-only"
	if a := c.post("/api/invoices", invoice(1)); a.status != 429 || a.header.Get("Retry-After") != "3" {
		t.Errorf("got %+v", a)
	}
	c.post("/api/invoices", invoice(1))
	c.post("/api/invoices", invoice(1))
	if a := c.get("/_sim/counts"); strings.TrimSpace(a.body) != `{"requests":3,"effects":2,"duplicates":1,"faults":{"refuse":1}}` {
		t.Errorf("counts %s", a.body)
	}
	var effects []erpsim.Effect
	if err := json.Unmarshal([]byte(c.get("/_sim/effects?duplicates=1").body), &effects); err != nil || len(effects) != 1 || effects[0].Key != "INV-1" {
		t.Errorf("%v: %+v", err, effects)
	}
	c.post("/_sim/reset", "")
	wantCounts(t, sim, 0, 0)
	if a := c.get("/_sim/effects"); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("effects %s", a.body)
	}
}

func TestServe(t *testing.T) {
	if err := erpsim.Serve(t.Context(), erpsim.Options{Faults: []erpsim.Rule{{Action: "explode"}}}, "127.0.0.1:0"); err == nil {
		t.Error("an unknown action must be refused")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sim := erpsim.New(erpsim.Options{Faults: []erpsim.Rule{{Action: erpsim.HangAfter}}})
	done := make(chan error, 1)
	go func() { done <- sim.Serve(ctx, l) }()
	c := &client{t: t, url: "http://" + l.Addr().String(), http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	hanging := make(chan answer, 1)
	go func() { hanging <- c.post("/api/invoices", invoice(1)) }()
	if err := sim.WaitEffects(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel() // stopping releases the call that hangs, without an answer
	if a := <-hanging; a.err == nil {
		t.Errorf("got %+v", a)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantCounts(t, sim, 1, 0)
}

func TestWaitEffectsHonoursTheContext(t *testing.T) {
	sim, _ := start(t, erpsim.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := sim.WaitEffects(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
