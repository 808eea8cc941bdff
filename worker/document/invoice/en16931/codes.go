package en16931

import "strings"

// The code lists of EN 16931 as far as the canonical invoice can hold codes of
// them, and what Peppol leaves of them; constant.
const (
	// invoiceTypes and creditTypes are UNTDID 1001 (BR-CL-01).
	invoiceTypes = " 71 80 82 84 102 130 202 203 204 211 218 219 295 325 326 331 380 382 383 384 385 386 387 388 389 390 393 394" +
		" 395 456 457 527 553 575 623 633 751 780 817 870 875 876 877 935 "
	creditTypes        = " 81 83 261 262 296 308 381 396 420 458 502 503 532 "
	peppolInvoiceTypes = " 71 80 82 84 102 218 219 331 380 382 383 386 388 393 395 553 575 623 780 817 870 875 876 877 "
	peppolCreditTypes  = " 381 396 81 83 532 "

	// taxCategories are UNTDID 5305 (BR-CL-17, BR-CL-18).
	taxCategories = " S Z E AE K G O L M "

	// paymentMeans are UNTDID 4461 (BR-CL-16).
	paymentMeans = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42" +
		" 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 70 74 75 76 77 78 91 92 93 94 95 96 97 ZZZ "

	// attachments are the media types of attached documents (BR-CL-24).
	attachments = " application/pdf image/png image/jpeg text/csv" +
		" application/vnd.openxmlformats-officedocument.spreadsheetml.sheet application/vnd.oasis.opendocument.spreadsheet "

	// eas are the schemes of electronic addresses (BR-CL-25), peppolEAS those
	// that Peppol knows (PEPPOL-EN16931-CL008).
	eas       = peppolEAS + "AN AQ AS AU EM 0147 0154 0158 0170 0177 0194 0203 0205 0217 0219 0220 0225 "
	peppolEAS = " 0002 0007 0009 0037 0060 0088 0096 0097 0106 0130 0135 0142 0151 0183 0184 0188 0190 0191 0192 0193 0195 0196 0198" +
		" 0199 0200 0201 0202 0204 0208 0209 0210 0211 0212 0213 0215 0216 0218 0221 0230 9901 9910 9913 9914 9915 9918 9919 9920 9922" +
		" 9923 9924 9925 9926 9927 9928 9929 9930 9931 9932 9933 9934 9935 9936 9937 9938 9939 9940 9941 9942 9943 9944 9945 9946 9947" +
		" 9948 9949 9950 9951 9952 9953 9957 9959 "
)

// oneOf reports whether a code stands in one of the lists above.
func oneOf(list, code string) bool {
	return code != "" && !strings.ContainsAny(code, " \n\t") && strings.Contains(list, " "+code+" ")
}

// isICD reports whether a scheme is of ISO 6523 (BR-CL-10, 11 and 21): 0002 to
// 0240 with few gaps.
func isICD(scheme string) bool {
	if len(scheme) != 4 || strings.Trim(scheme, "0123456789") != "" {
		return false
	}
	return scheme >= "0002" && scheme <= "0240" && !oneOf(" 0092 0103 0181 0182 ", scheme)
}

// vatSchemes are the EAS codes of electronic addresses that are VAT ids, by
// prefix; constant.
const vatSchemes = " AD9922 AL9923 AT9914 BA9924 BE9925 BG9926 CH9927 CY9928 CZ9929 DE9930 DK0184 EE9931 EL9933 ES9920 FI0213 FR9957 GB9932 HR9934" +
	" HU9910 IE9935 IT0211 LI9936 LT9937 LU9938 LV9939 MC9940 ME9941 MK9942 MT9943 NL9944 PL9945 PT9946 RO9947 RS9948 SI9949 SK9950" +
	" SM9951 TR9952 VA9953 "

func vatScheme(prefix string) string {
	i := strings.Index(vatSchemes, " "+prefix)
	if i < 0 || len(prefix) != 2 {
		return ""
	}
	const width = 4
	return vatSchemes[i+3 : i+3+width]
}

// isEmail tells an e-mail address by its form.
func isEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(s, " \n\t<>") && !strings.Contains(domain, "@")
}
