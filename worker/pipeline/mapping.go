package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
)

// The forms of a map: tree. A key that begins with $ is one of these; $$name is the key $name.
const (
	formFor       = "$for"        // row in EXPRESSION: the rest once for each item; a, b in EXPRESSION takes items apart
	formLet       = "$let"        // {name: template}: names for the rest
	formIf        = "$if"         // EXPRESSION: the rest only where it holds
	formValue     = "$value"      // the rest is this, not a map
	formOmitEmpty = "$omit_empty" // true: null, blank texts, empty maps and lists are left out, also below
)

func forms() []string { return []string{formFor, formLet, formIf, formValue, formOmitEmpty} }

// tree is a compiled map: tree, one of its kinds: a leaf (code), a constant, a list or a map.
type tree struct {
	leaf     *code
	constant any
	list     []*tree
	entries  []treeEntry
	kind     treeKind
	forms    *treeForms // of a map, nil without any
	path     string
	pos      configs.Pos
}

type treeKind int

const (
	treeConstant treeKind = iota
	treeLeaf
	treeList
	treeMap
)

type treeEntry struct {
	key   string
	value *tree
}

// treeForms are the forms of one map.
type treeForms struct {
	targets []string // of $for
	items   *code
	lets    []named
	cond    *code
	value   *tree
	omit    *bool
}

// tree compiles a node.
func (c *compiler) tree(path string, node configs.Node, n names) *tree {
	t := &tree{path: path, pos: node.Pos}
	switch node.Kind {
	case configs.NodeString:
		t.kind, t.leaf = treeLeaf, c.native(path, node.Text, node.Pos, n)
		if t.leaf == nil { // a problem, reported
			t.leaf = &code{}
		}
	case configs.NodeList:
		t.kind = treeList
		for _, item := range node.List {
			t.list = append(t.list, c.tree(path, item, n))
		}
	case configs.NodeMap:
		t.kind = treeMap
		c.treeMap(t, node, n)
	default:
		t.constant = nodeValue(node)
	}
	return t
}

func (c *compiler) treeMap(t *tree, node configs.Node, n names) {
	n = c.treeForms(t, node, n)
	for _, e := range node.Map {
		key := e.Name
		switch {
		case strings.HasPrefix(key, "$$"):
			key = key[1:]
		case strings.HasPrefix(key, "$"):
			continue
		}
		if strings.Contains(key, "{{") {
			c.fail(t.path, e.Pos, "a key is not a template", "", "write the key as it is")
			continue
		}
		t.entries = append(t.entries, treeEntry{key, c.tree(t.path+"."+e.Name, e.Value, n)})
	}
	if t.forms != nil && t.forms.value != nil && len(t.entries) > 0 {
		c.fail(t.path, node.Pos, "$value beside other keys", "", "remove one or the other")
	}
}

// treeForms compiles the forms of a map in the order they take effect, and returns the names its rest may use.
func (c *compiler) treeForms(t *tree, node configs.Node, n names) names {
	for _, e := range node.Map {
		if strings.HasPrefix(e.Name, "$") && !strings.HasPrefix(e.Name, "$$") && !slices.Contains(forms(), e.Name) {
			c.fail(t.path, e.Pos, "unknown form "+e.Name, configs.Nearest(e.Name, forms()), "one of "+strings.Join(forms(), ", ")+"; write $"+e.Name+" for a key")
		}
	}
	given := &treeForms{}
	get := func(form string) (configs.Node, bool) {
		v, ok := node.Map.Get(form)
		if ok {
			t.forms = given
		}
		return v, ok
	}
	if v, ok := get(formFor); ok {
		n = c.treeFor(t, v, n)
	}
	if v, ok := get(formLet); ok {
		n = c.treeLets(t, v, n)
	}
	if v, ok := get(formIf); ok && c.isText(t.path, formIf, v, "a condition") {
		given.cond = c.expression(t.path+"."+formIf, v.Text, v.Pos, n)
	}
	if v, ok := get(formValue); ok {
		given.value = c.tree(t.path+"."+formValue, v, n)
	}
	if v, ok := get(formOmitEmpty); ok {
		yes := v.Text == "true"
		given.omit = &yes
		if v.Kind != configs.NodeBool {
			c.fail(t.path, v.Pos, formOmitEmpty+" is true or false", "", "write true")
		}
	}
	return n
}

func (c *compiler) isText(path, form string, v configs.Node, what string) bool {
	if v.Kind == configs.NodeString || v.Kind == configs.NodeBool {
		return true
	}
	c.fail(path, v.Pos, form+" is "+what+", not "+v.Kind.String(), "", "")
	return false
}

var forForm = regexp.MustCompile(`(?s)^\s*\(?\s*([A-Za-z][A-Za-z0-9_]*(?:\s*,\s*[A-Za-z][A-Za-z0-9_]*)*)\s*\)?\s+in\s+(.+)$`)

func (c *compiler) treeFor(t *tree, v configs.Node, n names) names {
	m := forForm.FindStringSubmatchIndex(v.Text)
	if v.Kind != configs.NodeString || m == nil {
		c.fail(t.path, v.Pos, "$for is NAME in EXPRESSION", "", "write $for: row in field.line_items")
		return n
	}
	for name := range strings.SplitSeq(v.Text[m[2]:m[3]], ",") {
		t.forms.targets = append(t.forms.targets, strings.TrimSpace(name))
	}
	line, column := place(v.Text, m[4])
	pos := v.Pos.At(line, column)
	pos.Column-- // of the parenthesis, which makes any iterable a list
	t.forms.items = c.expression(t.path+"."+formFor, "("+v.Text[m[4]:m[5]]+")|list", pos, n)
	return n.with(append(t.forms.targets, "loop")...).rowsOf(t.forms.targets, t.forms.items, v.Text[m[4]:m[5]])
}

func (c *compiler) treeLets(t *tree, v configs.Node, n names) names {
	if v.Kind != configs.NodeMap {
		c.fail(t.path, v.Pos, "$let is a map of names, not "+v.Kind.String(), "", "write $let: {name: template}")
		return n
	}
	for _, e := range v.Map {
		path := t.path + "." + formLet + "." + e.Name
		if e.Value.Kind == configs.NodeList || e.Value.Kind == configs.NodeMap {
			c.fail(path, e.Pos, "a name of $let is a template, not "+e.Value.Kind.String(), "", "")
			continue
		}
		value := &code{path: path, pos: e.Value.Pos, constant: nodeValue(e.Value)}
		if e.Value.Kind == configs.NodeString {
			value = c.native(path, e.Value.Text, e.Value.Pos, n)
		}
		if value != nil {
			t.forms.lets = append(t.forms.lets, named{e.Name, value})
		}
		n = n.with(e.Name)
	}
	return n
}

// codes visits all code of the tree.
func (t *tree) codes(visit func(*code)) {
	if t == nil {
		return
	}
	visit(t.leaf)
	for _, item := range t.list {
		item.codes(visit)
	}
	for _, e := range t.entries {
		e.value.codes(visit)
	}
	if t.forms == nil {
		return
	}
	visit(t.forms.items)
	visit(t.forms.cond)
	for _, l := range t.forms.lets {
		visit(l.code)
	}
	t.forms.value.codes(visit)
}
