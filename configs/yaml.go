package configs

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits of one YAML file. Aliases count with all they stand for. The limit of tokens keeps the library, whose time
// grows with the square of the keys of a map, to about two seconds.
const (
	maxFile   = 4 << 20
	maxTokens = 100_000
	maxNodes  = 100_000
	maxDepth  = 64
)

// jsonNumber is what a NodeNumber holds. 0100 and 1_000 are text: they are codes more often than octal or grouped
// numbers.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// parseYAML reads one YAML document into a Node, with anchors, aliases and merge keys resolved. The Node is as complete
// as the problems allow.
func parseYAML(file string, data []byte) (Node, Errors) {
	b := &builder{file: file, anchors: map[string]Node{}}
	if len(data) > maxFile {
		b.fail(1, 1, fmt.Sprintf("the file is larger than %d MiB", maxFile>>20), "move large tables into CSV files")
		return Node{}, b.errs
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	// The library folds the last block scalar wrongly where the file does not end its last line.
	data = append(bytes.Clone(data), '\n')
	b.lines = strings.Split(string(data), "\n")
	tree := b.parse(data)
	if tree == nil {
		return Node{}, b.errs
	}
	return b.build(tree, 0), b.errs
}

// builder turns the syntax tree of the YAML library into a Node.
type builder struct {
	file    string
	lines   []string
	anchors map[string]Node
	nodes   int
	errs    Errors
}

func (b *builder) fail(line, column int, message, try string) {
	b.errs = append(b.errs, Error{Pos: Pos{b.file, line, column}, Message: message, Try: try})
}

func (b *builder) failAt(n ast.Node, message, try string) {
	pos := b.pos(n.GetToken())
	b.fail(pos.Line, pos.Column, message, try)
}

func (b *builder) pos(tk *token.Token) Pos {
	if tk == nil || tk.Position == nil {
		return Pos{b.file, 1, 1}
	}
	return Pos{b.file, max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

// parse gives the body of the only document, nil when there is none or it cannot be read.
func (b *builder) parse(data []byte) ast.Node {
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		pos := b.pos(tokens[maxTokens])
		b.fail(pos.Line, pos.Column, fmt.Sprintf("more than %d words and signs", maxTokens), "move large tables into CSV files")
		return nil
	}
	if tk := tooDeep(tokens); tk != nil {
		pos := b.pos(tk)
		b.fail(pos.Line, pos.Column, fmt.Sprintf("nested deeper than %d levels", maxDepth), "flatten it")
		return nil
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		b.syntax(err)
		return nil
	}
	var body ast.Node
	for i, doc := range tree.Docs {
		if i > 0 && doc.Body != nil {
			b.failAt(doc.Body, "a second YAML document", "keep one document a file: remove the line ---")
			return body
		}
		body = doc.Body
	}
	return body
}

// syntax reports the parser's error without its excerpt of the file, which may show a secret.
func (b *builder) syntax(err error) {
	var located yaml.Error
	if !errors.As(err, &located) {
		b.fail(1, 1, "not YAML", "")
		return
	}
	pos := b.pos(located.GetToken())
	try := "check the indentation, and quote texts that hold : # { or ["
	if pos.Line <= len(b.lines) && strings.Contains(b.lines[pos.Line-1], "{{") {
		try = `quote templates: "{{ field.document_id }}"`
	}
	b.fail(pos.Line, pos.Column, "not YAML: "+located.GetMessage(), try)
}

// tooDeep finds the token that would make the recursive parser go too deep: brackets opened, or openers in a row. Blocks
// nest by indentation and are bounded by the size of the file.
func tooDeep(tokens token.Tokens) *token.Token {
	depth, run := 0, 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth, run = depth+1, run+1
		case token.MappingEndType, token.SequenceEndType:
			depth, run = max(0, depth-1), 0
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			run++
		default:
			run = 0
		}
		if depth > maxDepth || run > maxDepth {
			return tk
		}
	}
	return nil
}

// build converts a node. Over a limit it reports once and gives absent nodes.
func (b *builder) build(n ast.Node, depth int) Node {
	if n == nil || !b.count(n, 1, depth) {
		return Node{}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return b.buildMap(n, n.Values, n.IsFlowStyle, depth)
	case *ast.MappingValueNode:
		return b.buildMap(n, []*ast.MappingValueNode{n}, false, depth)
	case *ast.SequenceNode:
		list := make([]Node, 0, len(n.Values))
		for _, item := range n.Values {
			list = append(list, b.build(item, depth+1))
		}
		return Node{Kind: NodeList, Pos: b.pos(n.GetToken()), List: list}
	case *ast.AnchorNode:
		value := b.build(n.Value, depth+1)
		b.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		return b.alias(n, depth)
	case *ast.TagNode:
		return b.tagged(n, depth)
	}
	return b.scalar(n)
}

