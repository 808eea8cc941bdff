package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/jmespath/go-jmespath"
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// jmespathFilter is the filter jmespath('lines[].id').
func jmespathFilter(_ context.Context, value any, args []any, kwargs map[string]any) (any, error) {
	source, ok := arguments{args, kwargs}.text(0, "expression", "")
	if !ok || source == "" {
		return nil, typeError("jmespath takes an expression")
	}
	compiled, err := jmespath.Compile(source)
	if err != nil {
		return nil, &jinja.Error{Kind: jinja.KindValue, Message: "jmespath: " + err.Error()}
	}
	return searchJMES(compiled, toPlain(value))
}

func searchJMES(compiled *jmespath.JMESPath, plain any) (any, error) {
	found, err := compiled.Search(plain)
	if err != nil {
		return nil, &jinja.Error{Kind: jinja.KindValue, Message: "jmespath: the expression does not fit the data"}
	}
	return fromPlain(found), nil
}

// jmespath compiles an expression over the payload and steps.
func (c *compiler) jmespath(path, source string, pos configs.Pos) *code {
	compiled, err := jmespath.Compile(source)
	if err != nil {
		var syntax jmespath.SyntaxError
		if errors.As(err, &syntax) {
			line, column := place(source, min(max(0, syntax.Offset), len(source)))
			pos = pos.At(line, column)
		}
		c.fail(path, pos, "jmespath: "+err.Error(), "", "")
		return nil
	}
	return &code{path: path, pos: pos, jmes: true, eval: func(ctx context.Context, _ any) (any, error) {
		plain, err := frameOf(ctx).view.plain()
		if err != nil {
			return nil, err
		}
		return searchJMES(compiled, plain)
	}}
}

// plain is the payload, without its credentials, and steps as JMESPath reads them.
func (v *view) plain() (any, error) {
	root := map[string]any{}
	for _, m := range v.scope.in.Payload.All {
		if hiddenPayload(m.Key) || v.stable && volatilePayload(m.Key) {
			continue
		}
		value, err := decodeJSON(m.Value)
		if err != nil {
			return nil, fmt.Errorf("payload.%s: %w", m.Key, err)
		}
		root[m.Key] = toPlain(value)
	}
	if annotation, ok := root["annotation"].(map[string]any); ok && v.stable {
		for key := range annotation {
			if volatileAnnotation(key) {
				delete(annotation, key)
			}
		}
		v.blankOwn(annotation["content"])
	}
	done := map[string]any{}
	for name, value := range v.scope.steps {
		if v.stable {
			value.live = value.stable
		}
		done[name] = toPlain(value.live)
	}
	root["steps"] = done
	return root, nil
}

// blankOwn empties the fields that the pipeline itself writes.
func (v *view) blankOwn(tree any) {
	switch tree := tree.(type) {
	case []any:
		for _, item := range tree {
			v.blankOwn(item)
		}
	case map[string]any:
		if id, _ := tree["schema_id"].(string); v.own[id] {
			tree["content"] = nil
		}
		v.blankOwn(tree["children"])
	}
}

// toPlain turns a value of the engine into what go-jmespath knows: numbers are float64 where that is exact, else
// json.Number, which it passes through but cannot compare.
func toPlain(v any) any {
	switch v := v.(type) {
	case *jinja.Dict:
		m := make(map[string]any, v.Len())
		for key, value := range v.All() {
			m[fmt.Sprint(key)] = toPlain(value)
		}
		return m
	case *jinja.List:
		list := make([]any, 0, v.Len())
		for _, item := range v.All() {
			list = append(list, toPlain(item))
		}
		return list
	case int64:
		return plainNumberOf(strconv.FormatInt(v, 10))
	case *big.Int:
		return plainNumberOf(v.String())
	case decimal.Decimal:
		return plainNumberOf(v.String())
	case *docValue:
		if v.tree != nil {
			return toPlain(fromTree(v.tree))
		}
		return v.String()
	case nil, bool, float64, string:
		return v
	}
	text, _ := textOf(v)
	return text
}

func plainNumberOf(text string) any {
	f, err := strconv.ParseFloat(text, 64)
	exact, _ := decimal.NewFromString(text)
	if err == nil && decimal.NewFromFloat(f).Equal(exact) {
		return f
	}
	return json.Number(text)
}

// fromPlain turns a result of go-jmespath back. Its maps have no order: keys are sorted.
func fromPlain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		d := jinja.NewDict(len(v))
		for _, key := range keys {
			d.Set(key, fromPlain(v[key]))
		}
		return d
	case []any:
		l := jinja.NewList()
		for _, item := range v {
			l.Append(fromPlain(item))
		}
		return l
	case float64:
		return exactFloat(v)
	case json.Number:
		if n, err := parseNumber(string(v)); err == nil {
			return n
		}
		return string(v)
	}
	return v
}

// exactFloat is a float as the number its shortest text names.
func exactFloat(f float64) any {
	n, err := parseNumber(strconv.FormatFloat(f, 'f', -1, 64))
	if err != nil {
		return nil // not finite: what JSON has no number for
	}
	return n
}
