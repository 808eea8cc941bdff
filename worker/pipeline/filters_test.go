package pipeline_test

import (
	"strings"
	"testing"
)

func TestFilters(t *testing.T) {
	for template, want := range map[string]string{
		"{{ '1234.50' | number }}":                                  `1234.50`,
		"{{ ' 1234 ' | number }}":                                   `1234`,
		"{{ '1.234,5' | number(decimal=',', group='.') }}":          `1234.5`,
		"{{ \"1'234.5\" | number('.', \"'\") }}":                    `1234.5`,
		"{{ '-0.10' | number + 1 }}":                                `0.90`,
		"{{ '' | number }}":                                         `null`,
		"{{ none | number }}":                                       `null`,
		"{{ 3 | number }}":                                          `3`,
		"{{ 0.1 | number + 0.2 | number }}":                         `0.3`,
		"{{ value.amount_total | money }}":                          `"3449.43"`,
		"{{ '1' | money(3) }}":                                      `"1.000"`,
		"{{ '2.345' | number | money(2) }}":                         `"2.35"`,
		"{{ '-2.345' | number | money(2) }}":                        `"-2.35"`,
		"{{ 142440 | money(0) }}":                                   `"142440"`,
		"{{ none | money }}":                                        `""`,
		"{{ value.date_due | date('%Y%m%d') }}":                     `"20260408"`,
		"{{ field.date_due | date('%d.%m.%y') }}":                   `"08.04.26"`,
		"{{ '2026-04-08T11:22:33Z' | date('%H:%M:%S %d') }}":        `"11:22:33 08"`,
		"{{ run.now | iso_date }}":                                  `"2026-11-21"`,
		"{{ '20260408' | iso_date }}":                               `"2026-04-08"`,
		"{{ '' | date('%Y') }}":                                     `""`,
		`{{ "a<b>&'" | xml }}`:                                      `"a&lt;b&gt;&amp;&apos;"`,
		`{{ 'a,b' | csv_field }}{{ 'a"b' | csv_field(';') }}`:       `"\"a,b\"\"a\"\"b\""`,
		`{{ 'plain' | csv_field }}{{ 'a;b' | csv_field(';') }}`:     `"plain\"a;b\""`,
		`{{ "it's 1+1=2: ok?" | edifact }}`:                         `"it?'s 1?+1=2?: ok??"`,
		`{{ {'a': [{'b': 1}, {'b': 2}]} | jmespath('a[].b') }}`:     `[1,2]`,
		`{{ {'a': 12345678901234567} | jmespath('a') }}`:            `12345678901234567`,
		"{{ 7 | pad(4) }}":                                          `"0007"`,
		"{{ 'x' | pad(4, ' ') }}":                                   `"   x"`,
		"{{ 'ab' | fixed(4) }}|{{ 'abcdef' | fixed(4, cut=true) }}": `"ab  |abcd"`,
		"{{ 'žluť' | limit(4) }}|{{ 'abcdef' | limit(4, cut=true) }}|{{ none | limit(1) }}": `"žluť|abcd|"`,
		"{{ 'Příliš žluťoučký kůň — ß Ø æ „x“ 5 € ½ 請' | ascii }}":                          `"Prilis zlutoucky kun - ss O ae \"x\" 5 EUR 1?2 ?"`,
		"{{ 'abc' | sha256 }}": `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
		"{{ 'jpy' | currency_minor }}{{ 'EUR' | currency_minor }}{{ 'kwd' | currency_minor }}": `"023"`,
		"{{ '21' | lookup('tax_codes') }}{{ 12 | lookup('tax_codes') }}":                       `"V1V2"`,
		"{{ 'x' | lookup('tax_codes', 'V9') }}{{ 'x' | lookup('tax_codes', default=none) }}":   `"V9None"`,
		"{{ '{}' | b64encode }}": `"e30="`,
	} {
		got, err := eval(t, template, nil, us)
		if err != nil || got != want {
			t.Errorf("%s: got %s (%v), want %s", template, got, err, want)
		}
	}
}

func TestFiltersRefuse(t *testing.T) {
	for template, want := range map[string]string{
		"{{ '1,234' | number }}":               "is no number",
		"{{ '1e9' | number }}":                 "is no number",
		"{{ 'NaN' | number }}":                 "is no number",
		"{{ '1.5' | number(decimal=',') }}":    "is no number",
		"{{ ('9' * 200) | number }}":           "is no number",
		"{{ [1] | number }}":                   "a number is needed, not a list",
		"{{ true | money }}":                   "a number is needed, not true or false",
		"{{ '1' | money(99) }}":                "decimal places up to 20",
		"{{ '31.12.2026' | date('%Y') }}":      "is no date",
		"{{ value.date_due | date('%Q') }}":    "unknown %Q",
		"{{ 'x' | pad(3000000000) }}":          "a width up to",
		"{{ '12345' | pad(4) }}":               "longer than 4",
		"{{ '12345' | fixed(4) }}":             "longer than 4",
		"{{ 'INV-12345' | limit(4) }}":         "longer than 4",
		"{{ 'x' | limit(0) }}":                 "up to",
		"{{ {} | xml }}":                       "text is needed, not a map",
		"{{ 'ZZZ' | currency_minor }}":         "is no ISO 4217 currency",
		"{{ 'a' | jmespath('[') }}":            "jmespath",
		"{{ 'x' | lookup('tax_codes') }}":      "not in the table tax_codes",
		"{{ 'x' | lookup('tax_' ~ 'kodes') }}": `no table "tax_kodes"`,
		"{{ [] | lookup('tax_codes') }}":       "text or a number",
	} {
		got, err := eval(t, template, nil, us)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %s (%v), want %s", template, got, err, want)
		}
	}
}
