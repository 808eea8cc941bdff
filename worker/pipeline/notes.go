package pipeline

import (
	"fmt"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// notes is what an evaluation touched, so that its failure can be told at the field.
type notes struct {
	// recent are the last fields read, a ring.
	recent [8]*rossumapi.Node
	next   int
	// unread are fields whose number or date was asked for, holding something that Rossum could not read.
	unread []*rossumapi.Node
	// empty are fields that are null, and blank ones whose number or date was asked for.
	empty []*rossumapi.Node
	// missing is the last name that was not found.
	missing string
}

const maxNoted = 20

func (n *notes) reset() {
	if n.next > 0 {
		clear(n.recent[:])
	}
	n.next, n.unread, n.empty, n.missing = 0, n.unread[:0], n.empty[:0], ""
}

func (n *notes) read(node *rossumapi.Node) {
	n.recent[n.next%len(n.recent)] = node
	n.next++
}

func (n *notes) readNull(node *rossumapi.Node, blank bool) {
	n.read(node)
	if blank && len(n.empty) < maxNoted {
		n.empty = append(n.empty, node)
	}
	if !blank && len(n.unread) < maxNoted {
		n.unread = append(n.unread, node)
	}
}

func (n *notes) missingName() string {
	if n.missing == "" {
		return "a name"
	}
	return n.missing
}

// holding is the field read last that holds the text, nil if there is none.
func (n *notes) holding(text string) *rossumapi.Node {
	for i := n.next - 1; i >= max(0, n.next-len(n.recent)); i-- {
		node := n.recent[i%len(n.recent)]
		if normalized, _ := node.Normalized(); normalized == text || node.Value() == text {
			return node
		}
	}
	return nil
}

// last is the field read last, nil if none was.
func (n *notes) last() *rossumapi.Node {
	if n.next == 0 {
		return nil
	}
	return n.recent[(n.next-1)%len(n.recent)]
}

func (n *notes) unreadable() error {
	return rejectAt("unreadable_value", "cannot be read as a number or date", n.unread...)
}

func (n *notes) missingValue() error {
	return rejectAt("missing_value", "is empty, but a value is needed", n.empty...)
}

// rejectAt rejects the run at fields, each with the same complaint.
func rejectAt(reason, complaint string, nodes ...*rossumapi.Node) error {
	o := outcome.Outcome{Kind: outcome.Rejected, Reason: reason}
	for _, node := range nodes {
		text := fmt.Sprintf("the field %s %s", node.SchemaID, complaint)
		if o.Message == "" {
			o.Message = text
		}
		o.Fields = append(o.Fields, outcome.Field{SchemaID: node.SchemaID, Datapoint: node.ID, Type: rossumapi.TypeError, Text: text})
	}
	return &outcome.Error{Outcome: o}
}
