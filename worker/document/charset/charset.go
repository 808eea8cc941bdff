// Package charset turns text into the bytes of an encoding ERPs still ask for.
package charset

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Encoding is one way to write text. The zero Encoding is UTF-8.
type Encoding struct {
	name    string
	charmap *charmap.Charmap // nil for UTF-8
	bom     bool
	// Transliterate writes characters the encoding has not as the nearest it has, else as ?; without it they are an
	// error.
	Transliterate bool
}

// ReadOptions reads `encoding: utf-8` and `unmappable: fail | transliterate`.
func ReadOptions(r *document.OptionReader) Encoding {
	name := r.Choice("encoding", "utf-8", "utf-8-bom", "windows-1250", "windows-1252", "iso-8859-1", "iso-8859-2", "iso-8859-15")
	return Encoding{
		name: name, bom: name == "utf-8-bom", charmap: tables()[name],
		Transliterate: r.Choice("unmappable", "fail", "transliterate") == "transliterate",
	}
}

func tables() map[string]*charmap.Charmap {
	return map[string]*charmap.Charmap{
		"windows-1250": charmap.Windows1250, "windows-1252": charmap.Windows1252,
		"iso-8859-1": charmap.ISO8859_1, "iso-8859-2": charmap.ISO8859_2, "iso-8859-15": charmap.ISO8859_15,
	}
}

// Name for a content type's charset.
func (e Encoding) Name() string {
	if e.charmap == nil {
		return "utf-8"
	}
	return e.name
}

// Fit is text as the encoding can write it, with the number of characters that were replaced on the way. Bytes that are
// not UTF-8 count too and become U+FFFD, or ?.
func (e Encoding) Fit(text string) (fit string, replaced int, err error) {
	if !utf8.ValidString(text) {
		clean := strings.ToValidUTF8(text, "\uFFFD")
		replaced = strings.Count(clean, "\uFFFD") - strings.Count(text, "\uFFFD")
		text = clean
	}
	if e.charmap == nil {
		return text, replaced, nil
	}
	var b strings.Builder
	for _, c := range norm.NFC.String(text) {
		if _, ok := e.charmap.EncodeRune(c); ok {
			b.WriteRune(c)
			continue
		}
		if !e.Transliterate {
			return "", 0, document.Invalid("the character %q (U+%04X) is not in %s; set unmappable: transliterate", c, c, e.name)
		}
		replaced++
		b.WriteString(e.nearest(c))
	}
	return b.String(), replaced, nil
}

// nearest is c without its accents, or as other letters, or ?.
func (e Encoding) nearest(c rune) string {
	if s, ok := similar[c]; ok && e.holds(s) {
		return s
	}
	plain := strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Mn, c) {
			return -1
		}
		return c
	}, norm.NFKD.String(string(c)))
	if plain != "" && e.holds(plain) {
		return plain
	}
	return "?"
}

func (e Encoding) holds(s string) bool {
	for _, c := range s {
		if _, ok := e.charmap.EncodeRune(c); !ok {
			return false
		}
	}
	return true
}

// similar are letters and marks that decompose into nothing; constant.
var similar = map[rune]string{
	'ß': "ss", 'ẞ': "SS", 'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ð': "d", 'Ð': "D", 'ø': "o", 'Ø': "O", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE",
	'þ': "th", 'Þ': "Th", 'ı': "i", 'ħ': "h", 'Ħ': "H", 'ŋ': "n", 'Ŋ': "N", '€': "EUR", '£': "GBP", '¥': "JPY",
	'‘': "'", '’': "'", '‚': "'", '“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '–': "-", '—': "-", '‐': "-", '‑': "-", '−': "-",
	'…': "...", '•': "*", '·': "*", '×': "x", '\u200b': "", '\u200c': "", '\u200d': "", '\u2060': "", '\ufeff': "", '\u00ad': "",
}

// Bytes writes text that Fit returned; at the beginning of a document first is true.
func (e Encoding) Bytes(fit string, first bool) ([]byte, error) {
	if e.charmap == nil {
		if e.bom && first {
			return append([]byte("\uFEFF"), fit...), nil
		}
		return []byte(fit), nil
	}
	data, err := e.charmap.NewEncoder().Bytes([]byte(fit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.name, err)
	}
	return data, nil
}
