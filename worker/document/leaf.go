package document

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// maxExponent bounds decimals: 1e1000000000 is one short text and a gigabyte of digits.
const maxExponent = 1000

// MaxDepth is how deep a tree may be.
const MaxDepth = 100

// Invalid is the error of a value that a document cannot hold: an operator's matter. The text must not hold the value.
func Invalid(format string, args ...any) error {
	return outcome.Errorf(outcome.Rejected, "document_value", format, args...)
}

// Misshapen is the error of a tree the format cannot be made of: an administrator's matter.
func Misshapen(format string, args ...any) error {
	return outcome.Errorf(outcome.Misconfigured, "document_shape", format, args...)
}

// Number is a number's exact text, with all its decimal places and without an exponent; ok is false for what is none.
func Number(leaf any) (text string, ok bool, err error) {
	switch v := leaf.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true, nil
	case *big.Int:
		return v.String(), true, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", true, Invalid("a number is not finite")
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true, nil
	case decimal.Decimal:
		if e := v.Exponent(); e > maxExponent || e < -maxExponent {
			return "", true, Invalid("a number has an exponent beyond %d", maxExponent)
		}
		return v.StringFixed(max(0, -v.Exponent())), true, nil
	}
	return "", false, nil
}

// Text is a leaf as text: "" for nil, true and false, numbers as Number gives them, dates as they are.
func Text(leaf any) (string, error) {
	switch v := leaf.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case Date:
		return string(v), nil
	}
	text, ok, err := Number(leaf)
	if !ok {
		return "", Misshapen("%s where a single value belongs", Describe(leaf))
	}
	return text, err
}

// Describe names the kind of a value for messages.
func Describe(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case Map:
		return "a map"
	case List:
		return "a list"
	case string:
		return "text"
	case bool:
		return "true or false"
	case Date:
		return "a date"
	}
	if _, ok, _ := Number(v); ok {
		return "a number"
	}
	return "an unknown kind of value"
}

// Format writes a date by a mask in the manner of strftime: %Y %y %m %d %j %B %b %A %a and %%.
func (d Date) Format(mask string) (string, error) {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return "", Invalid("a date is not YYYY-MM-DD")
	}
	var b strings.Builder
	for i := 0; i < len(mask); i++ {
		if mask[i] != '%' || i+1 == len(mask) {
			b.WriteByte(mask[i])
			continue
		}
		i++
		layout, ok := strftime[mask[i]]
		if !ok {
			return "", Misshapen("date mask: unknown %%%c", mask[i])
		}
		b.WriteString(t.Format(layout))
	}
	return b.String(), nil
}

// strftime maps the letters of a mask to Go's layouts; constant.
var strftime = map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'j': "002",
	'B': "January", 'b': "Jan", 'A': "Monday", 'a': "Mon", '%': "%"}
