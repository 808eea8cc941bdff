package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
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
	p := newPlain()
	return p.search(compiled, p.to(value))
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
		p := newPlain()
		root, err := frameOf(ctx).view.plain(p)
		if err != nil {
			return nil, err
		}
		return p.search(compiled, root)
	}}
}

// plain is the payload, without its credentials, and steps as JMESPath reads them.
func (v *view) plain(p *plain) (any, error) {
	root := map[string]any{}
	for _, m := range v.scope.in.Payload.All {
		if hiddenPayload(m.Key) || v.stable && volatilePayload(m.Key) {
			continue
		}
		value, err := decodeJSON(m.Value)
		if err != nil {
			return nil, fmt.Errorf("payload.%s: %w", m.Key, err)
		}
		root[m.Key] = p.to(value)
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
		done[name] = p.to(value.live)
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

// plain turns values of the engine into what go-jmespath knows and back. Its numbers are float64: those that a float64
// does not hold exactly are remembered, so that an id of 17 digits comes back whole.
type plain struct {
	exact map[float64]string // the one exact number a float stands for, "" where there are several
}

func newPlain() *plain { return &plain{exact: map[float64]string{}} }

// search evaluates an expression.
func (p *plain) search(compiled *jmespath.JMESPath, root any) (any, error) {
	found, err := compiled.Search(root)
	if err != nil {
		return nil, &jinja.Error{Kind: jinja.KindValue, Message: "jmespath: the expression does not fit the data"}
	}
	return p.from(found)
}

func (p *plain) to(v any) any {
	switch v := v.(type) {
	case *jinja.Dict:
		m := make(map[string]any, v.Len())
		for key, value := range v.All() {
			m[fmt.Sprint(key)] = p.to(value)
		}
		return m
	case *jinja.List:
		list := make([]any, 0, v.Len())
		for _, item := range v.All() {
			list = append(list, p.to(item))
		}
		return list
	case int64, *big.Int, decimal.Decimal:
		text, _ := textOf(v)
		return p.number(text)
	case *docValue:
		if v.tree != nil {
			return p.to(fromTree(v.tree))
		}
		return v.String()
	case nil, bool, float64, string:
		return v
	}
	text, _ := textOf(v)
	return text
}

func (p *plain) number(text string) float64 {
	f, _ := strconv.ParseFloat(text, 64) // out of range: infinite, remembered as what it was
	exact, err := decimal.NewFromString(text)
	if err == nil && !math.IsInf(f, 0) && decimal.NewFromFloat(f).Equal(exact) {
		return f
	}
	if known, ok := p.exact[f]; ok && known != text {
		text = ""
	}
	p.exact[f] = text
	return f
}

// from turns a result back. Its maps have no order: keys are sorted.
func (p *plain) from(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		d := jinja.NewDict(len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			value, err := p.from(v[key])
			if err != nil {
				return nil, err
			}
			d.Set(key, value)
		}
		return d, nil
	case []any:
		l := jinja.NewList()
		for _, item := range v {
			value, err := p.from(item)
			if err != nil {
				return nil, err
			}
			l.Append(value)
		}
		return l, nil
	case float64:
		return p.fromFloat(v)
	}
	return v, nil
}

// fromFloat is a float as the number it stands for.
func (p *plain) fromFloat(f float64) (any, error) {
	text, known := p.exact[f]
	if !known {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	n, err := parseNumber(text)
	if err != nil {
		return nil, &jinja.Error{Kind: jinja.KindValue, Message: "jmespath: a number with more digits than can be told apart"}
	}
	return n, nil
}
