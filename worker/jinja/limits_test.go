package jinja_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// hostile templates must fail at a limit, quickly and in little memory.
var hostile = map[string]string{
	"self-calling macro":          "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
	"mutual macros":               "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
	"self-calling caller":         "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
	"macro doubling itself":       "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
	"endless recursive loop":      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
	"brackets":                    "{{ " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + " }}",
	"parentheses":                 "{{ " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000) + " }}",
	"open brackets":               "{{ " + strings.Repeat("[", 100_000),
	"not not":                     "{{ " + strings.Repeat("not ", 100_000) + "1 }}",
	"minus minus":                 "{{ " + strings.Repeat("-", 100_000) + "1 }}",
	"long sum":                    "{{ 1" + strings.Repeat("+1", 100_000) + " }}",
	"long filter chain":           "{{ 1" + strings.Repeat("|string", 100_000) + " }}",
	"long attribute chain":        "{{ x" + strings.Repeat(".x", 100_000) + " }}",
	"long or":                     "{{ 0" + strings.Repeat(" or 0", 100_000) + " }}",
	"long inline if":              "{{ 0" + strings.Repeat(" if 0 else 0", 100_000) + " }}",
	"power tower":                 "{{ 2" + strings.Repeat("**2", 100_000) + " }}",
	"nested ifs":                  strings.Repeat("{% if 1 %}", 100_000) + strings.Repeat("{% endif %}", 100_000),
	"nested dicts":                "{{ " + strings.Repeat("{1:", 100_000) + "1" + strings.Repeat("}", 100_000) + " }}",
	"nested subscripts":           "{{ " + strings.Repeat("a[", 100_000) + "1" + strings.Repeat("]", 100_000) + " }}",
	"nested calls":                "{{ " + strings.Repeat("a(", 100_000) + "1" + strings.Repeat(")", 100_000) + " }}",
	"nested target":               "{% for " + strings.Repeat("(", 100_000) + "a" + strings.Repeat(",)", 100_000) + " in x %}{% endfor %}",
	"range loop":                  "{% for i in range(100000000) %}{% endfor %}",
	"range output":                "{% for i in range(100000000) %}x{% endfor %}",
	"range list":                  "{{ range(100000000)|list }}",
	"range sum":                   "{{ range(1000000000000)|sum }}",
	"range max":                   "{{ range(1000000000000)|max }}",
	"range join":                  "{{ range(1000000000000)|join }}",
	"range in":                    "{{ 'x' in range(1000000000000) }}",
	"range unpack":                "{% macro m() %}{{ varargs }}{% endmacro %}{{ m(*range(1000000000000)) }}",
	"range batch":                 "{{ range(1000000000000)|batch(1000000000000)|list }}",
	"range slice filter":          "{{ range(1000000000000)|slice(3)|list }}",
	"range reverse":               "{{ range(1000000000000)|reverse|list }}",
	"range unique":                "{{ range(1000000000000)|unique|last|list }}{{ range(1000000000000)|unique|list }}",
	"range map":                   "{{ range(1000000000000)|map('string')|list }}",
	"range select":                "{{ range(1000000000000)|select('lt', 0)|first }}",
	"range sort":                  "{{ range(1000000000000)|sort }}",
	"range groupby":               "{{ range(1000000000000)|groupby(0) }}",
	"range loop length":           "{% for i in range(1000000000000)|map('abs') %}{{ loop.length }}{% endfor %}",
	"text repeated":               "{{ 'x' * 3000000000 }}",
	"list repeated":               "{{ [1] * 3000000000 }}",
	"tuple repeated":              "{{ (1,) * 9223372036854775807 }}",
	"text repeated hugely":        "{{ 'xx' * 9223372036854775807 }}",
	"text repeated by a bigint":   "{{ 'x' * 10**30 }}",
	"doubling text":               "{% set ns = namespace(s='x') %}{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s|length }}",
	"doubling text with +":        "{% set ns = namespace(s='x') %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|length }}",
	"doubling list":               "{% set ns = namespace(s=[1]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|length }}",
	"doubling list in place":      "{% set l = [1] %}{% for i in range(60) %}{% set _ = l.extend(l) %}{% endfor %}{{ l|length }}",
	"doubling by macro":           "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",
	"doubling by set block":       "{% set s = 'x' %}{% for i in range(60) %}{% set ns %}{{ s }}{% endset %}{% endfor %}{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s|replace('x', 'xx') %}{% endfor %}",
	"doubling by format":          "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = '%s%s'|format(ns.s, ns.s) %}{% endfor %}",
	"doubling by str.format":      "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = '{0}{0}'.format(ns.s) %}{% endfor %}",
	"doubling by join":            "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s]|join %}{% endfor %}",
	"doubling by nested lists":    "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
	"doubling by tojson":          "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
	"doubling by equality":        "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
	"doubling by hash":            "{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}{{ {ns.a: 1} }}",
	"doubling by pprint":          "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|pprint }}",
	"doubling by escape":          "{% set ns = namespace(s='&') %}{% for i in range(40) %}{% set ns.s = ns.s|forceescape|string|replace('a', '&') %}{% endfor %}",
	"nested empty loops":          "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{% endfor %}{% endfor %}{% endfor %}",
	"nested loops over nothing":   "{% for a in range(100000000000) %}{% for b in [] %}{% endfor %}{% endfor %}",
	"loop filter":                 "{% for a in range(100000000000) if false %}{% endfor %}",
	"appending in a loop":         "{% set l = [1] %}{% for x in l %}{% set _ = l.append(x) %}{% endfor %}",
	"growing dict":                "{% set d = {} %}{% for i in range(100000000) %}{% set _ = d.update({i: i}) %}{% endfor %}",
	"growing namespace":           "{% set n = namespace(l=[]) %}{% for i in range(100000000) %}{% set n.l = n.l + [i] %}{% endfor %}",
	"center filter":               "{{ 'x'|center(3000000000) }}",
	"center method":               "{{ 'x'.center(3000000000) }}",
	"ljust":                       "{{ 'x'.ljust(3000000000) }}",
	"zfill":                       "{{ 'x'.zfill(9000000000000000000) }}",
	"expandtabs":                  "{{ '\t'.expandtabs(3000000000) }}",
	"percent width":               "{{ '%1000000000d' % 1 }}",
	"percent star width":          "{{ '%*d' % (1000000000, 1) }}",
	"percent precision":           "{{ '%.1000000000f' % 1 }}",
	"percent int precision":       "{{ '%.1000000000d' % 1 }}",
	"percent huge width":          "{{ '%99999999999999999999d' % 1 }}",
	"format width":                "{{ '{:1000000000}'.format(1) }}",
	"format precision":            "{{ '{:.1000000000f}'.format(1.5) }}",
	"format nested width":         "{{ '{:{}}'.format('x', 1000000000) }}",
	"format grouped width":        "{{ '{:01000000000,}'.format(1) }}",
	"format filter":               "{{ '%1000000000s'|format('x') }}",
	"indent":                      "{{ 'a\nb'|indent(3000000000) }}",
	"indent many lines":           "{{ ('a\n' * 100000)|indent(100000) }}",
	"indent by text":              "{{ ('a\n' * 1000000)|indent('x' * 1000000) }}",
	"wordwrap":                    "{{ ('a ' * 1000000)|wordwrap(1, wrapstring='x' * 1000000) }}",
	"batch fill":                  "{{ [1]|batch(3000000000, 'x')|list }}",
	"slice count":                 "{{ [1]|slice(3000000000, 'x')|list }}",
	"replace empty":               "{{ ('x' * 1000000)|replace('', 'y' * 1000000) }}",
	"replace method":              "{{ ('x' * 1000000).replace('x', 'y' * 1000000) }}",
	"join with long separator":    "{{ range(100000)|join('x' * 1000000) }}",
	"join method":                 "{{ ('x' * 1000000).join(['a'] * 100000) }}",
	"translate":                   "{{ ('x' * 1000000).translate({120: 'y' * 1000000}) }}",
	"tojson indent":               "{{ [[[1]]]|tojson(indent=3000000000) }}",
	"tojson of itself":            "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}",
	"pprint of itself":            "{% set l = [] %}{% set _ = l.append(l) %}{{ l|pprint }}{{ l == [l] }}",
	"compare with itself":         "{% set l = [] %}{% set m = [] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l == m }}",
	"order with itself":           "{% set l = [] %}{% set m = [] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l < m }}",
	"deep list":                   "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
	"deep equality":               "{% set ns = namespace(l=[], m=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% set ns.m = [ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
	"deep key":                    "{% set ns = namespace(l=()) %}{% for i in range(100000) %}{% set ns.l = (ns.l,) %}{% endfor %}{{ {ns.l: 1} }}",
	"deep tojson":                 "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}",
	"deep generators":             "{% set ns = namespace(l=[1]) %}{% for i in range(3000000) %}{% set ns.l = ns.l|map('abs') %}{% endfor %}{{ ns.l|list }}",
	"huge power":                  "{{ 2 ** 1000000000 }}",
	"negative huge power":         "{{ (-3) ** 1000000000 }}",
	"repeated squaring":           "{% set ns = namespace(n=3) %}{% for i in range(60) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
	"decimal power":               "{{ dec ** 1000000000 }}",
	"decimal squaring":            "{% set ns = namespace(n=dec) %}{% for i in range(60) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
	"decimal with huge exponent":  "{{ huge }}",
	"decimal huge sum":            "{{ huge + 1 }}",
	"decimal huge int":            "{{ huge|int }}",
	"decimal huge round":          "{{ dec|round(1000000000) }}",
	"decimal huge format":         "{{ '%.1000000000f' % dec }}",
	"long integer literal":        "{{ " + strings.Repeat("9", 1_000_000) + " }}",
	"integer from text":           "{{ ('9' * 1000000)|int * 1 }}{{ 1/0 }}",
	"sum of texts":                "{{ ['x' * 60000000, 'y' * 60000000]|join }}",
	"include itself":              "{% include 'self' %}",
	"extend itself":               "{% extends 'extend' %}",
	"import itself":               "{% import 'import' as x %}",
	"many steps in filter":        "{% for i in range(1000000) %}{{ ('x' * 1000000)|length }}{% endfor %}",
	"search a long text":          "{% set s = 'é' * 1000000 %}{% for i in range(10000000) %}{% if s[-1] %}{% endif %}{% endfor %}",
	"lipsum":                      "{{ lipsum(1000000000) }}",
	"urlize":                      "{{ ('(' * 1000000)|urlize }}",
	"private attribute":           "{{ ''.__class__.__mro__ }}",
	"private attribute by attr":   "{{ ''|attr('__class__')|attr('__mro__')|list }}{{ 1/0 }}",
	"private attribute by item":   "{{ ''['__class__'].x }}",
	"private attribute in format": "{{ '{0.__class__}'.format(1) }}",
}

