package configs

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The forms of scalars, for messages and the JSON Schema.
const (
	durationForm = "a duration such as 30s, 5m, 48h or 90d"
	sizeForm     = "a size such as 512KiB, 64MiB or 2GiB"
	rateForm     = "a rate such as 20/s, 600/m or 5000/d"

	durationPattern = `^(0|([0-9]+(ms|s|m|h|d))+)$`
	sizePattern     = `^(0|[0-9]+(B|KB|MB|GB|KiB|MiB|GiB|TiB))$`
	ratePattern     = `^[0-9]+/(s|m|h|d)$`
)

var (
	durationText = regexp.MustCompile(durationPattern)
	durationPart = regexp.MustCompile(`([0-9]+)(ms|s|m|h|d)`)
	sizeText     = regexp.MustCompile(sizePattern)
	rateText     = regexp.MustCompile(ratePattern)
)

func durationUnit(unit string) time.Duration {
	switch unit {
	case "ms":
		return time.Millisecond
	case "s":
		return time.Second
	case "m":
		return time.Minute
	case "h":
		return time.Hour
	}
	return 24 * time.Hour
}

// parseDuration reads 90d, 1h30m or 0. A day has 24 hours.
func parseDuration(text string) (Duration, bool) {
	if !durationText.MatchString(text) {
		return 0, false
	}
	var total time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		unit := durationUnit(part[2])
		if err != nil || n > int64((math.MaxInt64-total)/unit) {
			return 0, false
		}
		total += time.Duration(n) * unit
	}
	return Duration(total), true
}

func parseSize(text string) (Size, bool) {
	if !sizeText.MatchString(text) {
		return 0, false
	}
	digits := strings.TrimRight(text, "BKMGTi")
	units := map[string]int64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	unit := units[text[len(digits):]]
	if err != nil || n > math.MaxInt64/unit {
		return 0, false
	}
	return Size(n * unit), true
}

func parseRate(text string) (Rate, bool) {
	if !rateText.MatchString(text) {
		return Rate{}, false
	}
	digits, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseInt(digits, 10, 32)
	return Rate{N: int(n), Per: durationUnit(unit)}, err == nil
}

// text is the text of a scalar with its variables replaced; ok is false when the node is no text, which is reported.
func (d *decoder) text(n Node, at place, want string) (text string, ok bool) {
	switch n.Kind {
	case NodeString:
		expanded, err := expand(n.Text, d.env)
		if err != nil && !needs(d.roles, at.roles) {
			d.failed[at.path] = true // another role's: the value is absent, and so is every complaint about it
			return "", false
		}
		if err != nil {
			d.fail(n.Pos, at.path, err.Error(), "set it where the relay is started, or give a default: ${NAME:-default}")
			return "", false
		}
		if names := variables(n.Text); len(names) > 0 {
			d.variables[at.path] = strings.Join(names, " and ")
		}
		return expanded, true
	case NodeNumber:
		return n.Text, true
	}
	d.wrongType(n, at, want)
	return "", false
}

// wrongType reports a value of the wrong kind or form. What a variable brought is not shown.
func (d *decoder) wrongType(n Node, at place, want string) {
	got := n.Kind.String()
	if names := variables(n.Text); n.Kind == NodeString && len(names) > 0 {
		got = "something else from " + strings.Join(names, " and ")
	} else if n.Text != "" {
		got = strconv.Quote(clip(n.Text))
	}
	d.fail(n.Pos, at.path, fmt.Sprintf("expected %s, got %s", want, got), tryFor(n, want))
}

func tryFor(n Node, want string) string {
	switch {
	case want == boolForm && strings.Contains(" yes on y ", " "+strings.ToLower(n.Text)+" "):
		return "write true: yes, on and y are texts in YAML 1.2"
	case want == boolForm && strings.Contains(" no off n ", " "+strings.ToLower(n.Text)+" "):
		return "write false: no, off and n are texts in YAML 1.2"
	case want == textForm && n.Kind == NodeBool:
		return fmt.Sprintf("quote it: %q", n.Text)
	case want == listForm && n.Kind != NodeMap:
		return "write a list, even of one: [" + clip(n.Text) + "]"
	}
	if want == mapForm {
		return "write its keys on the lines below, indented, or as {key: value}"
	}
	return "write " + want
}

