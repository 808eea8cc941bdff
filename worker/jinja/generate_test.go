package jinja_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/jinja/jinjatest"
)

// generator writes random templates from a grammar that knows the types of
// what it writes, so that most of them render.
type generator struct {
	r      *rand.Rand
	depth  int
	loops  int  // for loops around
	macros int  // defined so far
	do     bool // {% do %} is enabled
	jumps  bool // {% break %} and {% continue %} are
}

// generateContext is what every generated template sees.
const generateContext = `{
 "i": 7, "neg": -3, "zero": 0, "big": 12345678901234567890, "t": true, "fls": false, "nul": null,
 "f": 3.14159, "g": -0.5, "h": 1e21, "tiny": 1.5e-7, "s": "Hello World", "e": "", "n": "42", "m": "1234.50",
 "u": "Příliš žluťoučký kůň – ß 😀", "x": "<a href=\"q\">M&M's</a>", "ws": "  pad\tded \n", "ml": "line one\nline two\n\n  four",
 "l": [3, 1, 2], "ls": ["beta", "Alpha", "gamma", "alpha"], "mixed": [1, "a", null, 2.5, [4], {"k": 1}], "le": [],
 "d": {"zeta": 1, "alpha": "two", "mid": [1, 2]}, "de": {},
 "rows": [{"code": "A-100", "qty": "10", "price": 12.5, "tax": "21", "tags": ["x"]},
          {"code": "b-200", "qty": "2.5", "price": 80, "tax": "21", "tags": []},
          {"code": "", "qty": "", "price": 0.1, "tax": "", "tags": ["y", "z"]},
          {"code": "C-300", "qty": "1", "price": -4, "tax": "12", "note": null, "tags": []}],
 "tree": [{"n": "a", "c": [{"n": "b", "c": []}, {"n": "c", "c": [{"n": "d", "c": []}]}]}],
 "dt": {"$datetime": "2026-03-14T09:05:07"}, "da": {"$date": "2026-12-01"}, "dec": {"$decimal": "12.50"}, "by": {"$bytes": "aGk="}
}`

var generateTemplates = map[string]string{
	"part.txt":  "[{{ s|upper }}{% if v0 is defined %}{{ v0 }}{% endif %}]",
	"lib.txt":   "{% macro pair(a, b='-') %}{{ a }}/{{ b }}{% endmacro %}{% set const = 42 %}{% set _hidden = 1 %}",
	"base.html": "<{% block head %}head {{ i }}{% endblock %}|{% block body %}body{% endblock %}>",
}

func generate(r *rand.Rand) *jinjatest.Case {
	g := &generator{r: r}
	c := &jinjatest.Case{Context: json.RawMessage(generateContext), Templates: generateTemplates}
	c.Options = g.options()
	if g.one(25) {
		c.Template = g.child()
	} else {
		c.Template = g.body(1 + g.n(3))
	}
	if g.one(60) && len(c.Template) > 3 { // a syntax error, most likely
		cut := g.n(len(c.Template))
		c.Template = strings.ToValidUTF8(c.Template[:cut]+c.Template[min(cut+1+g.n(3), len(c.Template)):], "?")
	}
	return c
}

func (g *generator) n(n int) int    { return g.r.IntN(n) }
func (g *generator) one(n int) bool { return g.r.IntN(n) == 0 }
func (g *generator) pick(list string) string {
	words := strings.Fields(list)
	return words[g.n(len(words))]
}
func (g *generator) of(list ...string) string { return list[g.n(len(list))] }

func (g *generator) options() jinjatest.Options {
	g.do, g.jumps = g.one(4), g.one(4)
	o := jinjatest.Options{TrimBlocks: g.one(5), LstripBlocks: g.one(5), KeepTrailingNewline: g.one(5), Autoescape: g.one(3)}
	switch g.n(12) {
	case 0:
		if g.one(4) {
			o.Undefined = "strict"
		}
	case 1:
		o.Undefined = "chainable"
	}
	if g.do {
		o.Extensions = append(o.Extensions, "jinja2.ext.do")
	}
	if g.jumps {
		o.Extensions = append(o.Extensions, "jinja2.ext.loopcontrols")
	}
	return o
}

