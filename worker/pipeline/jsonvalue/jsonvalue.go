// Package jsonvalue reads JSON into values of the template engine, exactly:
// objects keep their order and numbers all their digits.
package jsonvalue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// maxDepth bounds the nesting of JSON, documents and values.
const maxDepth = 200

// maxExponent bounds a decimal's exponent: the simplest arithmetic on a huge one would take all memory.
const maxExponent = 100

// Decode reads one JSON value: objects keep their order, whole numbers are integers, others exact
// decimals.
func Decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the JSON value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON nested deeper than %d", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return decodeObject(d, depth)
		}
		return decodeArray(d, depth)
	case json.Number:
		return Number(string(token))
	}
	return token, nil
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	object := jinja.NewDict(0)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		object.Set(key.(string), v) // a key of an object is always a string
	}
	_, err := d.Token()
	return object, err
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	array := jinja.NewList()
	for d.More() {
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		array.Append(v)
	}
	_, err := d.Token()
	return array, err
}

// Number reads a JSON or YAML number exactly.
func Number(text string) (any, error) {
	const longest = 1000
	if len(text) > longest {
		return nil, fmt.Errorf("a number of more than %d digits", longest)
	}
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
		if i, ok := new(big.Int).SetString(text, 10); ok {
			return i, nil
		}
	}
	n, err := decimal.NewFromString(text)
	if err != nil || n.Exponent() > maxExponent || n.Exponent() < -maxExponent {
		return nil, fmt.Errorf("a number out of range")
	}
	return n, nil
}
