package jinja

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// UndefinedKind chooses what a missing name, attribute or item becomes.
type UndefinedKind int

// The kinds of undefined, as Jinja2's classes of the same names.
const (
	Default   UndefinedKind = iota // prints as nothing, iterates as empty, fails otherwise
	Strict                         // fails on every use but `is defined` and `default`
	Chainable                      // as Default, and attributes of it are undefined too
)

// FilterFunc is a filter registered by the host: value | name(args, kwargs).
// It gets values as [Expression.Eval] returns them and may return any value a
// host may pass in; strings it returns count against the limits. It must be
// safe for concurrent use and must not keep args or kwargs.
type FilterFunc func(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error)

// TestFunc is a test registered by the host: value is name(args, kwargs). The
// rules of [FilterFunc] hold.
type TestFunc func(ctx context.Context, value any, args []any, kwargs map[string]any) (bool, error)

// Options configures an [Environment]. The zero value is Jinja2's default.
type Options struct {
	TrimBlocks          bool // drop the newline after a block tag
	LstripBlocks        bool // drop blanks before a block tag that starts a line
	KeepTrailingNewline bool // keep a single newline at the template's end
	Autoescape          bool // escape output for HTML and XML

	Undefined    UndefinedKind
	Do           bool // enable {% do %}
	LoopControls bool // enable {% break %} and {% continue %}

	Filters   map[string]FilterFunc // override the built-in ones of the same name
	Tests     map[string]TestFunc   // override the built-in ones of the same name
	Globals   map[string]any        // names every template sees; vars of a rendering win; must not be changed
	Templates map[string]string     // what include, import and extends find, by name

	Limits Limits
}

// Environment compiles templates. It is immutable and safe for concurrent use.
type Environment struct {
	opts      Options
	limits    Limits
	lib       *library
	filters   map[string]*builtin // the host's
	tests     map[string]*builtin
	templates map[string]*program
	buffers   sync.Pool // of *[]byte: output of renderings that ended
}

// New compiles opts.Templates and returns an environment, or the first syntax
// error among them (in the order of their names).
func New(opts Options) (*Environment, error) {
	env := &Environment{limits: opts.Limits.withDefaults(), lib: newLibrary(), filters: map[string]*builtin{},
		tests: map[string]*builtin{}, templates: map[string]*program{}}
	for name, fn := range opts.Filters {
		env.filters[name] = hostBuiltin(name, fn)
	}
	for name, fn := range opts.Tests {
		env.tests[name] = hostBuiltin(name, func(ctx context.Context, v any, args []any, kwargs map[string]any) (any, error) {
			return fn(ctx, v, args, kwargs)
		})
	}
	opts.Globals = maps.Clone(opts.Globals) // converted anew in each rendering, which may change them
	env.opts = opts
	for _, name := range slices.Sorted(maps.Keys(opts.Templates)) {
		prog, err := env.compile(name, opts.Templates[name])
		if err != nil {
			return nil, err
		}
		env.templates[name] = prog
	}
	return env, nil
}

// hostBuiltin wraps a host's filter.
func hostBuiltin(name string, fn FilterFunc) *builtin {
	return newBuiltin(name, "/ value * **", func(c *call) (any, error) {
		value, err := c.rt.export(c.args[0])
		if err != nil {
			return nil, err
		}
		args, kwargs, err := c.rt.hostArguments(arguments{c.rest, c.named})
		if err != nil {
			return nil, err
		}
		v, err := fn(c.rt.ctx, value, args, kwargs)
		return c.rt.fromHostCall(v, err)
	})
}

func (env *Environment) filter(name string) *builtin {
	if b := env.filters[name]; b != nil {
		return b
	}
	return env.lib.filters[name]
}

func (env *Environment) test(name string) *builtin {
	if b := env.tests[name]; b != nil {
		return b
	}
	return env.lib.tests[name]
}

func (env *Environment) filterNames() []string {
	names := slices.Collect(maps.Keys(env.lib.filters))
	names = slices.AppendSeq(names, maps.Keys(env.filters))
	slices.Sort(names)
	return names
}

// Compile parses a text template. Its error is an [*Error] of [KindSyntax],
// or of [KindLimit] if the source is too long or nests too deep.
func (env *Environment) Compile(name, source string) (*Template, error) {
	prog, err := env.compile(name, source)
	if err != nil {
		return nil, err
	}
	return &Template{prog}, nil
}

// CompileExpression parses a bare expression, without {{ }}. Its errors are
// those of [Environment.Compile].
func (env *Environment) CompileExpression(name, source string) (*Expression, error) {
	prog, err := env.compileExpression(name, source)
	if err != nil {
		return nil, err
	}
	return &Expression{prog}, nil
}

// CompileNative parses a string that may hold template syntax. A string that
// is exactly one {{ }} evaluates to that expression's typed value, one without
// any template syntax to itself, any other to the rendered text. Its errors
// are those of [Environment.Compile].
func (env *Environment) CompileNative(name, source string) (*Native, error) {
	if !strings.Contains(source, "{{") && !strings.Contains(source, "{%") && !strings.Contains(source, "{#") {
		return &Native{literal: source}, nil
	}
	prog, err := env.compile(name, source)
	if err != nil {
		return nil, err
	}
	return &Native{prog: prog}, nil
}
