package invoice

import "strings"

// countries are the codes of ISO 3166-1 alpha-2, and XI and 1A which EN 16931
// knows; constant.
const countries = " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD" +
	" CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG" +
	" GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR" +
	" KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF" +
	" NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM" +
	" SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE" +
	" YT ZA ZM ZW XI 1A "

// IsCountry reports whether code is a country of ISO 3166-1.
func IsCountry(code string) bool {
	return len(code) == 2 && strings.Contains(countries, " "+code+" ")
}

// countryCode returns the code of a country given by code or name, "" if it is
// not known.
func countryCode(text string) string {
	text = strings.Trim(text, " .")
	if code := strings.ToUpper(text); IsCountry(code) {
		return code
	}
	name := strings.ToLower(text)
	for _, known := range countryNames {
		if name != "" && strings.Contains(known.names, "|"+name+"|") {
			return known.code
		}
	}
	return ""
}

// countryNames are names as they stand in addresses; constant.
var countryNames = []struct{ code, names string }{
	{"AT", "|austria|österreich|rakousko|"},
	{"AU", "|australia|"},
	{"BE", "|belgium|belgien|belgique|belgië|"},
	{"BG", "|bulgaria|българия|"},
	{"CA", "|canada|"},
	{"CH", "|switzerland|schweiz|suisse|svizzera|"},
	{"CN", "|china|中国|"},
	{"CZ", "|czech republic|czechia|česká republika|česko|tschechien|cz|"},
	{"DE", "|germany|deutschland|německo|allemagne|"},
	{"DK", "|denmark|danmark|dänemark|"},
	{"EE", "|estonia|eesti|"},
	{"ES", "|spain|españa|spanien|"},
	{"FI", "|finland|suomi|"},
	{"FR", "|france|frankreich|francie|"},
	{"GB", "|united kingdom|great britain|england|scotland|wales|uk|u.k|"},
	{"GR", "|greece|ελλάδα|el|"},
	{"HR", "|croatia|hrvatska|"},
	{"HU", "|hungary|magyarország|ungarn|"},
	{"IE", "|ireland|éire|"},
	{"IN", "|india|"},
	{"IT", "|italy|italia|italien|"},
	{"JP", "|japan|日本|日本国|"},
	{"KW", "|kuwait|"},
	{"LT", "|lithuania|lietuva|"},
	{"LU", "|luxembourg|luxemburg|"},
	{"LV", "|latvia|latvija|"},
	{"NL", "|netherlands|the netherlands|nederland|niederlande|holland|"},
	{"NO", "|norway|norge|norwegen|"},
	{"PL", "|poland|polska|polen|polsko|"},
	{"PT", "|portugal|"},
	{"RO", "|romania|românia|rumänien|"},
	{"SE", "|sweden|sverige|schweden|"},
	{"SI", "|slovenia|slovenija|"},
	{"SK", "|slovakia|slovensko|slowakei|slovak republic|"},
	{"US", "|usa|united states|united states of america|u.s.a|"},
}

// carCountry returns the country of the letters before a postcode, as in
// D-24103 and CH-8008.
func carCountry(letters string) string {
	switch letters {
	case "D":
		return "DE"
	case "A":
		return "AT"
	case "B":
		return "BE"
	case "F":
		return "FR"
	case "I":
		return "IT"
	case "L":
		return "LU"
	}
	if IsCountry(letters) {
		return letters
	}
	return ""
}