// hostileLimits are tighter than the defaults to keep the test short.
var hostileLimits = jinja.Limits{Steps: 1_000_000, AllocBytes: 64 << 20, ValueBytes: 16 << 20, OutputBytes: 16 << 20}

// TestDefaultLimits tries the worst with the limits everyone gets.
func TestDefaultLimits(t *testing.T) {
	env := mustEnvironment(t, jinja.Options{})
	for _, name := range []string{"self-calling macro", "brackets", "range loop", "range list", "text repeated", "doubling text",
		"nested empty loops", "center filter", "percent width", "macro doubling itself"} {
		tmpl, err := env.Compile(name, hostile[name])
		if err == nil {
			_, err = tmpl.Render(t.Context(), nil)
		}
		var e *jinja.Error
		if !errors.As(err, &e) || e.Kind != jinja.KindLimit {
			t.Errorf("%s: got %v, want a limit error", name, err)
		}
	}
}

func hostileEnvironment(t testing.TB) *jinja.Environment {
	t.Helper()
	env, err := jinja.New(jinja.Options{Limits: hostileLimits, Templates: map[string]string{
		"self": "{% include 'self' %}", "extend": "{% extends 'extend' %}", "import": "{% import 'import' as x %}"}})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// TestHostileTemplates checks that each one fails with an error of the
// engine's own, and that no failure takes more memory than the limits allow.
func TestHostileTemplates(t *testing.T) {
	env := hostileEnvironment(t)
	vars := map[string]any{"dec": decimalOf(t, "1.5"), "huge": decimal.New(1, 999999999)}
	for name, source := range hostile {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			tmpl, err := env.Compile(name, source)
			if err == nil {
				_, err = tmpl.Render(ctx, vars)
			}
			runtime.ReadMemStats(&after)
			var e *jinja.Error
			if !errors.As(err, &e) {
				t.Fatalf("no error of the engine: %v", err)
			}
			if e.Kind == jinja.KindCanceled {
				t.Fatalf("stopped by the clock, not by a limit: %v", err)
			}
			if e.Line < 1 || e.Column < 1 || e.Template == "" {
				t.Errorf("no position: %q at %d:%d", e.Template, e.Line, e.Column)
			}
			if grown := after.Sys - before.Sys; int64(grown) > 1<<30 {
				t.Errorf("process grew by %d bytes", grown)
			}
			if total := after.TotalAlloc - before.TotalAlloc; total > 4<<30 {
				t.Errorf("allocated %d bytes in total", total)
			}
		})
	}
}

