package invoice

import "strings"

// normalizeIBAN removes the spaces people write.
func normalizeIBAN(s string) string {
	s = strings.ToUpper(strings.Map(func(c rune) rune {
		if c == ' ' || c == 0xA0 || c == '-' {
			return -1
		}
		return c
	}, s))
	return strings.TrimPrefix(s, "IBAN")
}

// ibanLengths are the lengths of IBANs by country (SWIFT IBAN registry); constant.
const ibanLengths = " AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29" +
	" ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21" +
	" LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33" +
	" SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "

// validIBAN checks country, length and check digits (ISO 13616).
func validIBAN(iban string) bool {
	const shortest, longest = 15, 34
	if len(iban) < shortest || len(iban) > longest {
		return false
	}
	length := string([]byte{'0' + byte(len(iban)/10), '0' + byte(len(iban)%10)})
	if !strings.Contains(ibanLengths, " "+iban[:2]+length+" ") {
		return false
	}
	remainder := 0
	for _, c := range iban[4:] + iban[:4] {
		switch {
		case c >= '0' && c <= '9':
			remainder = (remainder*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return remainder == 1
}

// sepa are the countries of the single euro payments area; constant.
const sepa = " AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM VA "

func inSEPA(iban string) bool { return len(iban) > 2 && strings.Contains(sepa, " "+iban[:2]+" ") }
