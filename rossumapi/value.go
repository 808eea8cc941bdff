package rossumapi

import (
	"encoding/json"
	"time"

	"github.com/shopspring/decimal"
)

// Value returns what the field shows, "" if it holds nothing. Numbers and
// dates are in the schema's own format here: use [Node.Number] and
// [Node.Date] to compute.
func (n *Node) Value() string {
	if n == nil || n.Content == nil || n.Content.Value == nil {
		return ""
	}
	return *n.Content.Value
}

// Normalized returns the machine readable value; ok is false if Rossum gave
// none, as for most strings and enums, and for numbers and dates it could not
// read.
func (n *Node) Normalized() (text string, ok bool) {
	if n == nil || n.Content == nil || n.Content.NormalizedValue == nil {
		return "", false
	}
	return *n.Content.NormalizedValue, true
}

// Number returns the exact number of a number field. It is read from the
// normalized value only: "1.234" on the page may be a thousand or one.
func (n *Node) Number() (number decimal.Decimal, ok bool) {
	text, ok := n.Normalized()
	const maxText = 100 // decimal bounds the exponent by itself
	if !ok || len(text) > maxText || !isNumber(text) {
		return decimal.Decimal{}, false
	}
	number, err := decimal.NewFromString(text)
	return number, err == nil
}

// isNumber tells whether text is exactly one JSON number.
func isNumber(text string) bool {
	s := &scanner{data: []byte(text)}
	return text != "" && s.skipNumber() == nil && s.pos == len(text)
}

// Date returns the date of a date field at midnight UTC, read from the
// normalized value only.
func (n *Node) Date() (date time.Time, ok bool) {
	text, ok := n.Normalized()
	if !ok {
		return time.Time{}, false
	}
	date, err := time.Parse(time.DateOnly, text)
	return date, err == nil
}

// OptionLabel returns the label of the chosen option of an enum field that
// carries its own options, "" otherwise.
func (n *Node) OptionLabel() string {
	if n == nil {
		return ""
	}
	value := n.Value()
	for _, option := range n.Options {
		if option.Value == value {
			return option.Label
		}
	}
	return ""
}

// Confidence returns how sure the AI was of the value, 0 to 1; ok is false if
// it did not find one.
func (n *Node) Confidence() (confidence float64, ok bool) {
	if n == nil || n.Content == nil {
		return 0, false
	}
	var found *float64
	err := json.Unmarshal(orNull(n.Content.Extra.Get("rir_confidence")), &found)
	if err != nil || found == nil {
		return 0, false
	}
	return *found, true
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
