package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate/patch"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Change is what an operator wants to be different in a run's payload: fields, or the whole payload.
type Change struct {
	// Set holds assignments such as field.document_id=4711 or field.line_items[0].item_quantity=2. The text becomes both
	// the value and the normalized value: numbers as 1234.50, dates as 2026-03-01.
	Set []string
	// Payload is an edited copy of the payload that Show reveals; only its differences count.
	Payload []byte
}

// Edit is a change with what it would do. Its values are shown in clear.
type Edit struct {
	Run run.ID     `json:"run"`
	Ops []patch.Op `json:"ops"`
	// Documents are the requests that would differ, as unified diffs without context.
	Documents []DocumentDiff `json:"documents"`

	hop, patches int // of the journal it was made from
}

// DocumentDiff is how one step's request changes.
type DocumentDiff struct {
	Step string `json:"step"`
	Diff string `json:"diff"`
}

// The errors of edits.
var (
	// ErrNoChange: the payload is so already.
	ErrNoChange = errors.New("nothing would change")
	// ErrNotEditable: only fields, metadata and settings can be edited.
	ErrNotEditable = errors.New("only fields (annotation.content), metadata and settings can be edited")
	// ErrCurrentContent: the pipeline takes the fields from Rossum when it runs.
	ErrCurrentContent = errors.New("this pipeline reads the fields from Rossum when it runs (content: current): correct them there, then replay")
	// ErrField: an assignment does not name one field, or not a possible value.
	ErrField = errors.New("field cannot be set")
)

// PrepareEdit finds out what a change would do to a dead run. Nothing is stored.
func (o *Operator) PrepareEdit(ctx context.Context, id run.ID, c Change) (Edit, error) {
	r, l, err := o.dead(ctx, id)
	if errors.Is(err, errMended) {
		return Edit{}, fmt.Errorf("run %s is back at work: %w", id, ErrNotDead)
	}
	if err != nil {
		return Edit{}, err
	}
	if p, ok := o.Config.Pipelines.Get(r.Pipeline); ok && p.Content == configs.ContentCurrent {
		return Edit{}, fmt.Errorf("run %s: %w", id, ErrCurrentContent)
	}
	before, err := o.payload(ctx, &r.Record, l.Payload)
	if err != nil {
		return Edit{}, err
	}
	e := Edit{Run: id, hop: r.Hop, patches: len(r.Patches)}
	if e.Ops, err = c.ops(before); err != nil {
		return Edit{}, err
	}
	after, err := patch.Apply(before, e.Ops)
	if err != nil {
		return Edit{}, err
	}
	e.Documents, err = o.compare(ctx, &r.Record, before, after)
	return e, err
}

// Edit stores a change beside the untouched payload, with who, when and why, and sends the run back to work.
func (o *Operator) Edit(ctx context.Context, e Edit, why string) error {
	if why == "" {
		return ErrNoReason
	}
	return o.revive(ctx, e.Run, "edited and replayed", why, func(r *journal.Run) error {
		if r.Hop != e.hop || len(r.Patches) != e.patches {
			return fmt.Errorf("run %s: %w: look again", e.Run, journal.ErrLost)
		}
		r.Patches = append(r.Patches, journal.Patch{At: o.Now(), Who: o.Who, Why: why, Ops: e.Ops})
		return nil
	})
}

// ops are the changes of a payload.
func (c Change) ops(before []byte) ([]patch.Op, error) {
	var ops []patch.Op
	if c.Payload != nil {
		after, err := withoutCredentials(c.Payload)
		if err != nil {
			return nil, err
		}
		if _, err := rossumapi.DecodePayload(after); err != nil {
			return nil, err
		}
		if ops, err = patch.Diff(before, after); err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
	}
	for _, s := range c.Set {
		set, err := assignment(before, s)
		if err != nil {
			return nil, err
		}
		ops = append(ops, set...)
	}
	if len(ops) == 0 {
		return nil, ErrNoChange
	}
	for _, op := range ops {
		if !editable(op.Path) {
			return nil, fmt.Errorf("%s: %w", op.Path, ErrNotEditable)
		}
	}
	return ops, nil
}

// editable keeps edits away from what says who the event is and where its token may travel.
func editable(path string) bool {
	for _, p := range []string{"/annotation/content/", "/annotation/metadata", "/document/metadata", "/settings"} {
		if strings.HasPrefix(path, p) {
			return !strings.HasSuffix(path, "/id") && !strings.HasSuffix(path, "/url")
		}
	}
	return false
}

// fieldPath is field.schema_id, or field.table[row].schema_id with rows from 0 as in templates.
var fieldPath = regexp.MustCompile(`^field\.(?:([A-Za-z0-9_-]+)\[(\d{1,6})\]\.)?([A-Za-z0-9_-]+)$`)

