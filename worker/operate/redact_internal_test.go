package operate

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMaskBody(t *testing.T) {
	for name, test := range map[string]struct{ kind, body, want string }{
		"json":        {"application/json", `{"b":"Müller","a":[1.50,true,null,{}],"n":-2}`, "{\n  \"b\": \"[6 chars]\",\n  \"a\": [\n    \"[4 chars]\",\n    true,\n    null,\n    {}\n  ],\n  \"n\": \"[2 chars]\"\n}"},
		"empty text":  {"application/json", `{"a":""}`, "{\n  \"a\": \"\"\n}"},
		"broken json": {"application/json", `{"a":"secret`, "[1 lines, 12 chars]"},
		"xml": {
			"application/xml; charset=utf-8", `<?xml version="1.0"?><!-- secret --><u:Invoice xmlns:u="urn:x" id="4711"><u:Name>Müller</u:Name> <u:Empty/></u:Invoice>`,
			`<u:Invoice xmlns:u="urn:x" id="[4 chars]"><u:Name>[6 chars]</u:Name> <u:Empty></u:Empty></u:Invoice>`,
		},
		"cdata":      {"text/xml", `<a><![CDATA[secret]]></a>`, `<a>[6 chars]</a>`},
		"broken xml": {"text/xml", `<a secret`, "[1 lines, 9 chars]"},
		"csv":        {"text/csv", "a;b\n1;secret\n", "[3 lines, 13 chars]"},
		"no type":    {"", "secret", "[1 lines, 6 chars]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := maskBody(test.kind, []byte(test.body)); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// FuzzMaskBody: no word of four letters survives in the values of what is masked, whatever the document is.
func FuzzMaskBody(f *testing.F) {
	f.Add("application/json", `{"a":["hidden"]}`)
	f.Add("text/xml", `<a b="hidden">hidden<!--hidden--><?pi hidden?><!DOCTYPE hidden></a>`)
	f.Fuzz(func(t *testing.T, kind, word string) {
		const secret = "qzxwvjkq"
		for _, body := range []string{
			`{"a":"` + secret + word + `"}`, `["` + word + secret + `"]`, `<a>` + secret + word + `</a>`, `<a b="` + secret + `">` + word + `</a>`,
		} {
			got := maskBody(kind, []byte(body))
			if !utf8.ValidString(word) || strings.ContainsAny(word, `<>"\`) {
				continue // the word may make names of values
			}
			if strings.Contains(got, secret) {
				t.Errorf("%s of %q shows %q", kind, body, got)
			}
		}
	})
}
