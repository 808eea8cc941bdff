package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

// maxDepth bounds the nesting of values.
const maxDepth = 200

// nodeValue is a configuration tree as a value of the engine, numbers exact and keys in order.
func nodeValue(n configs.Node) any {
	switch n.Kind {
	case configs.NodeMap:
		d := jinja.NewDict(len(n.Map))
		for _, e := range n.Map {
			d.Set(e.Name, nodeValue(e.Value))
		}
		return d
	case configs.NodeList:
		l := jinja.NewList()
		for _, item := range n.List {
			l.Append(nodeValue(item))
		}
		return l
	case configs.NodeNumber:
		if v, err := jsonvalue.Number(n.Text); err == nil {
			return v
		}
		return n.Text
	}
	return n.Value()
}

// textOf is a scalar as text for keys, paths, queries and headers: "" for null, true and false as in JSON.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
	case decimal.Decimal:
		return exactText(v), true
	case *big.Int:
		return v.String(), true
	case jinja.Date:
		return v.String(), true
	case jinja.DateTime:
		return isoTime(v), true
	case *docValue:
		return v.String(), len(v.doc.Inserts) == 0
	}
	return "", false
}

// exactText is a decimal with all its places: 1.50 stays 1.50.
func exactText(n decimal.Decimal) string { return n.StringFixed(max(0, -n.Exponent())) }

// truthy is Python's bool of a result of the engine.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case *big.Int:
		return v.Sign() != 0
	case decimal.Decimal:
		return !v.IsZero()
	case string:
		return v != ""
	case jinja.Truther:
		return v.Truth()
	case jinja.Sized:
		return v.Len() > 0
	}
	return true
}

// kindOf names the kind of a value for people.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64, float64, *big.Int, decimal.Decimal:
		return "a number"
	case jinja.Date, jinja.DateTime:
		return "a date"
	case *jinja.List:
		return "a list"
	case *jinja.Dict, *row, *table, *object:
		return "a map"
	case *file, *docValue:
		return "a file"
	}
	return "an object"
}

// encodeJSON writes a value as JSON, decimals and big integers as exact numbers.
func encodeJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := appendJSON(&b, v, 0); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func appendJSON(b *bytes.Buffer, v any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case *jinja.Dict:
		return appendObject(b, v, depth)
	case *jinja.List:
		b.WriteByte('[')
		for i, item := range v.All() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := appendJSON(b, item, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case decimal.Decimal:
		b.WriteString(exactText(v))
		return nil
	case *big.Int:
		b.WriteString(v.String())
		return nil
	case nil, bool, int64, float64:
	default:
		text, ok := textOf(v)
		if !ok {
			return fmt.Errorf("%s cannot be kept", kindOf(v))
		}
		return appendScalar(b, text)
	}
	return appendScalar(b, v)
}

func appendObject(b *bytes.Buffer, d *jinja.Dict, depth int) error {
	b.WriteByte('{')
	first := true
	for key, item := range d.All() {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("a key that is %s", kindOf(key))
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := appendScalar(b, name); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := appendJSON(b, item, depth+1); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func appendScalar(b *bytes.Buffer, v any) error {
	raw, err := json.Marshal(v)
	b.Write(raw)
	return err
}
