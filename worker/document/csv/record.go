package csv

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// placeholder is {count} or {sum:column} in a header or trailer record.
var placeholder = regexp.MustCompile(`\{(count|sum:[^{}]+)\}`)

// record writes a header or trailer record; nil writes nothing.
func (t *table) record(cells []string) error {
	if cells == nil {
		return nil
	}
	list := make(document.List, len(cells))
	for i, cell := range cells {
		var failure error
		list[i] = placeholder.ReplaceAllStringFunc(cell, func(p string) string {
			text, err := t.count(strings.Trim(p, "{}"))
			if err != nil {
				failure = err
			}
			return text
		})
		if failure != nil {
			return fmt.Errorf("record: %w", failure)
		}
	}
	return t.line(list)
}

func (t *table) count(what string) (string, error) {
	column, isSum := strings.CutPrefix(what, "sum:")
	if !isSum {
		return strconv.Itoa(len(t.rows)), nil
	}
	sum := decimal.Zero
	for i, row := range t.rows {
		m, ok := row.(document.Map)
		if !ok {
			return "", document.Misshapen("{sum:%s} needs rows that are maps", column)
		}
		value, found := m.Get(column)
		if value == nil && found {
			continue
		}
		text, isNumber, err := document.Number(value)
		if err != nil {
			return "", err
		}
		if !isNumber {
			return "", document.Misshapen("{sum:%s}: row %d holds %s", column, i+1, document.Describe(value))
		}
		d, err := decimal.NewFromString(text)
		if err != nil {
			return "", fmt.Errorf("{sum:%s}: %w", column, err)
		}
		sum = sum.Add(d)
	}
	text, _, err := document.Number(sum)
	return strings.Replace(text, ".", t.opts.DecimalMark, 1), err
}
