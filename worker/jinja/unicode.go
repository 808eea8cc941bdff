package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// digitRunes are the code points of which Python's isdigit is true and
// isdecimal is not (Numeric_Type=Digit).
var digitRunes = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0xb2, Hi: 0xb3, Stride: 1}, {Lo: 0xb9, Hi: 0xb9, Stride: 1}, {Lo: 0x1369, Hi: 0x1371, Stride: 1},
		{Lo: 0x19da, Hi: 0x19da, Stride: 1}, {Lo: 0x2070, Hi: 0x2070, Stride: 1}, {Lo: 0x2074, Hi: 0x2079, Stride: 1},
		{Lo: 0x2080, Hi: 0x2089, Stride: 1}, {Lo: 0x2460, Hi: 0x2468, Stride: 1}, {Lo: 0x2474, Hi: 0x247c, Stride: 1},
		{Lo: 0x2488, Hi: 0x2490, Stride: 1}, {Lo: 0x24ea, Hi: 0x24ea, Stride: 1}, {Lo: 0x24f5, Hi: 0x24fd, Stride: 1},
		{Lo: 0x24ff, Hi: 0x24ff, Stride: 1}, {Lo: 0x2776, Hi: 0x277e, Stride: 1}, {Lo: 0x2780, Hi: 0x2788, Stride: 1},
		{Lo: 0x278a, Hi: 0x2792, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10a40, Hi: 0x10a43, Stride: 1}, {Lo: 0x10e60, Hi: 0x10e68, Stride: 1},
		{Lo: 0x11052, Hi: 0x1105a, Stride: 1}, {Lo: 0x1f100, Hi: 0x1f10a, Stride: 1},
	},
}

// ideographicNumbers are the letters Python's isnumeric is true of.
const ideographicNumbers = "㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零"

func isAlpha(r rune) bool        { return unicode.IsLetter(r) }
func isDecimalDigit(r rune) bool { return unicode.Is(unicode.Nd, r) }
func isDigitRune(r rune) bool    { return isDecimalDigit(r) || unicode.Is(digitRunes, r) }

func isNumeric(r rune) bool {
	return unicode.IsNumber(r) || r > 0x3400 && strings.ContainsRune(ideographicNumbers, r)
}

func isAlnum(r rune) bool { return isAlpha(r) || isNumeric(r) }

// decimalValue is the value of a decimal digit of any script, or -1. Decimal
// digits stand in runs of ten.
func decimalValue(r rune) int {
	if r >= '0' && r <= '9' {
		return int(r - '0')
	}
	if r < 0x80 || !isDecimalDigit(r) {
		return -1
	}
	zero := r
	for isDecimalDigit(zero-1) && r-zero < 9 {
		zero--
	}
	if r >= 0x1d7ce && r <= 0x1d7ff { // several runs of ten without a gap
		return int(r-0x1d7ce) % 10
	}
	return int(r - zero)
}

func int64Text(i int64) string { return strconv.FormatInt(i, 10) }

func isLowerRune(r rune) bool { return unicode.In(r, unicode.Ll, unicode.Other_Lowercase) }
func isUpperRune(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Other_Uppercase) }
func isCased(r rune) bool     { return isLowerRune(r) || isUpperRune(r) || unicode.Is(unicode.Lt, r) }

func isLower(s string) bool {
	seen := false
	for _, r := range s {
		if isUpperRune(r) || unicode.Is(unicode.Lt, r) {
			return false
		}
		seen = seen || isLowerRune(r)
	}
	return seen
}

func isUpper(s string) bool {
	seen := false
	for _, r := range s {
		if isLowerRune(r) || unicode.Is(unicode.Lt, r) {
			return false
		}
		seen = seen || isUpperRune(r)
	}
	return seen
}

func isTitle(s string) bool {
	cased, before := false, false
	for _, r := range s {
		switch {
		case isUpperRune(r) || unicode.Is(unicode.Lt, r):
			if before {
				return false
			}
			cased, before = true, true
		case isLowerRune(r):
			if !before {
				return false
			}
			cased, before = true, true
		default:
			before = false
		}
	}
	return cased
}

// upper is str.upper.
func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	var b strings.Builder
	for _, r := range s {
		writeUpper(&b, r)
	}
	return b.String()
}

func writeUpper(b *strings.Builder, r rune) {
	if m, ok := specialUpper[r]; ok {
		b.WriteString(m)
		return
	}
	b.WriteRune(unicode.ToUpper(r))
}

// lower is str.lower.
func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for i, r := range s {
		writeLower(&b, s, i, r)
	}
	return b.String()
}

// writeLower writes the lower case of the code point r at s[i:].
func writeLower(b *strings.Builder, s string, i int, r rune) {
	switch {
	case r == 'İ':
		b.WriteString("i̇")
	case r == 'Σ' && endsWord(s, i):
		b.WriteRune('ς')
	default:
		b.WriteRune(unicode.ToLower(r))
	}
}

// endsWord reports whether the sigma at s[i:] follows a letter and no letter
// follows it.
func endsWord(s string, i int) bool {
	before := strings.TrimRightFunc(s[:i], isCaseIgnorable)
	r, _ := utf8.DecodeLastRuneInString(before)
	if before == "" || !isCased(r) {
		return false
	}
	after := strings.TrimLeftFunc(s[i+len("Σ"):], isCaseIgnorable)
	r, _ = utf8.DecodeRuneInString(after)
	return after == "" || !isCased(r)
}

func isCaseIgnorable(r rune) bool {
	return strings.ContainsRune("'.:^`¨\u00ad·’․", r) || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

func casefold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for _, r := range s {
		if m, ok := specialFold[r]; ok {
			b.WriteString(m)
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

func writeTitle(b *strings.Builder, r rune) {
	if m, ok := specialTitle[r]; ok {
		b.WriteString(m)
		return
	}
	b.WriteRune(unicode.ToTitle(r))
}

// capitalize is str.capitalize.
func capitalize(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i == 0 {
			writeTitle(&b, r)
		} else {
			writeLower(&b, s, i, r)
		}
	}
	return b.String()
}

// titleCase is str.title.
func titleCase(s string) string {
	var b strings.Builder
	inWord := false
	for i, r := range s {
		if inWord {
			writeLower(&b, s, i, r)
		} else {
			writeTitle(&b, r)
		}
		inWord = isCased(r)
	}
	return b.String()
}

func swapcase(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case isUpperRune(r):
			writeLower(&b, s, i, r)
		case isLowerRune(r):
			writeUpper(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
