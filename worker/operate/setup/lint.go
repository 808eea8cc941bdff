package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// Lint compares what the pipelines of the environment use with the live schemas of their queues: queues, fields that are
// read, written or named in messages, the types of values, options that are written, and labels. Every problem is a
// configs.Error at its place; err is for a Rossum that cannot be asked. Nothing is changed.
func (s *Setup) Lint(ctx context.Context, refs []pipeline.Reference) (problems configs.Errors, err error) {
	l := &linter{Setup: s}
	for i := range s.cfg.Pipelines {
		e := &s.cfg.Pipelines[i]
		hook, _ := s.cfg.Hooks.Get(e.Value.Hook)
		if hook.Rossum != s.environment {
			continue
		}
		if err := l.pipeline(ctx, e, refs); err != nil {
			return nil, err
		}
	}
	l.problems.Sort()
	return l.problems, nil
}

type linter struct {
	*Setup
	problems configs.Errors
	labels   []string // that Rossum has; nil until asked
}

// layout is a schema with the queues of a pipeline that use it.
type layout struct {
	rossumapi.Schema
	queues []string
}

// use is one place that names a field.
type use struct {
	pos   configs.Pos
	path  string
	id    string
	table string // the id is a column of
	// anywhere: the id may be that of any node, a section or a column as well as a field
	anywhere bool
	check    func(layout, *rossumapi.SchemaField) complaint
}

// complaint is what is wrong with a use; none where the message is empty.
type complaint struct{ message, suggestion, try string }

func (l *linter) pipeline(ctx context.Context, e *configs.Entry[configs.Pipeline], refs []pipeline.Reference) error {
	layouts, err := l.layouts(ctx, e)
	if err != nil {
		return err
	}
	uses := writes("pipelines."+e.Name, &e.Value, l.cfg)
	for _, r := range refs {
		if r.Pipeline == e.Name {
			uses = append(uses, readOf(r))
		}
	}
	for _, u := range uses {
		l.check(u, layouts)
	}
	return l.checkLabels(ctx, e)
}

// layouts are the schemas of the queues a pipeline takes.
func (l *linter) layouts(ctx context.Context, e *configs.Entry[configs.Pipeline]) ([]layout, error) {
	queues, err := l.QueuesOf(ctx, e.Value.Hook)
	if len(e.Value.Queues) > 0 {
		queues, err = l.queuesOf(ctx, e.Value.Queues, "pipelines."+e.Name+".queues")
	}
	var unknown configs.Errors
	if errors.As(err, &unknown) {
		for _, p := range unknown {
			if !slices.Contains(l.problems, p) {
				l.problems = append(l.problems, p)
			}
		}
	} else if err != nil {
		return nil, err
	}
	var all []layout
	for _, q := range queues {
		schema, err := l.schema(ctx, q.Schema)
		if err != nil {
			return nil, fmt.Errorf("queue %d: %w", q.ID, err)
		}
		if i := slices.IndexFunc(all, func(other layout) bool { return other.URL == schema.URL }); i >= 0 {
			all[i].queues = append(all[i].queues, q.Name)
			continue
		}
		all = append(all, layout{schema, []string{q.Name}})
	}
	return all, nil
}

// check looks at one use in every schema; the same complaint about several is one problem.
func (l *linter) check(u use, layouts []layout) {
	found := map[complaint][]string{}
	var order []complaint
	for _, lay := range layouts {
		c := u.look(lay)
		if c.message == "" {
			continue
		}
		if found[c] == nil {
			order = append(order, c)
		}
		found[c] = append(found[c], lay.queues...)
	}
	for _, c := range order {
		l.problems = append(l.problems, configs.Error{
			Pos: u.pos, Path: u.path, Message: quoted(found[c]) + ": " + c.message, Suggestion: c.suggestion, Try: c.try,
		})
	}
}

// quoted names queues, a few of them.
func quoted(queues []string) string {
	const most = 3
	word := "queue "
	if len(queues) > 1 {
		word = "queues "
	}
	more := ""
	if len(queues) > most {
		more = fmt.Sprintf(" and %d more", len(queues)-most)
		queues = queues[:most]
	}
	return word + strings.Join(queues, ", ") + more
}

// look finds the field in a schema and checks it.
func (u use) look(lay layout) complaint {
	switch {
	case u.table != "":
		return u.lookIn(lay)
	case u.anywhere && lay.Field(u.id) != nil:
		return complaint{}
	}
	top := map[string]*rossumapi.SchemaField{}
	var ids []string
	for i := range lay.Content {
		for j := range lay.Content[i].Children {
			f := &lay.Content[i].Children[j]
			top[f.ID] = f
			ids = append(ids, f.ID)
		}
	}
	if f := top[u.id]; f != nil {
		return u.check(lay, f)
	}
	for _, id := range ids {
		if columnOf(top[id], u.id) != nil {
			return u.check(lay, &rossumapi.SchemaField{ID: u.id, Category: rossumapi.Tuple, Label: id}) // a column, not a field
		}
	}
	return complaint{"there is no field " + clip(u.id), configs.Nearest(u.id, ids), "rossum-relay schema show QUEUE, for the fields there are"}
}

// lookIn finds a column of a table.
func (u use) lookIn(lay layout) complaint {
	table := lay.Field(u.table)
	if table == nil || table.Category != rossumapi.Multivalue {
		return complaint{} // told where the table itself is read
	}
	if f := columnOf(table, u.id); f != nil {
		return u.check(lay, f)
	}
	var ids []string
	for _, row := range table.Children {
		for _, f := range row.Children {
			ids = append(ids, f.ID)
		}
	}
	return complaint{fmt.Sprintf("table %s has no column %s", u.table, clip(u.id)), configs.Nearest(u.id, ids),
		"rossum-relay schema show QUEUE, for the columns there are"}
}

// columnOf finds a column of a table, or the value of a simple multivalue.
func columnOf(table *rossumapi.SchemaField, id string) *rossumapi.SchemaField {
	if table.Category != rossumapi.Multivalue {
		return nil
	}
	for i := range table.Children {
		child := &table.Children[i]
		if child.ID == id && child.Category == rossumapi.Datapoint {
			return child
		}
		for j := range child.Children {
			if child.Children[j].ID == id {
				return &child.Children[j]
			}
		}
	}
	return nil
}

// checkLabels finds labels that are named and that Rossum does not have.
func (l *linter) checkLabels(ctx context.Context, e *configs.Entry[configs.Pipeline]) error {
	for _, t := range labelsOf("pipelines."+e.Name, &e.Value, l.cfg) {
		if strings.Contains(t.Source, "{") {
			continue // made when the run runs
		}
		if l.labels == nil {
			l.labels = []string{}
			all, err := collect(l.client.Labels(ctx, nil))
			if err != nil {
				return fmt.Errorf("labels of rossum.%s: %w", l.environment, err)
			}
			for _, label := range all {
				l.labels = append(l.labels, label.Name, fmt.Sprint(label.ID))
			}
		}
		if !slices.Contains(l.labels, t.Source) {
			l.problems = append(l.problems, configs.Error{
				Pos: t.Pos, Path: t.path, Message: fmt.Sprintf("Rossum has no label %q", clip(t.Source)),
				Suggestion: configs.Nearest(t.Source, l.labels), Try: "create it in Rossum, or use another",
			})
		}
	}
	return nil
}
