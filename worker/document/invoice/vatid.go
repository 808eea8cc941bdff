package invoice

import (
	"strings"
)

// normalizeVATID removes what people put into VAT ids to make them readable,
// and the abbreviation of VAT that Swiss ones end in.
func normalizeVATID(s string) string {
	s = strings.ToUpper(strings.Map(func(c rune) rune {
		if strings.ContainsRune(" .-/\u00A0", c) {
			return -1
		}
		return c
	}, s))
	if strings.HasPrefix(s, "CHE") {
		for _, vat := range []string{"MWST", "TVA", "IVA"} {
			s = strings.TrimSuffix(s, vat)
		}
	}
	return s
}

// vatForms are the forms of VAT ids after the prefix (European Commission,
// VIES, and the national authorities): 9 is a digit, A a letter, * either;
// constant.
var vatForms = map[string]string{
	"AT": "U99999999",
	"BE": "9999999999",
	"BG": "999999999 9999999999",
	"CH": "E999999999",
	"CY": "99999999A",
	"CZ": "99999999 999999999 9999999999",
	"DE": "999999999",
	"DK": "99999999",
	"EE": "999999999",
	"EL": "999999999",
	"ES": "*9999999*",
	"FI": "99999999",
	"FR": "**999999999",
	"GB": "999999999 999999999999 GD999 HA999",
	"HR": "99999999999",
	"HU": "99999999",
	"IE": "9*99999A 9999999A 9999999AA",
	"IT": "99999999999",
	"LT": "999999999 999999999999",
	"LU": "99999999",
	"LV": "99999999999",
	"MT": "99999999",
	"NL": "*********B99",
	"NO": "999999999MVA 999999999",
	"PL": "9999999999",
	"PT": "999999999",
	"RO": "99 999 9999 99999 999999 9999999 99999999 999999999 9999999999",
	"SE": "999999999999",
	"SI": "99999999",
	"SK": "9999999999",
	"XI": "999999999 999999999999 GD999 HA999",
}

// isVATID reports whether a normalized text begins as a VAT id does: with a
// known prefix. Whether the rest is right is for the gate to say.
func isVATID(s string) bool {
	if len(s) < 4 {
		return false
	}
	_, ok := vatForms[s[:2]]
	return ok && strings.ContainsAny(s[2:], "0123456789")
}

// vatCountry returns the country of a VAT id, which is not always its prefix.
func vatCountry(vatID string) string {
	switch prefix := vatID[:2]; prefix {
	case "EL":
		return "GR"
	case "XI":
		return "GB"
	default:
		return prefix
	}
}

// vatFormOK reports whether a VAT id has the form of its country.
func vatFormOK(vatID string) bool {
	for _, form := range strings.Fields(vatForms[vatID[:2]]) {
		if matchesForm(vatID[2:], form) {
			return true
		}
	}
	return false
}

func matchesForm(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		digit := s[i] >= '0' && s[i] <= '9'
		letter := s[i] >= 'A' && s[i] <= 'Z'
		switch form[i] {
		case '9':
			if !digit {
				return false
			}
		case '*':
			if !digit && !letter {
				return false
			}
		default:
			if form[i] == 'A' && !letter || form[i] != 'A' && s[i] != form[i] {
				return false
			}
		}
	}
	return true
}

// vatChecksumOK checks the check digit of a VAT id of the right form. Countries
// whose rule is not known here pass.
func vatChecksumOK(vatID string) bool {
	d := digitsOf(vatID[2:])
	switch vatID[:2] {
	case "BE":
		return 97-number(d[:8])%97 == number(d[8:])
	case "CH":
		return weighted(d[:8], 5, 4, 3, 2, 7, 6, 5, 4) == d[8]
	case "DE":
		return iso7064(d[:8]) == d[8]
	case "DK":
		sum := 0
		for i, weight := range []int{2, 7, 6, 5, 4, 3, 2, 1} {
			sum += d[i] * weight
		}
		return sum%11 == 0
	case "FI":
		return weighted(d[:7], 7, 9, 10, 5, 8, 4, 2) == d[7]
	case "IT":
		return luhn(d[:11])
	case "LU":
		return number(d[:6])%89 == number(d[6:])
	case "PL":
		sum := 0
		for i, weight := range []int{6, 5, 7, 2, 3, 4, 5, 6, 7} {
			sum += d[i] * weight
		}
		return sum%11 == d[9]
	case "SE":
		return luhn(d[:10])
	}
	return true
}

func digitsOf(s string) []int {
	digits := make([]int, 0, len(s))
	for _, c := range s {
		if c >= '0' && c <= '9' {
			digits = append(digits, int(c-'0'))
		}
	}
	return digits
}

func number(digits []int) int {
	n := 0
	for _, d := range digits {
		n = n*10 + d
	}
	return n
}

// weighted returns the check digit 11 - (weighted sum mod 11), 0 for 11.
func weighted(digits []int, weights ...int) int {
	sum := 0
	for i, weight := range weights {
		sum += digits[i] * weight
	}
	return (11 - sum%11) % 11
}

// iso7064 returns the check digit of ISO 7064, MOD 11,10.
func iso7064(digits []int) int {
	product := 10
	for _, d := range digits {
		sum := (d + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return (11 - product) % 10
}

// luhn checks digits of which the last is the check digit.
func luhn(digits []int) bool {
	sum := 0
	for i := range digits {
		d := digits[len(digits)-1-i]
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