// count adds nodes to the budget. Past it everything is absent, and only the first time is reported.
func (b *builder) count(n ast.Node, nodes, depth int) bool {
	within := b.nodes <= maxNodes
	b.nodes += nodes
	switch {
	case !within:
		return false
	case b.nodes > maxNodes:
		b.failAt(n, fmt.Sprintf("more than %d values, counting what aliases stand for", maxNodes), "move large tables into CSV files")
		return false
	case depth > maxDepth:
		b.failAt(n, fmt.Sprintf("nested deeper than %d levels", maxDepth), "flatten it")
		b.nodes = maxNodes + 1
		return false
	}
	return true
}

func (b *builder) scalar(n ast.Node) Node {
	node := Node{Kind: NodeString, Pos: b.pos(n.GetToken()), Text: n.GetToken().Value}
	switch n := n.(type) {
	case *ast.NullNode:
		return Node{Kind: NodeNull, Pos: node.Pos}
	case *ast.BoolNode:
		node.Kind, node.Text = NodeBool, strings.ToLower(node.Text)
	case *ast.IntegerNode, *ast.FloatNode:
		if jsonNumber.MatchString(node.Text) {
			node.Kind = NodeNumber
		}
	case *ast.StringNode:
		node.Text = n.Value
		if tk := n.Token; tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
			node.Pos.Column++
		}
	case *ast.LiteralNode:
		node.Text = n.Value.Value
		node.Pos = b.blockStart(node.Pos)
	}
	return node
}

// blockStart is where the text of a block scalar begins, whose | or > is at p: the next line, at its indentation.
func (b *builder) blockStart(p Pos) Pos {
	for _, line := range b.lines[min(p.Line, len(b.lines)):] {
		if text := strings.TrimLeft(line, " "); strings.TrimSpace(text) != "" {
			return Pos{p.File, p.Line + 1, 1 + len(line) - len(text)}
		}
	}
	return p
}

func (b *builder) tagged(n *ast.TagNode, depth int) Node {
	value := b.build(n.Value, depth+1)
	if tag := n.GetToken().Value; tag != "!!str" {
		b.failAt(n, fmt.Sprintf("unknown tag %s", tag), "remove the tag; only !!str is known")
		return value
	}
	if value.Kind == NodeNumber || value.Kind == NodeBool {
		value.Kind = NodeString
	}
	return value
}

func (b *builder) alias(n *ast.AliasNode, depth int) Node {
	name := n.Value.GetToken().Value
	node, ok := b.anchors[name]
	if !ok {
		b.failAt(n, fmt.Sprintf("unknown anchor *%s", name), fmt.Sprintf("write &%s before the value meant, above this line", name))
		return Node{}
	}
	if !b.count(n, node.size(), depth+node.depth()) {
		return Node{}
	}
	return node
}

func (b *builder) buildMap(n ast.Node, values []*ast.MappingValueNode, flow bool, depth int) Node {
	node := Node{Kind: NodeMap, Pos: b.pos(n.GetToken())}
	if !flow && len(values) > 0 {
		node.Pos = b.pos(values[0].Key.GetToken())
	}
	own := map[string]Pos{}
	for _, v := range values {
		if !v.Key.IsMergeKey() {
			b.own(own, v.Key)
		}
	}
	seen := map[string]bool{}
	add := func(e Entry[Node]) {
		if !seen[e.Name] {
			seen[e.Name] = true
			node.Map = append(node.Map, e)
		}
	}
	for _, v := range values {
		value := b.build(v.Value, depth+1)
		if !v.Key.IsMergeKey() {
			name := keyText(v.Key)
			add(Entry[Node]{Name: name, Pos: own[name], Value: value})
			continue
		}
		for _, e := range b.merged(v, value) {
			if _, overruled := own[e.Name]; !overruled {
				add(e)
			}
		}
	}
	return node
}

// own records a key and reports one that is there already.
func (b *builder) own(own map[string]Pos, key ast.MapKeyNode) {
	name := keyText(key)
	if first, ok := own[name]; ok {
		b.failAt(key, fmt.Sprintf("duplicate key %q, first on line %d", name, first.Line), "keep one of them")
		return
	}
	own[name] = b.pos(key.GetToken())
}

// merged is what a merge key << adds: a map, or a list of maps of which the first wins.
func (b *builder) merged(v *ast.MappingValueNode, value Node) Named[Node] {
	maps := []Node{value}
	if value.Kind == NodeList {
		maps = value.List
	}
	var all Named[Node]
	for _, m := range maps {
		if m.Kind != NodeMap && m.Kind != NodeNone {
			b.failAt(v.Key, "the merge key << needs a map or a list of maps", "write <<: *anchor")
			return nil
		}
		all = append(all, m.Map...)
	}
	return all
}

// keyText is a key as written; keys are always text.
func keyText(key ast.MapKeyNode) string {
	switch key := key.(type) {
	case *ast.MappingKeyNode:
		if inner, ok := key.Value.(ast.MapKeyNode); ok {
			return keyText(inner)
		}
		return key.Value.GetToken().Value
	case *ast.StringNode:
		return key.Value
	}
	return key.GetToken().Value
}
