package invoice

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"Werkstraße 12\n87435 Kempten (Allgäu)":            "[Werkstraße 12] Kempten (Allgäu) 87435  ",
		"Hafenstraße 3, 24103 Kiel":                        "[Hafenstraße 3] Kiel 24103  ",
		"Hafenstraße 3, D-24103 Kiel":                      "[Hafenstraße 3] Kiel 24103  DE",
		"Bahnhofplatz 2\nCH-8008 Zürich\nSwitzerland":      "[Bahnhofplatz 2] Zürich 8008  CH",
		"Úvoz 33\n118 00 Praha 1\nČeská republika":         "[Úvoz 33] Praha 1 118 00  CZ",
		"1840 Wharf Street, Suite 300\nPortland, OR 97209": "[1840 Wharf Street, Suite 300] Portland 97209 OR US",
		"1 Main St, Springfield, IL 62701-1234, USA":       "[1 Main St] Springfield 62701-1234 IL US",
		"10 Downing Street\nLondon SW1A 2AA":               "[10 Downing Street] London SW1A 2AA  GB",
		"10 Downing Street\nLondon\nSW1A 2AA":              "[10 Downing Street] London SW1A 2AA  GB",
		"Damrak 1\n1012 LG Amsterdam\nThe Netherlands":     "[Damrak 1] Amsterdam 1012 LG  NL",
		"ul. Prosta 20\n00-850 Warszawa\nPolska":           "[ul. Prosta 20] Warszawa 00-850  PL",
		"〒100-0001\n東京都千代田区千代田1-1":                         "[千代田1-1] 千代田区 100-0001 東京都 JP",
		"Attn: Accounts\nP.O. Box 7\nKuwait City\nKuwait":  "[Attn: Accounts P.O. Box 7 Kuwait City]    KW",
		"somewhere": "[somewhere]    ",
		"":          "[]    ",
		"Rua Augusta 1\v1100-048 Lisboa\x07\r\n\r\nPortugal": "[Rua Augusta 1] Lisboa 1100-048  PT",
	} {
		a := parseAddress(text)
		if got := fmt.Sprintf("%v %s %s %s %s", a.Lines, a.City, a.Postcode, a.Region, a.Country); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("Werkstraße 12\n87435 Kempten")
	f.Add("〒100-0001 東京都千代田区, OR 97209")
	f.Fuzz(func(t *testing.T, text string) {
		a := parseAddress(text)
		for _, part := range append(a.Lines, a.City, a.Postcode, a.Region) {
			if utf8.ValidString(text) && !strings.Contains(strings.Map(visible, text), part) {
				t.Errorf("%q holds no %q", text, part)
			}
		}
		if a.Country != "" && !IsCountry(a.Country) {
			t.Errorf("%q is no country", a.Country)
		}
	})
}

func TestVATID(t *testing.T) {
	for id, want := range map[string]string{
		"DE 111 111 125":       "DE111111125 form check",
		"DE111111126":          "DE111111126 form",
		"DE12345":              "DE12345",
		"CHE-116.281.710 MWST": "CHE116281710 form check",
		"BE0403.019.261":       "BE0403019261 form check",
		"IT00743110157":        "IT00743110157 form check",
		"PL5260001246":         "PL5260001246 form check",
		"DK13585628":           "DK13585628 form check",
		"FI20774740":           "FI20774740 form check",
		"LU15027442":           "LU15027442 form check",
		"SE556188840401":       "SE556188840401 form check",
		"NL123456789B01":       "NL123456789B01 form check",
		"ATU13585627":          "ATU13585627 form check",
		"93-1234567":           "",
		"T0000000000000":       "",
		"US12":                 "",
		"IN PROGRESS":          "",
	} {
		normal := normalizeVATID(id)
		got := ""
		if isVATID(normal) {
			got = normal
			if vatFormOK(normal) {
				got += " form"
				if vatChecksumOK(normal) {
					got += " check"
				}
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestIBAN(t *testing.T) {
	for iban, want := range map[string]bool{
		"DE89 3704 0044 0532 0130 00": true, "IBAN CH93 0076 2011 6238 5295 7": true, "CZ6508000000192000145399": true,
		"NO9386011117947": true, "MT84MALT011000012345MTLCAST001S": true,
		"DE89 3704 0044 0532 0130 01": false, "DE8937040044053201300": false, "XX89370400440532013000": false, "": false, "DE89-É704 0044 0532 0130 00": false,
	} {
		if got := validIBAN(normalizeIBAN(iban)); got != want {
			t.Errorf("%q: %v", iban, got)
		}
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]string{
		"ks": "H87", "Stk.": "H87", "ST": "H87", "pcs": "H87", "EA": "EA", "each": "EA", "C62": "C62", "hod": "HUR", "Stunden": "HUR", "kg": "KGM", "M²": "MTK",
		"CS": "XCS", "枚": "XST", "箱": "XBX", "式": "SET", "Psch": "LS", "XPX": "XPX", "l": "LTR", "furlong": "", "": "", "A B": "",
	} {
		if got, _ := unitCode(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, known := range unitWords {
		if !IsUnit(known.code) {
			t.Errorf("%s is no code", known.code)
		}
	}
}

func TestCurrencies(t *testing.T) {
	for code, want := range map[string]int32{"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "TND": 3, "KRW": 0} {
		if got := Decimals(code); got != want || !IsCurrency(code) {
			t.Errorf("%s has %d decimal places, want %d", code, got, want)
		}
	}
	for _, no := range []string{"", "eur", "EU", "EURO", "OTHER", "R E", "XXX"} {
		if IsCurrency(no) {
			t.Errorf("%q is a currency", no)
		}
	}
	for text, want := range map[string]string{"czk": "CZK", "€": "EUR", "Kč": "CZK", "$": "$", "other": "OTHER"} {
		if got := currencyCode(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestSafeName(t *testing.T) {
	for name, want := range map[string]string{
		"RE-2026/10934":                   "RE-2026_10934",
		"../../etc/passwd":                "etc_passwd",
		"請求書✅.pdf":                        "document.pdf",
		"請求書_2026.pdf":                    "2026.pdf",
		"...":                             "document",
		"v1.2.":                           "v1.2",
		"a or 1=1; drop--.pdf":            "a_or_1_1_drop.pdf",
		"":                                "document",
		"\x00":                            "document",
		strings.Repeat("a", 300) + ".pdf": strings.Repeat("a", 96) + ".pdf",
		"x." + strings.Repeat("b", 300):   "x." + strings.Repeat("b", 98),
	} {
		if got := SafeName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
