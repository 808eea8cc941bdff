package jinja_test

import "strings"

// any writes an expression of any type.
func (g *generator) any() string {
	switch g.n(16) {
	case 0, 1:
		return g.integer()
	case 2:
		return g.float()
	case 3, 4, 5, 6:
		return g.str()
	case 7, 8:
		return g.list()
	case 9:
		return g.dict()
	case 10, 11:
		return g.boolean()
	case 12:
		return g.pick("nul missing d.nope rows[9] l[7] none s.nope i.real nul.x none")
	case 13:
		return g.object()
	case 14:
		if g.one(3) {
			return g.postfix("(" + g.any() + ")")
		}
		return g.str()
	}
	return g.pick("v0 v1 v2 v3 v4")
}

// wild is an expression of the wanted type, or now and then of any other.
func (g *generator) wild(typed func() string) string {
	if g.one(60) {
		return "(" + g.any() + ")"
	}
	return typed()
}

func (g *generator) object() string {
	return g.of("dt", "da", "dec", "dt.date() - da", "da.strftime('%d.%m.%Y %A %j')", "dt.isoformat()", "dt.strftime('%H:%M:%S %p %y %b')",
		"da.year + da.month", "dec * 2", "dec + 1", "dec|round(1)", "'%.1f' % dec", "dec|float", "dec > 12", "dec == 12.5", "-dec", "dec|int",
		"da < dt.date()", "(dt - dt).days", "by|length", "by.decode()", "by|b64encode", "dt.hour", "da.weekday()", "da.isocalendar()",
		"'{:.2f}'.format(dec)", "[dec, da, by]", "s.encode()|length", "u.encode('ascii', 'replace').decode()", "u.encode('latin1', 'ignore')|b64encode", "dec / 4", "dec // 5", "dec % 5", "da.replace(day=3)", "'{:%Y}'.format(da)", "dec|abs", "[dec, 1]|max")
}

// postfix applies something that works on any value, or now and then not.
func (g *generator) postfix(x string) string {
	if g.one(4) {
		return x + g.of("|length", "|list", "|first", "|last", "|join", "|abs", "|reverse|list", "|sort", "|sum", "|round", "|filesizeformat", "|xmlattr", "|dictsort",
			"|items|list", "|unique|list", "|max", "|min", "|count", "[1:]", "[::-1]", "[:2]", "|truncate(5)", "|indent", "|batch(2)|list", "|slice(2)|list",
			"|map('upper')|list", "|select|list", "|attr('real')", "|wordwrap(5)", "()", "|tojson", "|int", "|float", "|urlencode")
	}
	return x + g.of("|string", "|default('D')", "|default('D', true)", "|d(0)", "|string|tojson", "|upper", "|e", "|safe", "|trim", "|wordcount", "|pprint", "|title",
		" is defined", " is string", " is number", " is mapping", " is iterable", " is sequence", " is none", " is boolean", " is integer", " is float",
		" is escaped", " is callable", "|striptags", "[0]", "[-1]", ".x", "['code']", "|center(9)", "|string|length", "|replace('a', 'b')", "|forceescape", "|capitalize",
		" is upper", " is lower", "|default('x')|string", "|string|upper", "|string|e", "|d|string|trim", "|string|int", "|string|float", "|string|list|last",
		"|string|truncate(5)", "|string|indent", "|string|wordwrap(5)", "|string|urlencode", "|string|reverse")
}

func (g *generator) integer() string {
	return g.deeper(func() string {
		switch g.n(16) {
		case 0, 1, 2:
			return g.pick("i neg zero big t l[0]")
		case 3, 4, 5:
			return g.wild(g.integer) + " " + g.pick("+ - * // %") + " " + g.wild(g.integer)
		case 6:
			return "(" + g.integer() + ")" + g.of(" ** 2", " ** 3", " ** neg", "|abs", "|round", "|round(-1)", "|int", ".bit_length()", " ** zero")
		case 7:
			return g.wild(g.list) + "|length"
		case 8:
			return g.wild(g.str) + "|" + g.of("length", "int", "int(-1)", "wordcount", "int(0, 16)", "count")
		case 9:
			return "(" + g.str() + ")." + g.of("find('l')", "count('a')", "rfind('o')", "find('x', 2)", "rfind('')", "count('')", "find('')")
		case 10:
			return "-" + g.integer()
		case 11:
			return "(" + g.integer() + " if " + g.boolean() + " else " + g.integer() + ")"
		case 12:
			return g.of("rows|sum(attribute='price')", "l|sum", "l|max", "l|min", "rows|length", "l|sum(start=10)", "l.index(2)", "l.count(1)", "[]|sum")
		case 13:
			return g.float() + "|" + g.of("int", "round|int")
		}
		return g.pick("0 1 2 3 7 10 255 -1 1000000 0x1f 0b101 1_000 99999999999")
	}, func() string { return g.pick("0 1 2 i neg") })
}

