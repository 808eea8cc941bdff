package invoice

import (
	"regexp"
	"strings"
)

// The forms of the line of an address that holds postcode and city, each with
// the country it gives away; constant.
var (
	postcodeFirst = regexp.MustCompile(`^(?:([A-Z]{1,3})[- ])?(\d{4} ?[A-Z]{2}|\d{3} \d{2}|\d{2}-\d{3}|\d{4}-\d{3}|\d{4,6})\s+(\pL.*)$`)
	postcodeUS    = regexp.MustCompile(`^(?:(.+?)[, ]+)?([A-Z]{2})\.? +(\d{5}(?:-\d{4})?)$`)
	postcodeUK    = regexp.MustCompile(`^(?:(.+?)[, ]+)?([A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})$`)
	postcodeJP    = regexp.MustCompile(`^〒\s*(\d{3}-\d{4})\s*`)
	placeJP       = regexp.MustCompile(`^(\p{Han}{1,3}[都道府県])\s*(\p{Han}{1,8}?[市区町村郡])\s*(.*)$`)
)

// statesUS are the states and territories of the USA; constant.
const statesUS = " AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI" +
	" SC SD TN TX UT VT VA WA WV WI WY DC PR "

// parseAddress takes apart the text of an address, one line for each part or
// all in one with commas: streets, then postcode and city, then the country. A
// part it does not recognize stays among the lines; nothing is lost.
func parseAddress(text string) Address {
	lines := splitLines(strings.Map(visible, text))
	if len(lines) == 1 {
		lines = splitLines(strings.ReplaceAll(lines[0], ",", "\n"))
	}
	var a Address
	if n := len(lines); n > 1 {
		if code := countryCode(lines[n-1]); code != "" {
			a.Country, lines = code, lines[:n-1]
		}
	}
	if parseJP(&a, lines) {
		return a
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if previous, ok := a.parseCity(lines, i); ok {
			a.Lines = append(append([]string{}, lines[:previous]...), lines[i+1:]...)
			return a
		}
	}
	a.Lines = lines
	return a
}

// parseCity tries a line for postcode and city; previous is the first line
// they were taken from.
func (a *Address) parseCity(lines []string, i int) (previous int, ok bool) {
	if m := postcodeUS.FindStringSubmatch(lines[i]); m != nil && strings.Contains(statesUS, " "+m[2]+" ") && (a.Country == "" || a.Country == "US") {
		a.City, a.Region, a.Postcode, a.Country = m[1], m[2], m[3], "US"
		return a.cityBefore(lines, i), true
	}
	if m := postcodeFirst.FindStringSubmatch(lines[i]); m != nil {
		a.Postcode, a.City = m[2], m[3]
		if code := carCountry(m[1]); code != "" && a.Country == "" {
			a.Country = code
		}
		return i, true
	}
	if m := postcodeUK.FindStringSubmatch(lines[i]); m != nil {
		a.City, a.Postcode = m[1], m[2]
		if a.Country == "" {
			a.Country = "GB"
		}
		return a.cityBefore(lines, i), true
	}
	return 0, false
}

// cityBefore takes the city from the line above where the postcode stands
// alone.
func (a *Address) cityBefore(lines []string, i int) int {
	if a.City != "" || i == 0 {
		return i
	}
	a.City = lines[i-1]
	return i - 1
}

// parseJP takes apart a Japanese address, which goes from the large to the
// small.
func parseJP(a *Address, lines []string) bool {
	if len(lines) == 0 {
		return false
	}
	rest := lines
	if m := postcodeJP.FindStringSubmatch(lines[0]); m != nil {
		a.Postcode = m[1]
		rest = append(splitLines(strings.TrimPrefix(lines[0], m[0])), lines[1:]...)
	}
	if len(rest) > 0 {
		if m := placeJP.FindStringSubmatch(rest[0]); m != nil {
			a.Region, a.City = m[1], m[2]
			rest = append(splitLines(m[3]), rest[1:]...)
		}
	}
	if a.Postcode == "" && a.Region == "" {
		return false
	}
	a.Country, a.Lines = "JP", rest
	return true
}

// visible drops control characters other than line breaks.
func visible(c rune) rune {
	if c < ' ' && c != '\n' && c != '\r' && c != '\v' && c != '\f' && c != '\t' || c == 0x7F {
		return -1
	}
	return c
}

// ThreeLines returns the lines of an address for formats that have room for
// three: the rest shares the third.
func (a Address) ThreeLines() (first, second, third string) {
	lines := append(append([]string{}, a.Lines...), "", "", "")
	return lines[0], lines[1], strings.TrimSpace(strings.Join(lines[2:], " "))
}
