package rossumapi

import (
	"strings"
	"testing"
)

func TestUnderBase(t *testing.T) {
	const acme = "https://acme.rossum.app"
	for _, c := range []struct {
		base, target string
		want         bool
	}{
		{acme, "https://acme.rossum.app/api/v1/annotations/1", true},
		{acme, "https://acme.rossum.app", true},
		{acme, "https://ACME.rossum.app/api", true},
		{acme, "https://acme.rossum.app:443/api", true},
		{acme + "/", "https://acme.rossum.app/api", true},
		{"https://elis.rossum.ai", "https://elis.rossum.ai/api/v1/documents/1/content", true},
		{"https://rossum.intra.acme.example:8443", "https://rossum.intra.acme.example:8443/api", true},
		{acme + "/api", "https://acme.rossum.app/api/v1", true},
		{acme, "https://api.acme.rossum.app/api", false},
		{acme, "https://acme.rossum.app.evil.example/api", false},
		{acme, "https://evil.example/acme.rossum.app", false},
		{acme, "http://acme.rossum.app/api", false},
		{acme, "https://acme.rossum.app:8443/api", false},
		{acme, "https://user@acme.rossum.app/api", false},
		{acme, "https://acme.rossum.app@evil.example/api", false},
		{acme, "https://acme.rossum.app\\@evil.example/api", false},
		{acme, "//acme.rossum.app/api", false},
		{acme, "/api/v1/annotations/1", false},
		{acme, "https:acme.rossum.app", false},
		{acme, "javascript:alert(1)", false},
		{acme, "", false},
		{acme + "/api", "https://acme.rossum.app/apix", false},
		{acme + "/api", "https://acme.rossum.app/api/../internal", false},
		{acme + "/api", "https://acme.rossum.app/api/%2e%2e/internal", false},
		{"", "https://acme.rossum.app", false},
		{"https://u:p@acme.rossum.app", "https://acme.rossum.app", false},
		{"http://acme.rossum.app", "http://acme.rossum.app/api", false},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080/api", true},
		{"http://[::1]:8080", "http://[::1]:8080/api", true},
		{"http://localhost:8080", "http://localhost:8080/api", true},
		{"http://localhost:8080", "http://127.0.0.1:8080/api", false},
	} {
		if got := UnderBase(c.base, c.target); got != c.want {
			t.Errorf("UnderBase(%q, %q) = %v", c.base, c.target, got)
		}
	}
	if !UnderBase("http://sim:8080", "http://sim:8080/api", AllowHTTP()) {
		t.Error("AllowHTTP does not allow http")
	}
}

func TestCheckURLsNamesTheHostOnly(t *testing.T) {
	const evil = "https://evil.example/steal?token=t0p"
	for _, more := range []string{
		`,"hook":"` + evil + `"`,
		`,"upload":"` + evil + `"`,
		`,"email":{"url":"` + evil + `"}`,
		`,"queue":"` + evil + `"`,
		`,"files":[{"document":"` + evil + `"}]`,
		`,"document":{"content":"` + evil + `"}`,
		`,"document":{"url":"` + evil + `"}`,
		`,"annotation":{"url":"` + evil + `"}`,
		`,"annotation":{"content":"` + evil + `"}`,
		`,"annotation":{"modifier":"` + evil + `"}`,
		`,"annotation":{"automation_blocker":"` + evil + `"}`,
	} {
		e, err := DecodeEnvelope([]byte(envelopeOf(more)))
		if err != nil {
			t.Fatal(err)
		}
		err = e.CheckURLs()
		if err == nil || !strings.Contains(err.Error(), "https://evil.example is not under https://acme.rossum.app") {
			t.Errorf("%s: %v", more, err)
		}
		if err != nil && strings.Contains(err.Error(), "t0p") {
			t.Errorf("%v holds the query", err)
		}
	}
}

func TestIDFromURL(t *testing.T) {
	for target, want := range map[string]int64{
		"https://acme.rossum.app/api/v1/annotations/7204415":                    7204415,
		"https://acme.rossum.app/api/v1/annotations/7204415/content/2104887103": 7204415,
		"https://acme.rossum.app/api/v1/documents/7311902/content":              7311902,
		"https://acme.rossum.app/api/v1/queues/48213?x=1":                       48213,
	} {
		if got, err := IDFromURL(target); got != want || err != nil {
			t.Errorf("%s: %d, %v", target, got, err)
		}
	}
	for _, target := range []string{"", "https://acme.rossum.app/api/v1/annotations/", "https://a/%", "x/y"} {
		if id, err := IDFromURL(target); err == nil {
			t.Errorf("%s: %d", target, id)
		}
	}
}