func (g *generator) float() string {
	return g.deeper(func() string {
		switch g.n(12) {
		case 0, 1:
			return g.pick("f g h tiny")
		case 2, 3:
			return g.wild(g.integer) + " / " + g.wild(g.integer)
		case 4:
			return g.float() + g.pick("+ - * / // % **") + g.wild(g.float)
		case 5, 6:
			return "(" + g.float() + ")|round(" + g.of("", "1", "2", "-1", "3, 'floor'", "1, 'ceil'", "0, 'ceil'") + ")"
		case 7:
			return g.wild(g.str) + "|float" + g.of("", "(1.5)", "(none)")
		case 8:
			return "(" + g.float() + ")|abs"
		case 9:
			return "[" + g.float() + ", " + g.integer() + "]|" + g.pick("sum max min")
		}
		return g.pick("0.5 1.0 2.5 3.5 -0.0 1e3 1.5e-10 1e16 123456789.123 0.1 2.675 1e22 100.0")
	}, func() string { return g.pick("f 0.5 2.5") })
}

func (g *generator) literal() string {
	return g.of("'a'", "'b c'", "''", `"it's"`, `'q"q'`, "'<&>'", `'tab\there'`, `'new\nline'`, `'\u00e9\x41'`, "'ěšč'", "'42'", "' pad '", "'A-B_c'", "'-7'",
		"'3.75'", `'back\\slash'`, "'x,y,,z'", "'HeLLo wOrld'", "'ß'", "'a b  c'", "'{'", "'%'", "'1e3'", "'abcabc'", "'Ǆ ŉ'", "'<p>t</p> x'", "'long-word with-hyphen'")
}

func (g *generator) str() string {
	return g.deeper(func() string {
		switch g.n(20) {
		case 0, 1, 2:
			return g.pick("s e n m u x ws ml")
		case 3, 4:
			return g.wild(g.str) + " " + g.of("~", "~", "+") + " " + g.wild(g.str)
		case 5:
			return g.str() + " ~ " + g.any() + " ~ " + g.any()
		case 6, 7, 8:
			return g.wild(g.str) + "|" + g.strFilter()
		case 9, 10, 11:
			return "(" + g.wild(g.str) + ")." + g.strMethod()
		case 12:
			return "(" + g.str() + ")[" + g.slice() + "]"
		case 13:
			return g.percent()
		case 14:
			return g.format()
		case 15:
			return g.wild(g.list) + "|join" + g.of("", "(',')", "("+g.str()+")", "(', ', attribute='code')", "(d='|')")
		case 16:
			return g.any() + "|" + g.of("string", "tojson", "tojson(indent=2)", "tojson(1)", "e", "string")
		case 17:
			return "(" + g.str() + ") * " + g.pick("0 1 2 3 neg t")
		case 18:
			return "(" + g.str() + " if " + g.boolean() + " else " + g.str() + ")"
		}
		return g.literal()
	}, func() string { return g.of(g.literal(), "s", "x", "u") })
}

func (g *generator) strFilter() string {
	return g.of("upper", "lower", "title", "capitalize", "trim", "trim('ab ')", "reverse", "replace('a', 'X')", "replace('l', '<', 1)", "replace('', '-')",
		"truncate(8)", "truncate(5, true)", "truncate(6, false, '…', 0)", "truncate(9, true, '', 1)", "center(20)", "indent", "indent(2, true)", "indent('> ', blank=true)",
		"wordwrap(10)", "wordwrap(6, false)", "wordwrap(7, true, '|')", "wordwrap(5, break_on_hyphens=false)", "striptags", "urlencode", "e", "escape", "forceescape",
		"safe", "string", "default('x')", "default('x', true)", "replace("+g.literal()+", "+g.literal()+")", "format(1, 2)", "b64encode", "pprint", "first", "last",
		"xmlattr", "wordcount", "replace('a', 'b', count=1)", "upper|lower", "trim|length")
}

