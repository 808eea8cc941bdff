package invoice

import (
	"strings"

	"github.com/shopspring/decimal"
)

// ISO 4217 codes by the number of decimal places of their minor unit; constant.
const (
	currencies0 = " BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
	currencies2 = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD" +
		" CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP" +
		" GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA" +
		" MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON" +
		" RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH" +
		" USD USN UYU UZS VED VES WST XCD YER ZAR ZMW "
	currencies3 = " BHD IQD JOD KWD LYD OMR TND "
	currencies4 = " CLF UYW "
)

// IsCurrency reports whether code is a currency of ISO 4217.
func IsCurrency(code string) bool {
	_, ok := minorUnits(code)
	return ok
}

// Decimals returns the number of decimal places of amounts in a currency, 2 if
// it is not known.
func Decimals(currency string) int32 {
	places, ok := minorUnits(currency)
	if !ok {
		return 2
	}
	return places
}

func minorUnits(code string) (places int32, ok bool) {
	if len(code) != 3 {
		return 0, false
	}
	switch code = " " + code + " "; {
	case strings.Contains(currencies2, code):
		return 2, true
	case strings.Contains(currencies0, code):
		return 0, true
	case strings.Contains(currencies3, code):
		return 3, true
	case strings.Contains(currencies4, code):
		return 4, true
	}
	return 0, false
}

// currencyCode normalizes what documents and enums say. "$" and "¥" stay as
// they are: they could be several currencies.
func currencyCode(text string) string {
	switch text = strings.ToUpper(text); text {
	case "€", "EURO":
		return "EUR"
	case "£":
		return "GBP"
	case "KČ":
		return "CZK"
	case "ZŁ":
		return "PLN"
	}
	return text
}

// zero is the number 0; constant.
var zero = decimal.Zero

// Round rounds an amount to the currency's minor unit, halves away from zero.
func (inv *Invoice) Round(amount decimal.Decimal) decimal.Decimal {
	return amount.Round(Decimals(inv.Currency))
}

// minor returns the currency's smallest amount.
func (inv *Invoice) minor() decimal.Decimal { return decimal.New(1, -Decimals(inv.Currency)) }