// assignment turns field.x=text into changes of that datapoint.
func assignment(payload []byte, s string) ([]patch.Op, error) {
	name, text, ok := strings.Cut(s, "=")
	parts := fieldPath.FindStringSubmatch(name)
	if !ok || parts == nil {
		return nil, fmt.Errorf("%q is not field.NAME=VALUE or field.TABLE[ROW].NAME=VALUE: %w", name, ErrField)
	}
	var p struct {
		Annotation struct {
			Content []contentNode `json:"content"`
		} `json:"annotation"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	found := findField(p.Annotation.Content, parts[1], parts[2], parts[3])
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: the document has %d such fields: %w", name, len(found), ErrField)
	}
	return found[0].set(name, text)
}

// contentNode is what of a node is needed to find it.
type contentNode struct {
	Category string          `json:"category"`
	SchemaID string          `json:"schema_id"`
	Children []contentNode   `json:"children"`
	Content  json.RawMessage `json:"content"`
}

// place is a datapoint and where it stands.
type place struct {
	path []string
	node contentNode
}

// findField finds the datapoints with a schema id: outside tables, or in one row of one.
func findField(sections []contentNode, table, row, id string) []place {
	var found []place
	for i, section := range sections {
		for j, n := range section.Children {
			at := []string{"annotation", "content", strconv.Itoa(i), "children", strconv.Itoa(j)}
			switch {
			case table == "" && n.SchemaID == id && n.Category == rossumapi.Datapoint:
				found = append(found, place{at, n})
			case table != "" && n.SchemaID == table:
				found = append(found, n.cell(at, row, id)...)
			}
		}
	}
	return found
}

func (n contentNode) cell(at []string, row, id string) []place {
	i, err := strconv.Atoi(row)
	if err != nil || i >= len(n.Children) {
		return nil
	}
	var found []place
	for k, c := range n.Children[i].Children {
		if c.SchemaID == id && c.Category == rossumapi.Datapoint {
			path := append(append([]string{}, at...), "children", strconv.Itoa(i), "children", strconv.Itoa(k))
			found = append(found, place{path, c})
		}
	}
	return found
}

var (
	numberForm = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	dateForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// set changes a datapoint's value and normalized value; a number must stay one, and a date too.
func (p place) set(name, text string) ([]patch.Op, error) {
	value, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	var c rossumapi.Object
	if len(p.node.Content) == 0 || json.Unmarshal(p.node.Content, &c) != nil || c == nil {
		both, err := rossumapi.Object{{Key: "value", Value: value}, {Key: "normalized_value", Value: value}}.MarshalJSON()
		return []patch.Op{{Op: patch.Add, Path: patch.Pointer(append(p.path, "content")...), Value: both}}, err
	}
	normalized := json.RawMessage(value)
	switch old := c.Text("normalized_value"); {
	case text == "":
		normalized = json.RawMessage("null")
	case numberForm.MatchString(old) && !numberForm.MatchString(text):
		return nil, fmt.Errorf("%s is a number, write it as 1234.50: %w", name, ErrField)
	case dateForm.MatchString(old) && !dateForm.MatchString(text):
		return nil, fmt.Errorf("%s is a date, write it as 2026-03-01: %w", name, ErrField)
	}
	at := func(member string) string {
		return patch.Pointer(append(append([]string{}, p.path...), "content", member)...)
	}
	if c.Text("value") == text && c.Text("normalized_value") == text {
		return nil, fmt.Errorf("%s: %w", name, ErrNoChange)
	}
	return []patch.Op{
		{Op: patch.Add, Path: at("value"), Value: value}, {Op: patch.Add, Path: at("normalized_value"), Value: normalized},
	}, nil
}

// compare finds the requests of steps not done yet that the change makes different.
func (o *Operator) compare(ctx context.Context, r *journal.Record, before, after []byte) ([]DocumentDiff, error) {
	was, err := o.prepare(ctx, r, before)
	if err != nil {
		return nil, err
	}
	now, err := o.prepare(ctx, r, after)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, p := range was {
		texts[p.step.Name] = p.view(masker{}, true).Text()
	}
	var diffs []DocumentDiff
	for _, p := range now {
		old := texts[p.step.Name]
		delete(texts, p.step.Name)
		if d := changedLines(old, p.view(masker{}, true).Text()); d != "" && !p.done {
			diffs = append(diffs, DocumentDiff{p.step.Name, d})
		}
	}
	for _, p := range was {
		if old, gone := texts[p.step.Name]; gone && !p.done {
			diffs = append(diffs, DocumentDiff{p.step.Name, changedLines(old, "")})
		}
	}
	return diffs, nil
}

// changedLines is a unified diff without context: unchanged lines are not the operator's business.
func changedLines(before, after string) string {
	var b strings.Builder
	for line := range strings.Lines(string(diff.Diff("before", []byte(before), "after", []byte(after)))) {
		if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") {
			continue
		}
		if line[0] == '-' || line[0] == '+' {
			b.WriteString(line)
		}
	}
	return b.String()
}