func (g *generator) strMethod() string {
	return g.of("upper()", "lower()", "title()", "capitalize()", "swapcase()", "casefold()", "strip()", "lstrip()", "rstrip('d ')", "strip('ab')", "replace('l', 'L')",
		"replace('o', '00', 1)", "split()", "split(' ')", "split(',')", "split(None, 1)", "rsplit(' ', 1)", "splitlines()", "splitlines(true)", "partition(' ')",
		"rpartition('o')", "join(['a', 'b'])", "join(ls)", "startswith('H')", "endswith(('d', 'x'))", "removeprefix('He')", "removesuffix('ld')", "zfill(8)", "ljust(12)",
		"rjust(12, '*')", "center(11, '-')", "center(12)", "expandtabs(4)", "isdigit()", "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()", "istitle()",
		"isnumeric()", "isdecimal()", "isidentifier()", "isprintable()", "isascii()", "format(1)", "find('o', -3)",
		"split('l', maxsplit=1)", "rsplit(None, 1)", "count('l', 1, 5)", "replace("+g.literal()+", "+g.literal()+")", "split("+g.literal()+")", "strip("+g.literal()+")",
		"title().swapcase()", "startswith("+g.literal()+")", "partition("+g.literal()+")")
}

func (g *generator) slice() string {
	return g.of("0", "-1", "1:3", ":2", "-2:", "::2", "::-1", "1:", "5:1:-1", "-3:-1", "9", "2:-1", "1:99", ":-1", "zero:i", "none:2", "'x'")
}

func (g *generator) percent() string {
	num := g.of(g.integer(), g.float(), "f", "i")
	spec := "%" + g.of("", "", "-", "+", "0", " ", "#") + g.of("", "5", "10", "3") + g.of("", "", ".2", ".0", ".1", ".10")
	switch g.n(8) {
	case 0:
		return "'%s and %r' % (" + g.any() + ", " + g.any() + ")"
	case 1:
		return "'" + spec + "s|' % " + g.str()
	case 2:
		return "'%(a)s-%(b)" + spec[1:] + "d' % {'a': " + g.any() + ", 'b': " + num + "}"
	case 3:
		return "'" + spec + g.pick("x o X c i u") + "' % (" + g.integer() + ")"
	case 4:
		return "'%d%% %s' | format(" + num + ", " + g.any() + ")"
	case 5:
		return "'" + spec + g.pick("d f e g G E F s r a") + "' | format(" + g.any() + ")"
	}
	return "'" + spec + g.pick("d f e g G E F") + "' % (" + num + ")"
}

func (g *generator) format() string {
	spec := g.of("", ":") // one in two plain
	if spec == ":" {
		spec += g.of("", "", "*<", "_>", ".^", "0=", "<", ">", "^", "=") + g.of("", "", "+", " ", "-") + g.of("", "", "#", "0") + g.of("", "8", "12", "3") +
			g.of("", "", ",", "_") + g.of("", "", ".2", ".0", ".3") + g.of("", "d", "f", "e", "g", "%", "s", "x", "b", "o", "X", "n", "c", "G", "E")
	}
	arg := g.of(g.integer(), g.float(), g.float(), g.str(), g.any())
	switch g.n(6) {
	case 0:
		return "'{0}-{1}-{0" + spec + "}'.format(" + arg + ", " + g.any() + ")"
	case 1:
		return "'{a} {b!r" + "} {c.real}{d[k]}'.format(a=" + arg + ", b=" + g.any() + ", c=1, d={'k': 2})"
	case 2:
		return "'{!r:>8}{{}}'.format(" + arg + ")"
	case 3:
		return "'{:{}}'.format(" + arg + ", " + g.pick("5 8 '>6' '.1f' 0") + ")"
	}
	return "'{" + spec + "}'.format(" + arg + ")"
}

func (g *generator) list() string {
	return g.deeper(func() string {
		switch g.n(20) {
		case 0, 1, 2:
			return g.pick("l ls mixed le rows ls d tree")
		case 3:
			return "[" + g.items(g.any) + "]"
		case 4:
			return "(" + g.any() + ", " + g.items(g.any) + ")"
		case 5:
			return "range(" + g.of("3", "1, 5", "5, 0, -2", "0", "i") + ")" + g.of("", "|list")
		case 6:
			return "(" + g.str() + ")." + g.of("split()", "split(',')", "splitlines()", "partition('-')") + ""
		case 7:
			return "(" + g.wild(g.list) + ") + " + g.wild(g.list)
		case 8:
			return "(" + g.list() + ")[" + g.slice() + "]"
		case 9, 10, 11, 12:
			return g.wild(g.list) + "|" + g.listFilter()
		case 13, 14:
			return "rows|" + g.rowsFilter()
		case 15:
			return g.wild(g.dict) + "|" + g.of("list", "dictsort", "items|list", "dictsort(true, 'value')", "dictsort(reverse=true)", "dictsort(by='value')")
		case 16:
			return "(" + g.dict() + ")." + g.pick("keys() values() items()") + g.of("|list", "")
		case 17:
			return "[" + strings.Repeat(g.integer()+", ", g.n(4)) + "]"
		case 18:
			return "[" + g.items(g.str) + "]"
		}
		return "(" + g.list() + ") * " + g.pick("0 1 2")
	}, func() string { return g.pick("l ls le mixed") })
}