// child is a template that extends another.
func (g *generator) child() string {
	s := "{% extends 'base.html' %}" + g.text() + g.statement()
	for _, name := range []string{"head", "body"} {
		if g.one(2) {
			inner := g.of("", "{{ super() }}", "{{ self.head() if false }}")
			s += "{% block " + name + g.of("", " scoped") + " %}" + inner + g.body(2) + "{% endblock %}"
		}
	}
	return s
}

func (g *generator) text() string {
	return g.of("", " ", "\n", "\n\n", "a", "text ", "  \n  ", "x\n", ";", "<b>", "\t", " \n", "%}", "# ", "{ ")
}

// open and end write block tags with random white space control.
func (g *generator) tag(s string) string {
	return "{%" + g.of("", "", "", "", "-", "+") + g.of(" ", " ", "\n ") + s + " " + g.of("", "", "", "", "-", "+") + "%}"
}

func (g *generator) body(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(g.text())
		b.WriteString(g.statement())
	}
	b.WriteString(g.text())
	return b.String()
}

func (g *generator) output(x string) string {
	return "{{" + g.of("", "", "", "-") + " " + x + " " + g.of("", "", "", "-") + "}}"
}

// deeper runs fn unless the template is deep enough already.
func (g *generator) deeper(fn, flat func() string) string {
	if g.depth > 3+g.n(2) {
		return flat()
	}
	g.depth++
	defer func() { g.depth-- }()
	return fn()
}

func (g *generator) statement() string {
	return g.deeper(func() string {
		switch g.n(22) {
		case 0, 1:
			return g.ifStatement()
		case 2, 3, 4:
			return g.forStatement()
		case 5, 6:
			return g.setStatement()
		case 7:
			return g.tag("filter "+g.strFilter()) + g.body(1) + g.tag("endfilter")
		case 8:
			return g.tag("with "+g.variable()+" = "+g.any()) + g.body(2) + g.tag("endwith")
		case 9, 10:
			return g.macro()
		case 11:
			return g.of("{% raw %}{{ x }}{% y {% endraw %}", "{%- raw -%} {{ {%- endraw -%} ", "{# note #}", "{#- a -#}", "{# {{ x }} #}\n")
		case 12:
			return g.tag("autoescape "+g.of("true", "false", "t", "false")) + g.body(1) + g.tag("endautoescape")
		case 13:
			return g.templates()
		case 14:
			if g.do {
				return g.tag("do " + g.mutation())
			}
			return g.tag("set _ = " + g.mutation())
		case 15:
			return g.namespace()
		case 16:
			if g.jumps && g.loops > 0 {
				return g.tag("if "+g.boolean()) + g.tag(g.of("break", "continue")) + g.tag("endif")
			}
		}
		return g.output(g.any())
	}, func() string { return g.output(g.any()) })
}

func (g *generator) variable() string { return fmt.Sprintf("v%d", g.n(5)) }

func (g *generator) mutation() string {
	return g.of("l.append("+g.integer()+")", "d.update({"+g.str()+": "+g.any()+"})", "ls.insert(1, "+g.str()+")", "l.extend(["+g.integer()+"])",
		"d.pop('mid', none)", "le.append("+g.any()+")", "ls.sort()", "l.reverse()", "de.setdefault("+g.str()+", [])", "l.pop()")
}

func (g *generator) ifStatement() string {
	s := g.tag("if "+g.boolean()) + g.body(1)
	if g.one(3) {
		s += g.tag("elif "+g.any()) + g.body(1)
	}
	if g.one(2) {
		s += g.tag("else") + g.body(1)
	}
	return s + g.tag("endif")
}

