package outcome

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxExcerpt is the longest excerpt in bytes.
const MaxExcerpt = 4 << 10

// Redacted stands where a credential stood.
const Redacted = "[redacted]"

// Excerpt is the beginning of a response for people: valid UTF-8, at most MaxExcerpt bytes, with the given secrets and
// everything that looks like a credential (values of names such as token, password or authorization in JSON, XML,
// forms and headers; bearer tokens; JWTs) masked.
func Excerpt(body []byte, secrets ...string) string {
	// A credential cut in two would not be recognised: mask first, in twice the length, then cut.
	if len(body) > 2*MaxExcerpt {
		body = body[:2*MaxExcerpt]
	}
	text := strings.ToValidUTF8(string(body), "\uFFFD")
	for _, s := range secrets {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, Redacted)
		}
	}
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	text = strings.Map(printable, text)
	if len(text) <= MaxExcerpt {
		return text
	}
	text = text[:MaxExcerpt]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}

// minSecret is the shortest secret replaced literally: shorter ones would mask innocent text.
const minSecret = 6

// secretName matches names whose values are credentials. A token_type or an expires_in is none.
const secretName = `[\w.:-]*(?:token|secret|passw(?:or)?d|authorization|api[_-]?key|apikey|client_assertion|signature|cookie|session[_-]?id|credential)s?`

type mask struct {
	pattern *regexp.Regexp
	with    string
}

// masks are applied in order; constant after compilation.
var masks = []mask{
	// "access_token": "...", also where the text ends inside the value
	{regexp.MustCompile(`(?i)("` + secretName + `"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)`), `${1}"` + Redacted + `"`},
	{regexp.MustCompile(`(?i)("` + secretName + `"\s*:\s*)(?:[0-9][^\s,}\]]*)`), `${1}"` + Redacted + `"`},
	// <wsse:Password Type="...">...</wsse:Password>
	{regexp.MustCompile(`(?i)(<` + secretName + `(?:\s[^>]*)?>)[^<]+`), `${1}` + Redacted},
	// Authorization: Basic ..., also x-csrf-token: ...
	{regexp.MustCompile(`(?i)(\b` + secretName + `\s*:\s*)[^\s"][^\r\n"]*`), `${1}` + Redacted},
	// client_secret=...&, password='...'
	{regexp.MustCompile(`(?i)(\b` + secretName + `\s*=\s*)["']?[^\s&"'<>;,]+`), `${1}` + Redacted},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), `${1} ` + Redacted},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`), Redacted},
}

// printable drops control characters a terminal or a log would act on.
func printable(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
		return -1
	}
	return r
}
