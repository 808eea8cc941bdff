package jinja

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// Inside the engine a value is nil, bool, int64, *big.Int (outside int64's
// range only), float64, decimal.Decimal, string, markup, bytesValue, Date,
// DateTime, timeOfDay, TimeDelta, *List, *Dict, *undefined, one of the
// engine's own objects (below) or a host's object.

// markup is a string that is already escaped (markupsafe.Markup).
type markup string

// bytesValue is Python's bytes.
type bytesValue string

// missing marks an unset variable or an argument that was not given. It never
// leaves the engine.
type missingType struct{}

var missing any = missingType{}

// undefined is the value of a missing name, attribute or item.
type undefined struct {
	kind UndefinedKind
	hint string // the whole message, or empty
	obj  string // type of the object that lacks name, or empty
	name string
}

// IsUndefined reports whether an evaluated value is undefined.
func IsUndefined(v any) bool {
	_, ok := v.(*undefined)
	return ok
}

// String is what an undefined value prints: nothing.
func (u *undefined) String() string { return "" }

func (u *undefined) err() error {
	msg := u.hint
	switch {
	case msg != "":
	case u.obj == "":
		msg = quoteRepr(u.name) + " is undefined"
	default:
		msg = quoteRepr(u.obj) + " has no attribute " + quoteRepr(u.name)
	}
	return &Error{Kind: KindUndefined, Message: msg}
}

// strict fails if the value must not be touched at all.
func (u *undefined) strict() error {
	if u.kind == Strict {
		return u.err()
	}
	return nil
}

// typeName is Python's name of the value's type, for messages.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case decimal.Decimal:
		return "decimal.Decimal"
	case string:
		return "str"
	case markup:
		return "Markup"
	case bytesValue:
		return "bytes"
	case *List:
		if v.tuple {
			return "tuple"
		}
		return "list"
	case *Dict:
		return "dict"
	case *undefined:
		return [...]string{"Undefined", "StrictUndefined", "ChainableUndefined"}[v.kind]
	case interface{ pyType() string }:
		return v.pyType()
	case Func:
		return "function"
	}
	return "object"
}

// objectRepr names an object in an undefined value's message.
func objectRepr(v any) string {
	if v == nil {
		return "None"
	}
	return typeName(v) + " object"
}

// textOf returns the text of a str or Markup.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// truth is Python's bool(v).
func truth(v any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case string:
		return v != "", nil
	case markup:
		return v != "", nil
	case *List:
		return len(v.items) > 0, nil
	case *Dict:
		return v.Len() > 0, nil
	case float64:
		return v != 0, nil
	case *big.Int:
		return v.Sign() != 0, nil
	case decimal.Decimal:
		return !v.IsZero(), nil
	case bytesValue:
		return v != "", nil
	case TimeDelta:
		return v != 0, nil
	case *undefined:
		return false, v.strict()
	case Truther:
		return v.Truth(), nil
	case Sized:
		return v.Len() > 0, nil
	}
	return true, nil
}
