package jinja_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// hostObject is an object of a host: names are looked up lazily and counted.
type hostObject struct {
	values map[string]any
	asked  map[string]int
}

func (o *hostObject) Lookup(_ context.Context, name string) (any, bool, error) {
	if o.asked != nil {
		o.asked[name]++
	}
	if err, ok := o.values[name].(error); ok {
		return nil, false, err
	}
	v, ok := o.values[name]
	return v, ok, nil
}

// hostList is an ordered host object.
type hostList []any

func (l hostList) Len() int { return len(l) }

func (l hostList) Index(_ context.Context, i int) (any, bool, error) {
	if i < 0 || i >= len(l) {
		return nil, false, nil
	}
	return l[i], true, nil
}

func (l hostList) Iterate(context.Context) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for _, v := range l {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (l hostList) String() string { return fmt.Sprintf("<%d things>", len(l)) }

// missError is a host's typed error.
type missError struct{ field string }

func (e *missError) Error() string { return "look-up miss at field " + e.field }

func mustEnvironment(t testing.TB, opts jinja.Options) *jinja.Environment {
	t.Helper()
	env, err := jinja.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestHostValues(t *testing.T) {
	type named string
	big80 := new(big.Int).Lsh(big.NewInt(1), 80)
	vars := map[string]any{
		"nil": nil, "int": 7, "uint8": uint8(8), "big": big80, "float": 1.5, "float32": float32(0.5), "named": named("n"),
		"jint": json.Number("12"), "jfloat": json.Number("12.0"), "jexp": json.Number("1e2"), "jbig": json.Number("12345678901234567890"),
		"dec": decimalOf(t, "12.50"), "bytes": []byte("hi"), "list": []any{1, "a", nil}, "strings": []string{"x", "y"},
		"map": map[string]any{"b": 1, "a": map[string]any{"c": 2}}, "strmap": map[string]string{"k": "v"},
		"object": &hostObject{values: map[string]any{"name": "n", "n": 3}}, "things": hostList{"p", "q"},
		"fn": jinja.Func(func(_ context.Context, args []any, kw map[string]any) (any, error) {
			return fmt.Sprint(args, kw), nil
		}),
	}
	tests := map[string]string{
		"{{ nil }}":                 "None",
		"{{ int + 1 }} {{ uint8 }}": "8 8",
		"{{ big }}":                 "1208925819614629174706176",
		"{{ float }} {{ float32 }}": "1.5 0.5",
		"{{ named|upper }}":         "N",
		"{{ jint }} {{ jfloat }} {{ jexp }} {{ jbig }}":                  "12 12.0 100.0 12345678901234567890",
		"{{ dec }} {{ dec * 3 }}":                                        "12.50 37.50",
		"{{ bytes }} {{ bytes|b64encode }}":                              "b'hi' aGk=",
		"{{ list }} {{ strings }}":                                       "[1, 'a', None] ['x', 'y']",
		"{{ map }} {{ map.a.c }}":                                        "{'a': {'c': 2}, 'b': 1} 2",
		"{{ strmap }}":                                                   "{'k': 'v'}",
		"{{ object.name }}{{ object['n'] }}{{ object.none is defined }}": "n3False",
		"{{ things }} {{ things|length }} {{ things[1] }} {{ things|join('-') }} {{ things[9] is defined }}": "<2 things> 2 q p-q False",
		"{% for x in things %}{{ loop.index }}{{ x }}{% endfor %}":                                           "1p2q",
		"{{ fn(1, 'a', k=2) }}":                                                 "[1 a] map[k:2]",
		"{% set _ = map.update({'z': 1}) %}{{ map|length }}":                    "3",
		"{% set _ = map.a.update({'z': 1}) %}{{ map.a }}":                       "{'c': 2, 'z': 1}",
		"{{ fn is callable }} {{ things is iterable }} {{ object is mapping }}": "True True True",
	}
	env := mustEnvironment(t, jinja.Options{})
	for source, want := range tests {
		tmpl, err := env.Compile("t", source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tmpl.Render(t.Context(), vars)
		if err != nil || got != want {
			t.Errorf("%s\ngot  %q, %v\nwant %q", source, got, err, want)
		}
	}
	if got := len(vars["map"].(map[string]any)); got != 2 {
		t.Errorf("a template changed the host's map: %d entries", got)
	}
}

func TestEval(t *testing.T) {
	vars := map[string]any{"d": decimalOf(t, "1.10"), "o": hostList{1}, "l": []any{1, 2}}
	tests := map[string]any{
		"1 + 1":         int64(2),
		"2 ** 70":       new(big.Int).Lsh(big.NewInt(1), 70),
		"7 / 2":         3.5,
		"'a' ~ 1":       "a1",
		"'<'|e":         "&lt;",
		"none":          nil,
		"1 < 2":         true,
		"d + d":         decimalOf(t, "2.20"),
		"'hi'.encode()": []byte("hi"),
		"o":             hostList{1},
		"1 if true":     int64(1),
	}
	env := mustEnvironment(t, jinja.Options{})
	same := cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) })
	ints := cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
	for source, want := range tests {
		x, err := env.CompileExpression("x", source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Eval(t.Context(), vars)
		if err != nil || !cmp.Equal(got, want, same, ints) {
			t.Errorf("%s: got %#v, %v, want %#v", source, got, err, want)
		}
	}
	for source, want := range map[string]string{"[1, (2, 'x')]": "[1 [2 x]]", "l|map('string')": "[1 2]", "range(2)": "[0 1]", "{'b': 1}.items()": "[[b 1]]"} {
		x, err := env.CompileExpression("x", source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Eval(t.Context(), vars)
		if l, ok := got.(*jinja.List); !ok || err != nil || fmt.Sprint(plain(l)) != want {
			t.Errorf("%s: got %v, %v, want %s", source, got, err, want)
		}
	}
	x, err := env.CompileExpression("x", "nope")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := x.Eval(t.Context(), vars); err != nil || !jinja.IsUndefined(got) {
		t.Errorf("a missing name: got %v, %v, want undefined", got, err)
	}
}

// plain turns lists into slices.
func plain(v any) any {
	l, ok := v.(*jinja.List)
	if !ok {
		return v
	}
	out := []any{}
	for _, item := range l.All() {
		out = append(out, plain(item))
	}
	return out
}

func TestNative(t *testing.T) {
	tests := map[string]any{
		"plain text":                   "plain text",
		"":                             "",
		"{{ n }}":                      int64(3),
		"{{ n / 2 }}":                  1.5,
		"{{ none }}":                   nil,
		"{{ n }} ":                     "3 ",
		"n={{ n }}":                    "n=3",
		"{{ n }}{{ n }}":               "33",
		"{% if n %}{{ n }}{% endif %}": "3",
		"{# note #}":                   "",
		"a } b }}":                     "a } b }}",
	}
	env := mustEnvironment(t, jinja.Options{})
	for source, want := range tests {
		n, err := env.CompileNative("n", source)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		if got, err := n.Eval(t.Context(), map[string]any{"n": 3}); err != nil || got != want {
			t.Errorf("%q: got %#v, %v, want %#v", source, got, err, want)
		}
	}
}

func TestHostErrors(t *testing.T) {
	miss := &missError{"tax_code"}
	opts := jinja.Options{
		Filters: map[string]jinja.FilterFunc{
			"lookup": func(context.Context, any, []any, map[string]any) (any, error) { return nil, miss },
			"echo": func(_ context.Context, v any, args []any, kw map[string]any) (any, error) {
				return fmt.Sprint(v, args, kw), nil
			},
			"grow": func(context.Context, any, []any, map[string]any) (any, error) { return strings.Repeat("x", 1000), nil },
		},
		Tests:  map[string]jinja.TestFunc{"known": func(_ context.Context, v any, _ []any, _ map[string]any) (bool, error) { return v == "a", nil }},
		Limits: jinja.Limits{ValueBytes: 500},
	}
	env := mustEnvironment(t, opts)
	vars := &hostObject{values: map[string]any{"queue": miss, "a": "a"}, asked: map[string]int{}}
	for source, where := range map[string]string{"x\n {{ a|lookup }}": "2:7", "{{ queue }}": "1:4", "{% if a %}{{ [a]|map('lookup')|list }}{% endif %}": "1:32"} {
		tmpl, err := env.Compile("order.j2", source)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tmpl.Render(t.Context(), vars)
		var e *jinja.Error
		var m *missError
		if !errors.As(err, &e) || !errors.As(err, &m) || m != miss || e.Kind != jinja.KindHost {
			t.Errorf("%s: the host's error is lost in %v", source, err)
			continue
		}
		if want := "order.j2:" + where + ": look-up miss at field tax_code"; err.Error() != want {
			t.Errorf("%s: got %q, want %q", source, err, want)
		}
	}
	tmpl, err := env.Compile("t", "{{ a|echo(1, k='v') }} {{ a is known }} {{ a }}{{ a }}{% if false %}{{ queue }}{% endif %}")
	if err != nil {
		t.Fatal(err)
	}
	vars.asked = map[string]int{}
	got, err := tmpl.Render(t.Context(), vars)
	if want := "a[1] map[k:v] True aa"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if vars.asked["a"] != 1 || vars.asked["queue"] != 0 {
		t.Errorf("names must be asked for once, when reached: %v", vars.asked)
	}
	tmpl, err = env.Compile("t", "{{ a|grow }}")
	if err != nil {
		t.Fatal(err)
	}
	var e *jinja.Error
	if _, err := tmpl.Render(t.Context(), vars); !errors.As(err, &e) || e.Kind != jinja.KindLimit {
		t.Errorf("a host's result must count against the limits, got %v", err)
	}
}

func TestErrorPositions(t *testing.T) {
	tests := map[string]string{
		"a\n{{ b + }}":                 "t:2:8: unexpected 'end of print statement'",
		"{% if x %}":                   "t:1:11: unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.",
		"é {{ x|nofilter }}":           "t:1:8: no filter named 'nofilter'.",
		"{{ x|uper }}":                 "t:1:6: no filter named 'uper'.",
		"{{ x|Upper }}":                "t:1:6: no filter named 'Upper'. Did you mean 'upper'?",
		"{% foo %}":                    "t:1:4: encountered unknown tag 'foo'.",
		"\n\n  {{ 1 / 0 }}":            "t:3:8: division by zero",
		"{{ a.b.c }}":                  "t:1:5: 'a' is undefined",
		"{% for x in 5 %}{% endfor %}": "t:1:4: 'int' object is not iterable",
		"{{ 'a' + 1 }}":                `t:1:8: can only concatenate str (not "int") to str`,
		"{{ x|upper }} {{ 'x }}":       "t:1:18: unexpected char \"'\"",
		"{{ (1 }}":                     "t:1:7: unexpected '}', expected ')'",
		"{# x":                         "t:1:1: missing end of comment tag",
		"{% raw %}x":                   "t:1:1: missing end of raw directive",
	}
	env := mustEnvironment(t, jinja.Options{})
	for source, want := range tests {
		tmpl, err := env.Compile("t", source)
		if err == nil {
			_, err = tmpl.Render(t.Context(), nil)
		}
		if err == nil || err.Error() != want {
			t.Errorf("%q\ngot  %v\nwant %s", source, err, want)
		}
	}
}

func TestVariables(t *testing.T) {
	env := mustEnvironment(t, jinja.Options{})
	tmpl, err := env.Compile("t", `{% set a = field.amount_total %}{% for r in field['line_items'] if r.x %}{{ r.code }}{{ loop.index }}{{ rows[i].y }}{% endfor %}
{{ a }}{% macro m(p, q=settings.z) %}{{ p }}{{ q }}{{ payload.id|default(other) }}{% endmacro %}{{ m(1) }}{% if b %}{% set c = 1 %}{% endif %}{{ c }}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range tmpl.Variables() {
		got = append(got, fmt.Sprintf("%s@%d:%d", strings.Join(r.Path, "."), r.Line, r.Col))
	}
	want := []string{"field.amount_total@1:12", "field.line_items@1:45", "rows@1:105", "i@1:110", "settings.z@2:24", "payload.id@2:55", "other@2:74", "b@2:113"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	x, err := env.CompileExpression("x", "field.a != queue['name']")
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Variables(); len(got) != 2 || got[1].Path[1] != "name" || got[1].Col != 12 {
		t.Errorf("got %v", got)
	}
}

// TestConcurrentUse renders one template many times at once; run with -race.
func TestConcurrentUse(t *testing.T) {
	shared := jinja.NewDict(1)
	shared.Set("items", []any{map[string]any{"n": 1}, map[string]any{"n": 2}})
	env := mustEnvironment(t, jinja.Options{Globals: map[string]any{"g": map[string]any{"k": []any{1}}},
		Templates: map[string]string{"lib": "{% macro m(x) %}<{{ x }}>{% endmacro %}"}})
	tmpl, err := env.Compile("t", "{% from 'lib' import m %}{% for i in items %}{{ m(i.n) }}{{ g.k }}{% endfor %}{{ rest.a.b }}")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				vars := map[string]any{"items": must(shared.Get("items")), "rest": map[string]any{"a": map[string]any{"b": i*100 + j}}}
				got, err := tmpl.Render(t.Context(), vars)
				if want := fmt.Sprintf("<1>[1]<2>[1]%d", i*100+j); err != nil || got != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func must(v any, _ bool) any { return v }

// failingWriter fails on every write.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRenderTo(t *testing.T) {
	env := mustEnvironment(t, jinja.Options{})
	tmpl, err := env.Compile("t", "text {{ 1 / n }}")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tmpl.RenderTo(t.Context(), &b, map[string]any{"n": 0}); err == nil || b.Len() > 0 {
		t.Errorf("wrote %q before it failed with %v", b.String(), err)
	}
	if err := tmpl.RenderTo(t.Context(), failingWriter{io.ErrShortWrite}, map[string]any{"n": 1}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want the writer's error", err)
	}
}