func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

func (t *Duration) decodeNode(d *decoder, n Node, at place) {
	if text, ok := d.text(n, at, durationForm); ok {
		if *t, ok = parseDuration(text); !ok {
			d.wrongType(n, at, durationForm)
		}
	}
}

func (t *Size) decodeNode(d *decoder, n Node, at place) {
	if text, ok := d.text(n, at, sizeForm); ok {
		if *t, ok = parseSize(text); !ok {
			d.wrongType(n, at, sizeForm)
		}
	}
}

func (t *Rate) decodeNode(d *decoder, n Node, at place) {
	if text, ok := d.text(n, at, rateForm); ok {
		if *t, ok = parseRate(text); !ok {
			d.wrongType(n, at, rateForm)
		} else if t.N == 0 {
			d.fail(n.Pos, at.path, "a rate of nothing", "leave it out for the default, or put the target on hold")
		}
	}
}

func (e *Expr) decodeNode(d *decoder, n Node, at place) {
	if n.Kind == NodeBool {
		*e = Expr{Source: n.Text, Pos: n.Pos}
		return
	}
	text, ok := d.text(n, at, "a bare expression")
	if !ok {
		return
	}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{{") && strings.HasSuffix(trimmed, "}}") {
		d.fail(n.Pos, at.path, "a bare expression must not stand in {{ }}", "remove the braces: "+strings.TrimSpace(clip(trimmed[2:len(trimmed)-2])))
		return
	}
	*e = Expr{Source: text, Pos: n.Pos}
}

func (t *Template) decodeNode(d *decoder, n Node, at place) {
	if n.Kind == NodeBool {
		*t = Template{Source: n.Text, Pos: n.Pos}
		return
	}
	if text, ok := d.text(n, at, textForm); ok {
		*t = Template{Source: text, Pos: n.Pos}
	}
}

func (q *QueueRef) decodeNode(d *decoder, n Node, at place) {
	text, ok := d.text(n, at, "a queue's name or id")
	if !ok {
		return
	}
	*q = QueueRef{Name: text, Pos: n.Pos}
	if n.Kind == NodeNumber {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 {
			d.wrongType(n, at, "a queue's name or id")
			return
		}
		q.ID = id
	}
}

func (s *Secret) decodeNode(d *decoder, n Node, at place) {
	if n.Kind != NodeString && n.Kind != NodeNumber {
		// The value is not shown: it may be a part of the secret.
		d.fail(n.Pos, at.path, "expected a secret, got "+n.Kind.String(), "write ${NAME} or file:PATH")
		return
	}
	if n.Text == "" {
		return
	}
	*s = newSecret(&secretState{written: n.Text, source: secretSource(n.Text), env: d.env, dir: d.dir, pos: n.Pos, path: at.path})
	if s.Source() == plainText {
		d.warn(n.Pos, at.path, "a secret in plain text", "write ${NAME} or file:PATH, so that the file can be shared")
	}
}

// decodeNode takes the tree as it is, with variables replaced.
func (n *Node) decodeNode(d *decoder, from Node, at place) {
	*n = d.expandTree(from, at)
}

func (d *decoder) expandTree(n Node, at place) Node {
	switch n.Kind {
	case NodeString:
		n.Text, _ = d.text(n, at, textForm)
	case NodeList:
		list := make([]Node, len(n.List))
		for i, item := range n.List {
			list[i] = d.expandTree(item, at.item(i, item.Pos))
		}
		n.List = list
	case NodeMap:
		entries := make(Named[Node], len(n.Map))
		for i, e := range n.Map {
			below := at.key(e.Name, e.Pos)
			d.positions[below.path] = e.Pos
			entries[i] = Entry[Node]{Name: e.Name, Pos: e.Pos, Value: d.expandTree(e.Value, below)}
		}
		n.Map = entries
	}
	return n
}
