package invoice

import (
	"encoding/base64"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Options of encoding an invoice in one of the formats of package format.
type Options struct {
	// Profile is what the document promises to conform to; each format says
	// which it knows.
	Profile string
	// Attachments are embedded in the document.
	Attachments []Attachment
}

// Encoder writes an invoice in one format. Problems say why there is no
// document, or warn; an error is the configuration's fault.
type Encoder func(*Invoice, Options) (document.Document, []Problem, error)

// Attachment is a file to embed, the original scan as a rule.
type Attachment struct {
	Filename  string
	MediaType string
	Content   []byte
}

// Base64 returns the content in lines of 76 characters. Firewalls take long
// runs of base64 that happen to spell drop or union for an attack.
func (a Attachment) Base64() string {
	const width = 76
	const chunk = width / 4 * 3
	var b strings.Builder
	b.Grow(base64.StdEncoding.EncodedLen(len(a.Content))/width*(width+1) + width + 1)
	line := make([]byte, width)
	for content := a.Content; len(content) > 0; {
		n := min(chunk, len(content))
		base64.StdEncoding.Encode(line, content[:n])
		b.Write(line[:base64.StdEncoding.EncodedLen(n)])
		if content = content[n:]; len(content) > 0 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// SafeName returns a file name of ASCII letters, digits, dots, hyphens and
// underscores, at most 100 characters, which keeps its ending.
func SafeName(name string) string {
	const most, ending = 100, 10
	safe := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-':
			return c
		}
		return '_'
	}, name)
	for strings.Contains(safe, "__") {
		safe = strings.ReplaceAll(safe, "__", "_")
	}
	for strings.Contains(safe, "..") {
		safe = strings.ReplaceAll(safe, "..", ".")
	}
	dot := strings.LastIndexByte(safe, '.')
	if dot < len(safe)-ending || dot < 0 || strings.Contains(safe[dot:], "_") {
		dot = len(safe)
	}
	stem := strings.Trim(safe[:dot], "._-")
	if stem == "" {
		stem = "document"
	}
	end := strings.TrimRight(safe[dot:], ".-")
	return stem[:min(len(stem), most-len(end))] + end
}
