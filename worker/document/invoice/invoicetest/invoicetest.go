// Package invoicetest holds what the tests of the canonical invoice and of its
// formats share: payloads, golden files, schemas and hostile invoices.
package invoicetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Payloads are the names of the export payloads.
var Payloads = []string{
	"01-export-us-standard-ap", "02-export-po-backed-sideloads", "03-export-credit-note-czk", "04-export-header-only-chf",
	"05-export-einvoice-2000-lines", "06-export-unicode-jpy", "07-export-missing-values",
}

// root is the project's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Tree returns the datapoint tree of a payload.
func Tree(t testing.TB, name string) rossumapi.Tree {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root(t), "rossumapi", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := rossumapi.DecodePayload(body)
	if err != nil {
		t.Fatal(err)
	}
	return payload.Content
}

// Read returns the invoice of a payload and what is wrong with it.
func Read(t testing.TB, name string) (*invoice.Invoice, []invoice.Problem) {
	t.Helper()
	inv, problems, err := invoice.Read(Tree(t, name), invoice.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	return inv, problems
}

// Complete returns an invoice between German parties that keeps all rules of
// all profiles. It was read from a payload, so that problems are located.
func Complete(t testing.TB) *invoice.Invoice {
	t.Helper()
	inv, _ := Read(t, Payloads[1])
	inv.BuyerReference = "04011000-12345-34"
	inv.Seller.Contact = invoice.Contact{Name: "Buchhaltung", Phone: "+49 7021 555000", Email: "rechnung@bergmann.example"}
	inv.Delivery.Date = "2026-05-15"
	inv.Delivery.Address = invoice.Address{Lines: []string{"Tor 3"}, City: "Kempten", Postcode: "87435", Country: "DE"}
	return inv
}

// Embedded is a file to embed.
func Embedded(content []byte) document.Embedded {
	return document.Embedded{Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

// Bytes reads a document with the files embedded in it.
func Bytes(t testing.TB, doc document.Document) []byte {
	t.Helper()
	r, err := doc.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	whole, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// Report lists problems for golden files.
func Report(problems []invoice.Problem) []byte {
	var b bytes.Buffer
	for _, p := range problems {
		fmt.Fprintf(&b, "%s %s: %s\n\tat %s row %d: %s %d\n", p.Severity, p.Rule, p.Message, p.Field, p.Row, p.SchemaID, p.Datapoint)
	}
	return b.Bytes()
}

// Formats encodes real documents: each profile gives a document, which check looks at, or says at which fields it is
// refused.
func Formats(t *testing.T, encode invoice.Encoder, profiles []string, check func(t *testing.T, inv *invoice.Invoice, body []byte)) {
	for _, name := range Payloads {
		inv, _ := Read(t, name)
		for _, profile := range profiles {
			t.Run(name+"/"+profile, func(t *testing.T) {
				doc, problems, err := encode(inv, invoice.Options{Profile: profile})
				switch {
				case err != nil:
					t.Fatal(err)
				case invoice.Blocks(problems) != (len(doc.Body) == 0):
					t.Fatalf("%d bytes in spite of %d problems", len(doc.Body), len(problems))
				case len(doc.Body) == 0:
					Golden(t, name+"."+profile+".txt", Report(problems))
				default:
					Golden(t, name+"."+profile+".xml", doc.Body)
					check(t, inv, doc.Body)
				}
			})
		}
	}
}

// Failer is what *testing.T and *rapid.T fail by.
type Failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Equal compares amounts that a rule wants equal.
func Equal(t Failer, rule string, got, want decimal.Decimal) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s: %s, expected %s", rule, got, want)
	}
}

// Golden compares with a file in testdata. Of what is large it keeps the ends
// and a hash of the whole.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	const large, end = 64 << 10, 3 << 10
	if len(got) > large {
		middle := fmt.Sprintf("\n... %d bytes, sha256 %x ...\n", len(got), sha256.Sum256(got))
		got = bytes.Join([][]byte{got[:end], got[len(got)-end:]}, []byte(middle))
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts it:\n%s", path, diff)
	}
}

// Schema validates documents against an XML Schema with xmllint. It skips the
// test where there are no schemas beside the project, or no xmllint.
func Schema(t *testing.T, schema string, documents ...[]byte) {
	t.Helper()
	path := filepath.Join(root(t), "..", "shared", "schemas", schema)
	if _, err := os.Stat(path); err != nil {
		t.Skip("no schemas beside the project: ", path)
	}
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not installed (Debian: libxml2-utils)")
	}
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--huge", "--schema", path}
	for i, document := range documents {
		file := filepath.Join(dir, fmt.Sprintf("%04d.xml", i))
		if err := os.WriteFile(file, document, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if out, err := exec.Command("xmllint", args...).CombinedOutput(); err != nil {
		t.Errorf("not valid against %s: %v\n%.2000s", schema, err, out)
	}
}
