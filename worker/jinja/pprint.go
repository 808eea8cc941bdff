package jinja

import (
	"strings"
	"unicode/utf8"
)

// prettyWidth is the line width of the pprint filter.
const prettyWidth = 80

// prettyPrinter lays values out as Python's pprint does: dicts sorted, and
// what does not fit a line one item a line.
type prettyPrinter struct {
	rt  *runtime
	buf []byte
}

func filterPprint(c *call) (any, error) {
	p := &prettyPrinter{rt: c.rt}
	if err := p.format(c.args[0], 0, 0, 1); err != nil {
		return nil, err
	}
	return c.softResult(string(p.buf), false)
}

// format writes v; allowance is what must still fit on the last line.
func (p *prettyPrinter) format(v any, indent, allowance, level int) error {
	if err := p.rt.enter(); err != nil {
		return err
	}
	defer p.rt.leave()
	v, err := p.sorted(v)
	if err != nil {
		return err
	}
	flat, err := p.rt.repr(v)
	if err != nil {
		return err
	}
	if err := p.rt.checkSize(len(p.buf) + len(flat)); err != nil {
		return err
	}
	if utf8.RuneCountInString(flat) > prettyWidth-indent-allowance {
		switch v := v.(type) {
		case *Dict:
			return p.dict(v, indent, allowance+1, level)
		case *List:
			if v.names == nil {
				return p.list(v, indent, allowance+1, level)
			}
		case string:
			return p.text(v, indent, allowance, level)
		}
	}
	p.buf = append(p.buf, flat...)
	return nil
}

// sorted returns v with the keys of every dict in it sorted.
func (p *prettyPrinter) sorted(v any) (any, error) {
	if err := p.rt.enter(); err != nil {
		return nil, err
	}
	defer p.rt.leave()
	switch v := v.(type) {
	case *List:
		if v.names != nil { // a named tuple prints itself
			return v, nil
		}
		items, err := p.rt.list(v)
		for i := range items {
			if err == nil {
				items[i], err = p.sorted(items[i])
			}
		}
		return &List{items: items, tuple: v.tuple}, err
	case *Dict:
		items, err := p.rt.list(&dictView{v, viewItems})
		if err != nil {
			return nil, err
		}
		err = p.rt.sortBy(items, false, func(item any) (any, error) { return item.(*List).items[0], nil }, p.order)
		if err != nil {
			return nil, err
		}
		d := NewDict(len(items))
		for _, item := range items {
			kv := item.(*List).items
			value, err := p.sorted(kv[1])
			if err == nil {
				err = d.set(kv[0], value)
			}
			if err != nil {
				return nil, err
			}
		}
		return d, nil
	}
	return v, nil
}

// order compares keys, those that cannot be compared by the names of their types.
func (p *prettyPrinter) order(x, y any) (int, error) {
	less, err := p.rt.ordered(cmpLt, x, y)
	switch {
	case isKind(err, KindType):
		return strings.Compare(typeName(x), typeName(y)), nil
	case less || err != nil:
		return -1, err
	}
	if more, err := p.rt.ordered(cmpLt, y, x); more || err != nil {
		return 1, err
	}
	return 0, nil
}

func (p *prettyPrinter) newline(indent int) {
	p.buf = append(p.buf, '\n')
	p.buf = append(p.buf, strings.Repeat(" ", indent)...)
}

func (p *prettyPrinter) dict(d *Dict, indent, allowance, level int) error {
	p.buf = append(p.buf, '{')
	for i := range d.entries {
		if i > 0 {
			p.buf = append(p.buf, ',')
			p.newline(indent + 1)
		}
		key, err := p.rt.repr(d.entries[i].key)
		if err != nil {
			return err
		}
		p.buf = append(p.buf, key+": "...)
		rest := 1
		if i == len(d.entries)-1 {
			rest = allowance
		}
		if err := p.format(d.at(i), indent+utf8.RuneCountInString(key)+3, rest, level+1); err != nil {
			return err
		}
	}
	p.buf = append(p.buf, '}')
	return nil
}

func (p *prettyPrinter) list(l *List, indent, allowance, level int) error {
	open, end := "[", "]"
	if l.tuple {
		open, end = "(", ")"
		if len(l.items) == 1 {
			end = ",)"
			allowance++
		}
	}
	p.buf = append(p.buf, open...)
	for i := range l.items {
		if i > 0 {
			p.buf = append(p.buf, ',')
			p.newline(indent + 1)
		}
		rest := 1
		if i == len(l.items)-1 {
			rest = allowance
		}
		if err := p.format(l.get(i), indent+1, rest, level+1); err != nil {
			return err
		}
	}
	p.buf = append(p.buf, end...)
	return nil
}

// text breaks a long string at white space into adjacent literals.
func (p *prettyPrinter) text(s string, indent, allowance, level int) error {
	if level == 1 {
		indent++
		allowance++
	}
	width := prettyWidth - indent
	var chunks []string
	lines := splitLines(s, true)
	for i, line := range lines {
		room := width
		if i == len(lines)-1 {
			room -= allowance
		}
		if rep := quoteRepr(line); utf8.RuneCountInString(rep) <= room {
			chunks = append(chunks, rep)
			continue
		}
		chunks = append(chunks, breakLine(line, width, room)...)
	}
	if len(chunks) == 1 {
		p.buf = append(p.buf, quoteRepr(lines[len(lines)-1])...)
		return nil
	}
	if level == 1 {
		p.buf = append(p.buf, '(')
	}
	for i, chunk := range chunks {
		if i > 0 {
			p.newline(indent)
		}
		p.buf = append(p.buf, chunk...)
	}
	if level == 1 {
		p.buf = append(p.buf, ')')
	}
	return nil
}

// breakLine packs the words of a line into literals of the width; the last
// one must fit room.
func breakLine(line string, width, room int) []string {
	var chunks []string
	current := ""
	for line != "" {
		n := strings.IndexFunc(line, isSpace)
		if n < 0 {
			n = len(line)
		}
		n += spaceLen(line[n:])
		word := line[:n]
		line = line[n:]
		if line == "" {
			width = room
		}
		if utf8.RuneCountInString(quoteRepr(current+word)) > width && current != "" {
			chunks = append(chunks, quoteRepr(current))
			current = ""
		}
		current += word
	}
	return append(chunks, quoteRepr(current))
}
