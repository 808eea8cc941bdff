package pipeline

import (
	"context"
	"fmt"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// table is tables.<name>: a look-up table of the configuration.
type table struct {
	scope *Scope
	name  string
	table configs.Table
}

// Lookup finds a key.
func (t *table) Lookup(_ context.Context, key string) (any, bool, error) {
	v, ok := t.table.Lookup(key)
	if !ok {
		t.scope.notes.missing = "tables." + t.name + "." + key
	}
	return v, ok, nil
}

// lookup is the filter lookup('table'), or lookup('table', default). A miss is a rejection at the field the value came
// from; where it came from none, it is the configuration that lacks a row.
func lookup(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error) {
	a := arguments{args, kwargs}
	name, ok := a.text(0, "table", "")
	if !ok || name == "" {
		return nil, typeError("lookup takes the name of a table")
	}
	f := frameOf(ctx)
	found, ok := f.view.scope.in.Tables.Get(name)
	if !ok {
		return nil, outcome.Errorf(outcome.Misconfigured, "unknown_table", "there is no table %q", name)
	}
	key, ok := textOf(value)
	if !ok {
		return nil, typeError("lookup needs text or a number, not %s", kindOf(value))
	}
	if v, ok := found.Lookup(key); ok {
		return v, nil
	}
	if v, ok := a.get(1, "default"); ok {
		return v, nil
	}
	if node := f.notes.holding(key); node != nil {
		return nil, rejectAt("lookup_miss", "holds nothing that the table "+name+" knows", node)
	}
	return nil, outcome.Errorf(outcome.Rejected, "lookup_miss", "a value is not in the table %s", name)
}

// arguments are the arguments of a filter.
type arguments struct {
	args   []any
	kwargs map[string]any
}

// get is an argument by position or name.
func (a arguments) get(i int, name string) (any, bool) {
	if i < len(a.args) {
		return a.args[i], true
	}
	v, ok := a.kwargs[name]
	return v, ok
}

// text is a text argument; false where it is something else.
func (a arguments) text(i int, name, fallback string) (string, bool) {
	v, ok := a.get(i, name)
	if !ok {
		return fallback, true
	}
	text, ok := v.(string)
	return text, ok
}

// number is a whole number from 0 to most; false where it is something else.
func (a arguments) number(i int, name string, fallback, most int64) (int, bool) {
	v, ok := a.get(i, name)
	if !ok {
		return int(fallback), true
	}
	n, ok := v.(int64)
	return int(n), ok && n >= 0 && n <= most
}

// typeError is an error of a filter's use.
func typeError(format string, args ...any) error {
	return &jinja.Error{Kind: jinja.KindType, Message: fmt.Sprintf(format, args...)}
}
