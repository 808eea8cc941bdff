package pipeline

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// toTree turns a value of the engine into a document's tree.
func toTree(v any) (any, error) { return toTreeDeep(v, 0) }

func toTreeDeep(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case nil, bool, string, int64, *big.Int, decimal.Decimal:
		return v, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("a number that is not finite")
		}
		return v, nil
	case jinja.Date:
		return document.Date(v.String()), nil
	case jinja.DateTime:
		return isoTime(v), nil
	case *jinja.Dict:
		return dictTree(v, depth)
	case *jinja.List:
		list := make(document.List, 0, v.Len())
		for _, item := range v.All() {
			t, err := toTreeDeep(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, t)
		}
		return list, nil
	case *row:
		return rowTree(v, depth)
	case *docValue:
		if v.tree != nil {
			return v.tree, nil
		}
		return v.String(), nil
	}
	return nil, fmt.Errorf("%s cannot stand in a document", kindOf(v))
}

func dictTree(d *jinja.Dict, depth int) (any, error) {
	m := make(document.Map, 0, d.Len())
	for key, value := range d.All() {
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("a key that is %s, not text", kindOf(key))
		}
		t, err := toTreeDeep(value, depth+1)
		if err != nil {
			return nil, err
		}
		m = append(m, document.Entry{Key: name, Value: t})
	}
	return m, nil
}

func rowTree(r *row, depth int) (any, error) {
	m := make(document.Map, 0, len(r.tuple.Children))
	for _, cell := range r.tuple.Children {
		t, err := toTreeDeep(r.view.read(cell, r.as), depth+1)
		if err != nil {
			return nil, err
		}
		m = append(m, document.Entry{Key: cell.SchemaID, Value: t})
	}
	return m, nil
}

// fromTree turns a document's tree into a value of the engine.
func fromTree(t any) any {
	switch t := t.(type) {
	case document.Map:
		d := jinja.NewDict(len(t))
		for _, e := range t {
			d.Set(e.Key, fromTree(e.Value))
		}
		return d
	case document.List:
		l := jinja.NewList()
		for _, item := range t {
			l.Append(fromTree(item))
		}
		return l
	case document.Date:
		var d jinja.Date
		if _, err := fmt.Sscanf(string(t), "%d-%d-%d", &d.Year, &d.Month, &d.Day); err != nil {
			return string(t)
		}
		return d
	}
	return t
}

// isoTime is a point in time in ISO form, with Z for UTC.
func isoTime(t jinja.DateTime) string {
	if t.Naive {
		return t.Time.Format("2006-01-02T15:04:05.999999")
	}
	return t.Time.Format("2006-01-02T15:04:05.999999Z07:00")
}

// empty tells what $omit_empty leaves out.
func empty(t any) bool {
	switch t := t.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(t) == ""
	case document.Map:
		return len(t) == 0
	case document.List:
		return len(t) == 0
	}
	return false
}
