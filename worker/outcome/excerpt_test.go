package outcome_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

func TestExcerptMasksCredentials(t *testing.T) {
	const secret = "hunter2-s3cr3t"
	for name, body := range map[string]string{
		"json string":        `{"access_token":"hunter2-s3cr3t","expires_in":3600}`,
		"json escaped quote": `{"password":"a\"hunter2-s3cr3t"}`,
		"json cut":           `{"client_secret": "hunter2-s3cr3t`,
		"json other case":    `{"Authorization" : "Basic hunter2-s3cr3t"}`,
		"json prefixed":      `{"x-api-key":"hunter2-s3cr3t"}`,
		"xml":                `<wsse:Password Type="PasswordText">hunter2-s3cr3t</wsse:Password>`,
		"xml plain":          `<sessionid>hunter2-s3cr3t</sessionid>`,
		"form":               `grant_type=x&client_secret=hunter2-s3cr3t&scope=a`,
		"header echo":        "Authorization: Bearer hunter2-s3cr3t\nHost: x",
		"bearer in text":     `invalid token 'Bearer hunter2-s3cr3t'`,
		"html attribute":     `<input name=a password='hunter2-s3cr3t'>`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := outcome.Excerpt([]byte(body)); strings.Contains(got, secret) {
				t.Errorf("secret shown: %s", got)
			}
		})
	}
	if got := outcome.Excerpt([]byte("your key hunter2-s3cr3t is wrong"), secret); strings.Contains(got, secret) {
		t.Errorf("given secret shown: %s", got)
	}
	jwt := "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	if got := outcome.Excerpt([]byte("bad assertion " + jwt)); strings.Contains(got, "eyJ") {
		t.Errorf("JWT shown: %s", got)
	}
}

func TestExcerptKeepsWhatPeopleNeed(t *testing.T) {
	for _, body := range []string{
		`{"errors":{"invoice-number":["has already been taken"]}}`,
		`{"token_type":"bearer","expires_in":3600}`,
		"<error><message>M8 535: period 12 2025 is closed</message></error>",
		"žluťoučký kůň 請求書",
	} {
		if got := outcome.Excerpt([]byte(body)); got != body {
			t.Errorf("got %q, want %q", got, body)
		}
	}
}

func TestExcerptIsBoundedValidText(t *testing.T) {
	for _, body := range [][]byte{
		[]byte(strings.Repeat("é", 5000)),
		[]byte("a" + strings.Repeat("世", 5000)),
		[]byte("\xff\xfe\x00broken\x1b[31mred"),
		nil,
	} {
		got := outcome.Excerpt(body)
		if len(got) > outcome.MaxExcerpt || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b") {
			t.Errorf("len %d, valid %v: %.40q", len(got), utf8.ValidString(got), got)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte(`{"access_token":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := outcome.Excerpt(body)
		if len(got) > outcome.MaxExcerpt || !utf8.ValidString(got) {
			t.Fatalf("len %d, valid %v", len(got), utf8.ValidString(got))
		}
	})
}
