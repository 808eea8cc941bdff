package httptarget

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
)

// FuzzResolve: no path leaves the base URL's host and path, whichever way a server reads it.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"/api/invoices/1", "../x", "//evil/x", "/a/%2e%2e/b", "@evil", `\evil`, "/?a=b#c", "/a%2f..%2fb", ":1@x/", "..%2f ", "/請/a%2Fb"} {
		f.Add(seed)
	}
	base, err := parseBase("https://erp.example/v1/")
	if err != nil {
		f.Fatal(err)
	}
	target := Target{base: base}
	f.Fuzz(func(t *testing.T, p string) {
		u, err := target.resolve(p, url.Values{"k": {"v"}})
		if err != nil {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != "erp.example" || again.Scheme != "https" || again.User != nil || again.Fragment != "" {
			t.Fatalf("%q became %q: %v", p, u, err)
		}
		if clean := path.Clean(again.EscapedPath()); clean != "/v1" && !strings.HasPrefix(clean, "/v1/") {
			t.Fatalf("%q became %q", p, u)
		}
		if _, err := http.NewRequest(http.MethodGet, u.String(), nil); err != nil {
			t.Fatalf("%q became %q: %v", p, u, err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 4, 8, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{"7", "-1", "1e9", "99999999999999999999", "Wed, 08 Apr 2026 12:05:00 GMT", "NaN"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(http.Header{"Retry-After": {value}}, now); d < 0 {
			t.Fatalf("%q gave %s", value, d)
		}
	})
}

// TestQueryBlanks: a blank is %20, which OData services read as one as much as forms do; a plus stays one.
func TestQueryBlanks(t *testing.T) {
	base, err := parseBase("https://erp.example")
	if err != nil {
		t.Fatal(err)
	}
	target := Target{base: base}
	u, err := target.resolve("/Invoices", url.Values{"$filter": {"Number eq 'A+1 & b'"}})
	if want := "https://erp.example/Invoices?%24filter=Number%20eq%20%27A%2B1%20%26%20b%27"; err != nil || u.String() != want {
		t.Errorf("got %s, %v, want %s", u, err, want)
	}
}
