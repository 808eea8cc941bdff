package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jmespath"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
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
	return searchJMES(compiled, value)
}

func searchJMES(compiled *jmespath.Expression, value any) (any, error) {
	found, err := compiled.Search(value)
	if err != nil {
		return nil, &jinja.Error{Kind: jinja.KindValue, Message: "jmespath: " + err.Error()}
	}
	return found, nil
}

// jmespath compiles an expression over the payload and steps.
func (c *compiler) jmespath(path, source string, pos configs.Pos) *code {
	compiled, err := jmespath.Compile(source)
	if err != nil {
		var syntax *jmespath.Error
		if errors.As(err, &syntax) {
			line, column := place(source, min(syntax.Offset, len(source)))
			pos = pos.At(line, column)
		}
		c.fail(path, pos, "jmespath: "+err.Error(), "", "")
		return nil
	}
	c.noteJMES(path, pos, source, 0)
	return &code{path: path, pos: pos, jmes: true, eval: func(ctx context.Context, _ any) (any, error) {
		root, err := frameOf(ctx).view.jmesRoot()
		if err != nil {
			return nil, err
		}
		return searchJMES(compiled, root)
	}}
}

// jmesRoot is what JMESPath searches: the payload, without its credentials, and steps as they are now.
func (v *view) jmesRoot() (*jinja.Dict, error) {
	if v.root == nil {
		root := jinja.NewDict(0)
		for _, m := range v.scope.in.Payload.All {
			if hiddenPayload(m.Key) || v.stable && volatilePayload(m.Key) {
				continue
			}
			value, err := jsonvalue.Decode(m.Value)
			if err != nil {
				return nil, fmt.Errorf("payload.%s: %w", m.Key, err)
			}
			if m.Key == "annotation" && v.stable {
				value = v.settled(value)
			}
			root.Set(m.Key, value)
		}
		v.root = root
	}
	done := jinja.NewDict(len(v.scope.steps))
	for _, name := range slices.Sorted(maps.Keys(v.scope.steps)) {
		value := v.scope.steps[name]
		if v.stable {
			value.live = value.stable
		}
		if made, ok := value.live.(*docValue); ok {
			value.live = made.plain()
		}
		done.Set(name, value.live)
	}
	v.root.Set("steps", done)
	return v.root, nil
}

// plain is the document's tree, else its text.
func (d *docValue) plain() any {
	switch {
	case d.invoice != nil:
		return d.names()
	case d.tree != nil:
		return fromTree(d.tree)
	}
	return d.String()
}

// settled is the annotation without what differs from run to run.
func (v *view) settled(annotation any) any {
	d, ok := annotation.(*jinja.Dict)
	if !ok {
		return annotation
	}
	kept := jinja.NewDict(d.Len())
	for key, value := range d.All() {
		if name, _ := key.(string); !v.hidesAnnotation(name) {
			kept.Set(name, value)
		}
	}
	content, _ := kept.Get("content")
	v.blankOwn(content)
	return kept
}

// blankOwn empties the fields that the pipeline itself writes.
func (v *view) blankOwn(tree any) {
	switch tree := tree.(type) {
	case *jinja.List:
		for _, item := range tree.All() {
			v.blankOwn(item)
		}
	case *jinja.Dict:
		if id, _ := tree.Get("schema_id"); v.own[fmt.Sprint(id)] {
			tree.Set("content", nil)
		}
		children, _ := tree.Get("children")
		v.blankOwn(children)
	}
}
