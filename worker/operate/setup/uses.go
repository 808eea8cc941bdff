package setup

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// readOf is a field that an expression reads.
func readOf(r pipeline.Reference) use {
	return use{pos: r.Pos, path: r.Path, id: r.SchemaID, table: r.Table, anywhere: r.As == pipeline.AsContent, check: func(_ layout, f *rossumapi.SchemaField) complaint {
		switch {
		case isColumn(f):
			return complaint{fmt.Sprintf("%s is a column of table %s and is read from its rows", f.ID, f.Label), "", "$for: row in field." + f.Label + ", and row." + f.ID}
		case f.Type == "button":
			return complaint{f.ID + " is a button, which holds no value", "", "read another field"}
		case r.As == "value" && f.Category == rossumapi.Datapoint && !hasValue(f):
			return complaint{fmt.Sprintf("value.%s is always null: the field is of type %s, not number or date", f.ID, f.Type), "", "read field." + f.ID}
		}
		return complaint{}
	}}
}

// isColumn tells the stand-in for a column that was named as if it were a field.
func isColumn(f *rossumapi.SchemaField) bool { return f.Category == rossumapi.Tuple }

// hasValue reports whether Rossum normalizes the field's values to numbers or dates.
func hasValue(f *rossumapi.SchemaField) bool {
	var enum struct {
		Type string `json:"enum_value_type"`
	}
	if f.Type == "enum" && json.Unmarshal(f.Raw, &enum) == nil {
		return enum.Type == "number" || enum.Type == "date"
	}
	return f.Type == "number" || f.Type == "date"
}

// writes are the fields that a pipeline writes, and those that its messages are shown at.
func writes(path string, p *configs.Pipeline, cfg *configs.Config) []use {
	var uses []use
	shown := func(at, id string) {
		if id != "" {
			uses = append(uses, use{pos: cfg.Pos(at), path: at, id: id, check: func(layout, *rossumapi.SchemaField) complaint { return complaint{} }})
		}
	}
	for _, e := range p.Fields {
		shown(path+".fields."+e.Name, e.Value)
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		at := path + ".steps." + step.Name
		for n, c := range step.Check {
			shown(fmt.Sprintf("%s.check[%d].field", at, n), c.Field)
		}
		for n, o := range step.Outcomes {
			shown(fmt.Sprintf("%s.outcomes[%d].field", at, n), o.Field)
		}
		if step.Rossum == nil {
			continue
		}
		for n, m := range step.Rossum.Messages {
			shown(fmt.Sprintf("%s.rossum.messages[%d].field", at, n), m.Field)
		}
		for n, b := range step.Rossum.AutomationBlockers {
			shown(fmt.Sprintf("%s.rossum.automation_blockers[%d].field", at, n), b.Field)
		}
		for _, e := range step.Rossum.Set {
			uses = append(uses, writeOf(at+".rossum.set."+e.Name, e))
		}
	}
	return uses
}

// writeOf is a field that a rossum step sets.
func writeOf(path string, e configs.Entry[configs.Template]) use {
	return use{pos: e.Pos, path: path, id: e.Name, check: func(_ layout, f *rossumapi.SchemaField) complaint {
		switch {
		case isColumn(f), f.Category == rossumapi.Multivalue:
			return complaint{f.ID + " is part of a table, and a rossum step sets fields outside tables", "", "set another field"}
		case f.Type == "button":
			return complaint{f.ID + " is a button, which holds no value", "", "set another field"}
		case f.UI.Type == "formula" || f.UI.Type == "reasoning":
			return complaint{fmt.Sprintf("%s is a %s field: Rossum computes it and overwrites what is set", f.ID, f.UI.Type), "", "set a field of type data"}
		case strings.Contains(e.Value.Source, "{"):
			return complaint{}
		}
		return constantFor(f, e.Value.Source)
	}}
}

// constantFor holds a fixed value to the field's type.
func constantFor(f *rossumapi.SchemaField, value string) complaint {
	if value == "" {
		return complaint{}
	}
	switch f.Type {
	case "enum":
		var options []string
		for _, o := range f.Options {
			options = append(options, o.Value)
		}
		if !slices.ContainsFunc(options, func(o string) bool { return strings.EqualFold(o, value) }) {
			return complaint{fmt.Sprintf("%s has no option %q", f.ID, clip(value)), configs.Nearest(value, options), "one of " + clip(strings.Join(options, ", "))}
		}
	case "number":
		if _, err := decimal.NewFromString(value); err != nil {
			return complaint{fmt.Sprintf("%s is a number, %q is none", f.ID, clip(value)), "", "write digits, with a dot for decimals"}
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return complaint{fmt.Sprintf("%s is a date, %q is none", f.ID, clip(value)), "", "write YYYY-MM-DD"}
		}
	}
	return complaint{}
}

// labelUse is a label that a pipeline names.
type labelUse struct {
	configs.Template
	path string
}

func labelsOf(path string, p *configs.Pipeline, cfg *configs.Config) []labelUse {
	var all []labelUse
	if p.OnDead.Label != "" {
		at := path + ".on_dead.label"
		all = append(all, labelUse{configs.Template{Source: p.OnDead.Label, Pos: cfg.Pos(at)}, at})
	}
	for i := range p.Steps {
		r := p.Steps[i].Rossum
		if r == nil {
			continue
		}
		at := path + ".steps." + p.Steps[i].Name + ".rossum."
		for n, t := range r.Labels {
			all = append(all, labelUse{t, fmt.Sprintf("%slabels[%d]", at, n)})
		}
		for n, t := range r.RemoveLabels {
			all = append(all, labelUse{t, fmt.Sprintf("%sremove_labels[%d]", at, n)})
		}
	}
	return all
}