// TestLimits checks that each limit can be set, names itself and has a kind.
func TestLimits(t *testing.T) {
	tests := map[string]struct {
		limits jinja.Limits
		source string
		want   string
	}{
		"steps":   {jinja.Limits{Steps: 100}, "{% for i in range(200) %}{% endfor %}", "more than 100 steps"},
		"output":  {jinja.Limits{OutputBytes: 10}, "{% for i in range(20) %}x{% endfor %}", "longer than 10 bytes"},
		"alloc":   {jinja.Limits{AllocBytes: 1000}, "{% for i in range(20) %}{% set x = 'y' * 100 %}{% endfor %}", "more than 1000 bytes"},
		"value":   {jinja.Limits{ValueBytes: 100}, "{{ 'x' * 101 }}", "more than 100 bytes"},
		"depth":   {jinja.Limits{Depth: 5}, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deeper than 5"},
		"parse":   {jinja.Limits{ParseDepth: 5}, "{{ [[[[[[1]]]]]] }}", "nests deeper than 5"},
		"source":  {jinja.Limits{SourceBytes: 5}, "123456", "longer than 5 bytes"},
		"capture": {jinja.Limits{OutputBytes: 50}, "{% set x %}{% for i in range(60) %}x{% endfor %}{% endset %}", "longer than 50 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			env, err := jinja.New(jinja.Options{Limits: test.limits})
			if err != nil {
				t.Fatal(err)
			}
			tmpl, err := env.Compile("t", test.source)
			if err == nil {
				_, err = tmpl.Render(t.Context(), nil)
			}
			var e *jinja.Error
			if !errors.As(err, &e) || e.Kind != jinja.KindLimit || !strings.Contains(e.Message, test.want) {
				t.Errorf("got %v, want a limit error with %q", err, test.want)
			}
		})
	}
}

// TestCancel checks that an ended context stops a rendering.
func TestCancel(t *testing.T) {
	env := hostileEnvironment(t)
	tmpl, err := env.Compile("t", "{% for i in range(10000000) %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("pipeline stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err = tmpl.Render(ctx, nil)
	var e *jinja.Error
	if !errors.As(err, &e) || e.Kind != jinja.KindCanceled || !errors.Is(err, cause) {
		t.Errorf("got %v, want a canceled error with the cause", err)
	}
}
