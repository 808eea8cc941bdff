package pipeline

import (
	"context"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// number is the filter number: an exact decimal of text such as a field's, null of blank text. number(decimal=',',
// group='.') reads text that is written so.
func number(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error) {
	n, ok, err := decimalOf(frameOf(ctx), value, arguments{args, kwargs})
	if !ok || err != nil {
		return nil, err
	}
	return n, nil
}

var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// decimalOf reads a number; ok is false for null and blank text.
func decimalOf(f *frame, value any, a arguments) (n decimal.Decimal, ok bool, err error) {
	switch v := value.(type) {
	case nil:
		return n, false, nil
	case decimal.Decimal:
		return v, true, nil
	case int64:
		return decimal.NewFromInt(v), true, nil
	case *big.Int:
		return decimal.NewFromBigInt(v, 0), true, nil
	case float64:
		return decimal.NewFromFloat(v), true, nil
	case string:
		return readNumber(f, v, a)
	}
	return n, false, typeError("a number is needed, not %s", kindOf(value))
}

func readNumber(f *frame, text string, a arguments) (n decimal.Decimal, ok bool, err error) {
	const longest = 100
	point, isText := a.text(0, "decimal", ".")
	group, isText2 := a.text(1, "group", "")
	if !isText || !isText2 || point == "" {
		return n, false, typeError("decimal and group are characters")
	}
	plain := strings.TrimSpace(text)
	if plain == "" {
		return n, false, nil
	}
	if group != "" {
		plain = strings.ReplaceAll(plain, group, "")
	}
	if point != "." {
		plain = strings.Replace(strings.ReplaceAll(plain, ".", "?"), point, ".", 1)
	}
	if len(plain) > longest || !plainNumber.MatchString(plain) {
		return n, false, refuse(f, text, "unreadable_value", "is no number")
	}
	n, err = decimal.NewFromString(plain)
	return n, err == nil, err
}

// money is the filter money(2): a number as text with that many decimal places, rounded half away from zero.
func money(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error) {
	places, ok := arguments{args, kwargs}.number(0, "places", 2, 20)
	if !ok {
		return nil, typeError("money takes a number of decimal places up to 20")
	}
	n, ok, err := decimalOf(frameOf(ctx), value, arguments{})
	if !ok || err != nil {
		return "", err
	}
	return n.StringFixed(int32(places)), nil //nolint:gosec // at most 20
}

// date is the filter date('%Y%m%d'): a date, or ISO text such as a date field's, in the manner of strftime.
func date(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error) {
	mask, ok := arguments{args, kwargs}.text(0, "mask", "%Y-%m-%d")
	if !ok {
		return nil, typeError("date takes a mask")
	}
	t, ok, err := timeOf(frameOf(ctx), value)
	if !ok || err != nil {
		return "", err
	}
	clock := strings.NewReplacer("%%", "%%", "%H", t.Format("15"), "%M", t.Format("04"), "%S", t.Format("05")).Replace(mask)
	text, err := document.Date(t.Format(time.DateOnly)).Format(clock)
	if err != nil {
		return nil, typeError("%s", err)
	}
	return text, nil
}

// isoDate is the filter iso_date: YYYY-MM-DD.
func isoDate(ctx context.Context, value any, _ []any, _ map[string]any) (any, error) {
	return date(ctx, value, nil, nil)
}

// timeOf reads a date or a point in time; ok is false for null and blank text.
func timeOf(f *frame, value any) (t time.Time, ok bool, err error) {
	switch v := value.(type) {
	case nil:
		return t, false, nil
	case jinja.Date:
		return time.Date(v.Year, v.Month, v.Day, 0, 0, 0, 0, time.UTC), true, nil
	case jinja.DateTime:
		return v.Time, true, nil
	case string:
		plain := strings.TrimSpace(v)
		if plain == "" {
			return t, false, nil
		}
		for _, layout := range []string{time.DateOnly, "20060102", time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime} {
			if t, err := time.Parse(layout, plain); err == nil {
				return t, true, nil
			}
		}
		return t, false, refuse(f, v, "unreadable_value", "is no date")
	}
	return t, false, typeError("a date is needed, not %s", kindOf(value))
}

// currencyMinor is the filter currency_minor: how many decimal places a currency has, 0 for jpy, 2 for eur, 3 for kwd
// (ISO 4217).
func currencyMinor(ctx context.Context, value any, _ []any, _ map[string]any) (any, error) {
	text, ok := textOf(value)
	if !ok {
		return nil, typeError("the code of a currency is needed, not %s", kindOf(value))
	}
	code := strings.ToUpper(strings.TrimSpace(text))
	for places, codes := range currencies() {
		if len(code) == 3 && strings.Contains(" "+codes+" ", " "+code+" ") {
			return int64(places), nil
		}
	}
	return nil, refuse(frameOf(ctx), text, "unknown_currency", "is no ISO 4217 currency")
}

// currencies lists the active ISO 4217 codes by their number of decimal places.
func currencies() [5]string {
	return [5]string{
		"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
		"",
		"AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
			"CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF " +
			"IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK " +
			"MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL " +
			"SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL",
		"BHD IQD JOD KWD LYD OMR TND",
		"CLF UYW",
	}
}
