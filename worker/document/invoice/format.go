package invoice

import (
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Options of encoding an invoice in one of the formats of package format.
type Options struct {
	// Profile is what the document promises to conform to; each format says
	// which it knows.
	Profile string
	// ContentType of the document, "" for the format's own.
	ContentType string
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
	Content   document.Embedded
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