func (g *generator) items(item func() string) string {
	parts := make([]string, g.n(4))
	for i := range parts {
		parts[i] = item()
	}
	return strings.Join(parts, ", ")
}

func (g *generator) listFilter() string {
	return g.of("list", "sort", "sort(reverse=true)", "sort(case_sensitive=true)", "unique|list", "unique(true)|list", "reverse|list", "batch(2)|list", "batch(3, 'x')|list",
		"slice(2)|list", "slice(3, '-')|list", "map('string')|list", "map('upper')|join", "map('int')|sum", "map('float')|list", "select|list", "reject|list",
		"select('number')|list", "select('string')|list", "reject('none')|list", "select('gt', 1)|list", "select('in', [1, 'a'])|list", "map('default', 'z')|list", "map('string')|sort|list", "map('string')|join('/')",
		"map('replace', 'a', 'o')|list", "first", "last", "max", "min", "sum", "join('-')", "length", "map('length')|list", "select('odd')|list", "tojson", "string",
		"map('e')|join(',')", "map(attribute='code')|list", "map(attribute=0)|list", "sort|first", "select('divisibleby', 2)|list", "map('trim', 'a')|list",
		"groupby(0)|list", "map('round', 1)|list", "list|length", "pprint", "map('attr', 'x')|list", "map('tojson')|list")
}

func (g *generator) rowsFilter() string {
	key := g.pick("code qty price tax tags note")
	return g.of("map(attribute='"+key+"')|list", "map(attribute='"+key+"', default='none')|list", "sort(attribute='"+key+"')|map(attribute='code')|list",
		"sort(attribute='tax,"+key+"')|map(attribute='code')|list", "groupby('"+key+"')|list", "groupby('"+key+"', default='')|map('first')|list",
		"selectattr('"+key+"')|list|length", "rejectattr('"+key+"')|map(attribute='code')|list", "selectattr('"+key+"', 'defined')|list|length",
		"selectattr('"+key+"', '==', '21')|map(attribute='code')|join('/')", "selectattr('"+key+"', 'gt', 1)|list|length", "rejectattr('"+key+"', 'in', ['', '12'])|list|length",
		"sum(attribute='"+key+"')", "map(attribute='"+key+"')|map('float')|sum", "unique(attribute='"+key+"')|list|length", "max(attribute='"+key+"')",
		"min(attribute='"+key+"')", "join(';', attribute='"+key+"')", "map(attribute='tags.0')|list", "sort(attribute='"+key+"', reverse=true)|first",
		"groupby('"+key+"', case_sensitive=true)|map(attribute='grouper')|list", "map('dictsort')|first", "map(attribute='"+key+"')|unique|sort|list", "tojson", "first|items|list")
}

func (g *generator) dict() string {
	return g.deeper(func() string {
		switch g.n(6) {
		case 0, 1:
			return g.pick("d de rows[0]")
		case 2, 3:
			return "{" + g.of(g.str(), g.integer(), "'k'") + ": " + g.any() + ", 'b': " + g.any() + "}"
		case 4:
			return "dict(a=" + g.any() + g.of("", ", b=1") + ")"
		}
		return "{}"
	}, func() string { return g.pick("d de") })
}

func (g *generator) boolean() string {
	return g.deeper(func() string {
		switch g.n(14) {
		case 0:
			return g.pick("t fls true false")
		case 1, 2:
			return g.wild(g.integer) + " " + g.pick("== != < <= > >=") + " " + g.wild(g.float)
		case 3:
			return g.str() + " " + g.pick("== != < > in") + " " + g.wild(g.str)
		case 4:
			return g.any() + " " + g.pick("== !=") + " " + g.any()
		case 5:
			return g.any() + " " + g.of("in", "not in") + " " + g.wild(g.list)
		case 6:
			return "not " + g.any()
		case 7, 8:
			return g.any() + " " + g.pick("and or") + " " + g.any()
		case 9, 10:
			return "(" + g.any() + ") is " + g.of("", "", "not ") + g.test()
		case 11:
			return "1 < " + g.integer() + " <= 10"
		case 12:
			return g.list() + " " + g.pick("== < >") + " " + g.list()
		}
		return "loop is " + g.pick("defined undefined")
	}, func() string { return g.pick("t fls i s le") })
}

func (g *generator) test() string {
	return g.of("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable", "callable",
		"odd", "even", "divisibleby 3", "divisibleby(2)", "upper", "lower", "escaped", "in [1, 'a']", "sameas none", "sameas true", "eq 7", "equalto('a')", "ne 1", "gt 2", "lessthan(5)",
		"ge(1)", "le 3", "filter", "test", "in 'abc'")
}
