package rossumsim

import (
	"regexp"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// parse reads a value by the format of its field and returns how it is shown
// and how machines read it (API reference, Schema, number and date formats).
// What cannot be read is kept as it is, without a normalized value.
func parse(field rossumapi.SchemaField, value string) (shown string, normalized *string) {
	switch field.Type {
	case "number":
		return parseNumber(field.Format, value)
	case "date":
		return parseDate(field.Format, value)
	case "enum":
		for _, option := range field.Options {
			if strings.EqualFold(option.Value, value) {
				return option.Value, nil
			}
		}
	}
	return value, nil
}

// marks returns the grouping and decimal mark of a number format; the format
// "#,##0" has no decimals.
func marks(format string) (group, decimal string) {
	if format == "" {
		format = "# ##0.#"
	}
	rest := strings.TrimPrefix(format, "#")
	if rest == "" {
		return "", "."
	}
	group = rest[:1]
	if at := strings.LastIndexByte(rest, '0'); at >= 0 && len(rest) > at+1 {
		decimal = rest[at+1 : at+2]
	}
	return group, decimal
}

// parseNumber reads by the format first, as Rossum does: in "#.##0,#" the text
// 1.234 is a thousand. Text of no such shape may be a plain number.
func parseNumber(format, value string) (string, *string) {
	group, decimal := marks(format)
	text := strings.ReplaceAll(strings.TrimSpace(value), "\u00a0", " ")
	g := regexp.QuoteMeta(group)
	shape := `^-?(\d+|\d{1,3}(` + g + `\d{3})+)`
	if decimal != "" {
		shape += `(` + regexp.QuoteMeta(decimal) + `\d+)?`
	}
	machine := text
	if regexp.MustCompile(shape + `$`).MatchString(text) {
		machine = strings.ReplaceAll(text, group, "")
		if decimal != "" {
			machine = strings.Replace(machine, decimal, ".", 1)
		}
	} else if !regexp.MustCompile(`^-?\d+(\.\d+)?$`).MatchString(text) {
		return value, nil
	}
	return formatNumber(machine, group, decimal), &machine
}

// formatNumber groups the digits of machine text by threes.
func formatNumber(text, group, decimal string) string {
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, hasFraction := strings.Cut(text, ".")
	var b strings.Builder
	if negative {
		b.WriteByte('-')
	}
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(group)
		}
		b.WriteRune(digit)
	}
	if hasFraction {
		if decimal == "" {
			decimal = "."
		}
		b.WriteString(decimal + fraction)
	}
	return b.String()
}

func parseDate(format, value string) (string, *string) {
	if format == "" {
		format = "YYYY-MM-DD"
	}
	layout := strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "M", "1", "D", "2").Replace(format)
	for _, candidate := range []string{time.DateOnly, layout} {
		if date, err := time.Parse(candidate, strings.TrimSpace(value)); err == nil {
			iso := date.Format(time.DateOnly)
			return date.Format(layout), &iso
		}
	}
	return value, nil
}
