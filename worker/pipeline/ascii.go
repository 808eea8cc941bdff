package pipeline

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// asciiText writes text in ASCII: letters without their accents, others by their usual spelling, the rest as ?.
func asciiText(_ *frame, text string, _ arguments) (string, error) {
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		switch s, known := spelling(r); {
		case r < 0x80:
			b.WriteRune(r)
		case known:
			b.WriteString(s)
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteByte('?')
		}
	}
	return b.String(), nil
}

// spelling is how a letter that does not decompose is written in ASCII.
func spelling(r rune) (string, bool) {
	s, ok := map[rune]string{
		'ß': "ss", 'ẞ': "SS", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D",
		'ð': "d", 'Ð': "D", 'þ': "th", 'Þ': "Th", 'ı': "i", 'ħ': "h", 'Ħ': "H", '–': "-", '—': "-", '−': "-", '‘': "'", '’': "'",
		'‚': "'", '“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '€': "EUR", '£': "GBP", '×': "x", '•': "*", '·': ".",
	}[r]
	return s, ok
}
