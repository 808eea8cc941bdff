package csv

import (
	"fmt"
	"regexp"
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
		var err error
		if list[i], err = t.expand(cell); err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	return t.line(list)
}

// expand fills in a cell's placeholders; a cell that is exactly one is a number.
func (t *table) expand(cell string) (any, error) {
	if placeholder.FindString(cell) == cell && cell != "" {
		return t.count(cell)
	}
	var failure error
	text := placeholder.ReplaceAllStringFunc(cell, func(p string) string {
		n, err := t.count(p)
		if err != nil {
			failure = err
			return ""
		}
		text, _, err := document.Number(n)
		if err != nil {
			failure = err
		}
		return strings.Replace(text, ".", t.opts.DecimalMark, 1)
	})
	return text, failure
}

// count is the value of a placeholder: an int64 or an exact decimal.
func (t *table) count(what string) (any, error) {
	column, isSum := strings.CutPrefix(strings.Trim(what, "{}"), "sum:")
	if !isSum {
		return int64(len(t.rows)), nil
	}
	sum := decimal.Zero
	for i, row := range t.rows {
		m, ok := row.(document.Map)
		if !ok {
			return nil, document.Misshapen("{sum:%s} needs rows that are maps", column)
		}
		value, found := m.Get(column)
		if value == nil && found {
			continue
		}
		text, isNumber, err := document.Number(value)
		if err != nil {
			return nil, err
		}
		if !isNumber {
			return nil, document.Misshapen("{sum:%s}: row %d holds %s", column, i+1, document.Describe(value))
		}
		d, err := decimal.NewFromString(text)
		if err != nil {
			return nil, fmt.Errorf("{sum:%s}: %w", column, err)
		}
		sum = sum.Add(d)
	}
	return sum, nil
}
