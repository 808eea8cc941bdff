package pipeline

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// xmlPath is a compiled path of Python's ElementTree: tag, {uri}tag, {*}tag, *, ., .., // and the predicates [@a],
// [@a='v'], [@a!='v'], [tag], [tag='text'], [tag!='text'], [.='text'], [.!='text'], [n], [last()] and [last()-n].
type xmlPath []xmlStep

type xmlStep struct {
	kind  xmlStepKind
	name  string
	tests []xmlTest
}

type xmlStepKind int

const (
	stepChild xmlStepKind = iota
	stepSelf
	stepParent
	stepDescendants // of // : everything below, filtered by name
)

// xmlTest keeps some of the elements that a step found.
type xmlTest func(found []*element) []*element

var xmlStepForm = regexp.MustCompile(`^(\.\.|\.|(?:\{[^}]*\})?[^/\[\]{}@()='"]+)((?:\[[^\]]*\])*)$`)

// compileXMLPath compiles a path.
func compileXMLPath(source string) (xmlPath, error) {
	if strings.HasPrefix(source, "/") {
		return nil, fmt.Errorf("xml path: write .// for any depth; a path begins at the root element")
	}
	var path xmlPath
	deep := false
	for _, part := range splitXMLPath(source) {
		if part == "" {
			if deep {
				return nil, fmt.Errorf("xml path: too many slashes")
			}
			deep = true
			continue
		}
		m := xmlStepForm.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("xml path: cannot read %q", part)
		}
		step := xmlStep{kind: stepChild, name: m[1]}
		switch {
		case m[1] == ".":
			step.kind = stepSelf
		case m[1] == "..":
			step.kind = stepParent
		case deep:
			step.kind = stepDescendants
		}
		deep = false
		for _, inner := range splitPredicates(m[2]) {
			test, err := compileXMLTest(inner)
			if err != nil {
				return nil, err
			}
			step.tests = append(step.tests, test)
		}
		path = append(path, step)
	}
	if deep {
		return nil, fmt.Errorf("xml path: nothing behind the last slash")
	}
	return path, nil
}

// splitXMLPath splits at the slashes outside of brackets and braces.
func splitXMLPath(source string) []string {
	var parts []string
	depth, from := 0, 0
	for i, r := range source {
		switch r {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '/':
			if depth == 0 {
				parts = append(parts, source[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, source[from:])
}

func splitPredicates(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), "][")
}

var (
	xmlCompareForm = regexp.MustCompile(`^(@?[^=!'"\s]+)\s*(?:(!?=)\s*(?:'([^']*)'|"([^"]*)"))?$`)
	xmlLastForm    = regexp.MustCompile(`^last\(\)(?:-([0-9]+))?$`)
)

func compileXMLTest(inner string) (xmlTest, error) {
	if n, err := strconv.Atoi(inner); err == nil {
		if n < 1 {
			return nil, fmt.Errorf("xml path: positions begin at 1")
		}
		return byPosition(func(int) int { return n - 1 }), nil
	}
	if m := xmlLastForm.FindStringSubmatch(inner); m != nil {
		back, _ := strconv.Atoi("0" + m[1]) // digits
		return byPosition(func(total int) int { return total - 1 - back }), nil
	}
	m := xmlCompareForm.FindStringSubmatch(inner)
	if m == nil || strings.ContainsAny(m[1], "()[]") {
		return nil, fmt.Errorf("xml path: cannot read [%s]", inner)
	}
	wanted := m[3] + m[4]
	if name, ok := strings.CutPrefix(m[1], "@"); ok {
		return attributeTest(name, m[2], wanted), nil
	}
	return textTest(m[1], m[2], wanted), nil
}

func attributeTest(name, op, wanted string) xmlTest {
	return keep(func(e *element) bool {
		v, ok := e.attrs[name]
		switch op {
		case "=":
			return ok && v == wanted
		case "!=":
			return ok && v != wanted
		}
		return ok
	})
}

func textTest(tag, op, wanted string) xmlTest {
	return keep(func(e *element) bool {
		candidates := []*element{e}
		if tag != "." {
			candidates = e.named(tag)
		}
		for _, c := range candidates {
			if op == "" || (c.allText() == wanted) == (op == "=") {
				return true
			}
		}
		return false
	})
}

func keep(holds func(*element) bool) xmlTest {
	return func(found []*element) []*element {
		var kept []*element
		for _, e := range found {
			if holds(e) {
				kept = append(kept, e)
			}
		}
		return kept
	}
}

// byPosition keeps the elements at a position among their siblings of the same name.
func byPosition(index func(total int) int) xmlTest {
	return keep(func(e *element) bool {
		if e.parent == nil {
			return false
		}
		same := e.parent.named(e.name)
		i := index(len(same))
		return i >= 0 && i < len(same) && same[i] == e
	})
}

// named are the children with a name, which may be * or {*}name.
func (e *element) named(name string) []*element {
	var found []*element
	for _, c := range e.children {
		if matchesName(c.name, name) {
			found = append(found, c)
		}
	}
	return found
}

func matchesName(name, wanted string) bool {
	if wanted == "*" {
		return true
	}
	if local, ok := strings.CutPrefix(wanted, "{*}"); ok {
		return local == "*" || name[strings.LastIndexByte(name, '}')+1:] == local
	}
	if uri, ok := strings.CutSuffix(wanted, "}*"); ok {
		return strings.HasPrefix(name, uri+"}")
	}
	return name == wanted
}

// find walks the path from an element.
func (p xmlPath) find(root *element) []*element {
	at := []*element{root}
	for _, step := range p {
		var next []*element
		seen := map[*element]bool{}
		for _, e := range at {
			for _, found := range step.from(e) {
				if !seen[found] {
					seen[found] = true
					next = append(next, found)
				}
			}
		}
		for _, test := range step.tests {
			next = test(next)
		}
		at = next
	}
	return at
}

func (s xmlStep) from(e *element) []*element {
	switch s.kind {
	case stepSelf:
		return []*element{e}
	case stepParent:
		if e.parent == nil {
			return nil
		}
		return []*element{e.parent}
	case stepDescendants:
		var found []*element
		e.below(func(d *element) {
			if matchesName(d.name, s.name) {
				found = append(found, d)
			}
		})
		return found
	case stepChild:
	}
	return e.named(s.name)
}

// below visits everything below the element in the order of the document.
func (e *element) below(visit func(*element)) {
	for _, c := range e.children {
		visit(c)
		c.below(visit)
	}
}