func (g *generator) forStatement() string {
	if g.one(10) {
		return "{% for x in tree recursive %}{{ x.n }}{{ loop.depth }}" + g.of("", "{{ loop.index }}", "{{ loop.last }}") +
			"{% if x.c %}({{ loop(x.c) }}){% endif %}{% endfor %}"
	}
	head := "for " + g.variable() + " in " + g.list()
	if g.one(5) {
		head = "for " + g.of("v0, v1", "v1, v2", "(v0, v1)") + " in " + g.of("d.items()", "d|dictsort", "[(1, 2), (3, 4)]", "rows|groupby('tax')", "d|items", "['ab', 'cd']", g.list())
	}
	if g.one(5) {
		head += " if " + g.boolean()
	}
	g.loops++
	body := g.body(1 + g.n(2))
	if g.one(2) {
		body += g.of("{{ loop.index }}", "{{ loop.index0 }}/{{ loop.length }}", "{{ loop.revindex }}", "{{ ',' if not loop.last }}",
			"{{ loop.cycle('a', 'b') }}", "{{ loop.changed("+g.any()+") }}", "{{ loop.previtem|default('-') }}", "{{ loop.nextitem }}", "{{ loop.first }}")
	}
	g.loops--
	s := g.tag(head) + body
	if g.one(5) {
		s += g.tag("else") + g.body(1)
	}
	return s + g.tag("endfor")
}

func (g *generator) setStatement() string {
	switch g.n(4) {
	case 0:
		return g.tag("set "+g.variable()+g.of("", " | upper", " | trim", " | "+g.strFilter())) + g.body(1) + g.tag("endset")
	case 1:
		return g.tag("set " + g.of("v0, v1", "v2, v3", "v0, (v1, v2)") + " = " + g.of("1, 'x'", "[2, 3]", "1, (2, 3)", g.list()))
	}
	return g.tag("set " + g.variable() + " = " + g.any())
}

func (g *generator) namespace() string {
	return "{% set ns = namespace(a=" + g.any() + ", c=0) %}{% for q in " + g.list() + " %}{% set ns.c = ns.c + 1 %}{% set ns.a = " + g.any() +
		" %}{% endfor %}{{ ns.c }}{{ ns.a }}"
}

func (g *generator) macro() string {
	name := fmt.Sprintf("m%d", g.macros)
	g.macros++
	params, args := "", ""
	switch g.n(6) {
	case 0:
		params, args = "v0", g.any()
	case 1:
		params, args = "v0, v1=2", g.of(g.any(), g.any()+", "+g.any(), "v1="+g.any()+", v0=1", "*[1, 2]", "**{'v0': 1}")
	case 2:
		params, args = "v0=1, v1='x'", g.of("", "v1="+g.any(), g.any(), "1, 2, 3", "k=4")
	case 3:
		params, args = "v1="+g.any(), g.of("", g.any())
	}
	body := g.body(1) + g.of("", "{{ v0 }}")
	if strings.Contains(args, "3") || g.one(6) {
		body += "{{ varargs }}"
	}
	if strings.Contains(args, "k=") || g.one(6) {
		body += "{{ kwargs }}"
	}
	if g.one(3) {
		calls, signature := "{{ caller() }}", ""
		if g.one(2) {
			calls, signature = "{{ caller("+g.any()+") }}", g.of("(v3)", "(v3=5)", "(v3, v4=none)")
		}
		return g.tag("macro "+name+"("+params+")") + body + calls + g.tag("endmacro") +
			g.tag("call"+signature+" "+name+"("+args+")") + g.body(1) + g.tag("endcall")
	}
	body += g.of("", "", "{{ caller() if caller }}")
	return g.tag("macro "+name+"("+params+")") + body + g.tag("endmacro") +
		g.output(name+"("+args+")"+g.of("", "", "|upper", "|length", "~'<'"))
}

func (g *generator) templates() string {
	return g.of("{% include 'part.txt' %}", "{% include ['no.txt', 'part.txt'] %}",
		"{% include 'no.txt' ignore missing %}", "{% import 'lib.txt' as lib %}{{ lib.pair("+g.any()+") }}{{ lib.const }}{{ lib._hidden }}",
		"{% from 'lib.txt' import pair, const as k %}{{ pair(1, b="+g.any()+") }}{{ k }}", "{% from 'lib.txt' import nope %}{{ nope }}",
		"{% block b"+fmt.Sprint(g.n(100000))+" %}"+g.body(1)+"{% endblock %}")
}
