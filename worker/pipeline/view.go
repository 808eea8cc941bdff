package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

// view resolves the names of expressions. The live view shows things as they are. The stable view, from which
// fingerprints are made, shows what differs from run to run of the same document (see volatile) as if it never did.
type view struct {
	scope  *Scope
	stable bool
	own    map[string]bool // fields the pipeline writes; of the stable view
	cache  map[string]any
	root   *jinja.Dict // for JMESPath, made when first needed
}

// scopeNames lists the names every expression may use.
func scopeNames() []string {
	return []string{"field", "value", "dp", "payload", "annotation", "document", "queue", "schema", "modifier", "emails",
		"labels", "label", "settings", "secrets", "tables", "steps", "run"}
}

// lookup resolves one name.
func (v *view) lookup(ctx context.Context, name string) (any, bool, error) {
	if known, ok := v.cache[name]; ok {
		return known, true, nil
	}
	value, ok, err := v.resolve(ctx, name)
	if ok && err == nil {
		if v.cache == nil {
			v.cache = map[string]any{}
		}
		v.cache[name] = value
	}
	return value, ok, err
}

func (v *view) resolve(ctx context.Context, name string) (any, bool, error) {
	p := v.scope.in.Payload
	switch name {
	case "field":
		return &fields{view: v, as: asField}, true, nil
	case "value":
		return &fields{view: v, as: asValue}, true, nil
	case "dp":
		return &fields{view: v, as: asPoint}, true, nil
	case "payload":
		return &payloadObject{object{view: v, name: name, members: p.All, hidden: hiddenPayload, volatile: volatilePayload}}, true, nil
	case "annotation":
		return v.optional(p.AnnotationObject, &object{view: v, name: name, members: p.AnnotationObject, volatile: v.hidesAnnotation})
	case "document":
		return v.optional(p.DocumentObject, &documentObject{object{view: v, name: name, members: p.DocumentObject}})
	case "settings":
		return v.settings()
	case "secrets":
		return secrets{v.scope}, true, nil
	case "tables":
		return tables{v.scope}, true, nil
	case "steps":
		return steps{v}, true, nil
	case "run":
		return v.run(), true, nil
	case "label":
		return jinja.Func(v.label), true, nil
	}
	return v.resource(ctx, name)
}

// optional is null where the payload has no such object.
func (v *view) optional(members rossumapi.Object, o any) (any, bool, error) {
	if members == nil {
		return nil, true, nil
	}
	return o, true, nil
}

// resource resolves the names that are sideloaded or fetched.
func (v *view) resource(ctx context.Context, name string) (any, bool, error) {
	a, p := v.scope.in.Payload.AnnotationObject, v.scope.in.Payload
	switch name {
	case "queue":
		if queues := p.Queues(); len(queues) > 0 {
			return v.one(ctx, "queues", queues[0])
		}
		return nil, true, nil
	case "schema":
		return v.one(ctx, "schemas", p.Annotation.Schema)
	case "modifier":
		if v.hidesAnnotation(name) {
			return nil, true, nil
		}
		return v.one(ctx, "modifiers", p.Annotation.Modifier)
	case "labels":
		if v.hidesAnnotation(name) {
			return jinja.NewList(), true, nil
		}
		return v.many(ctx, "labels", texts(a.Get("labels")))
	case "emails":
		urls := texts(a.Get("related_emails"))
		for _, url := range []string{a.Text("email"), p.Email} {
			if url != "" && !slices.Contains(urls, url) {
				urls = append([]string{url}, urls...)
			}
		}
		return v.many(ctx, "emails", urls)
	}
	return nil, false, nil
}

// one is an object by its URL, null where the payload names none.
func (v *view) one(ctx context.Context, list, url string) (any, bool, error) {
	members, err := v.scope.object(ctx, list, url)
	if err != nil || members == nil && url == "" {
		return nil, true, err
	}
	if members == nil {
		return nil, true, outcome.Errorf(outcome.Misconfigured, "not_sideloaded",
			"%s is neither in the payload nor can it be fetched: add it to the hook's sideload", strings.TrimSuffix(list, "s"))
	}
	value, err := decodeMembers(members)
	return value, true, err
}

func (v *view) many(ctx context.Context, list string, urls []string) (any, bool, error) {
	all := jinja.NewList()
	for _, url := range urls {
		one, _, err := v.one(ctx, list, url)
		if err != nil {
			return nil, true, err
		}
		all.Append(one)
	}
	return all, true, nil
}

// settings are those of the hook object above those of the configuration.
func (v *view) settings() (any, bool, error) {
	own := v.scope.in.Settings
	d := jinja.NewDict(len(own.Map))
	for _, e := range own.Map {
		d.Set(e.Name, nodeValue(e.Value))
	}
	raw := v.scope.in.Payload.Settings
	if len(raw) == 0 {
		return d, true, nil
	}
	sent, err := jsonvalue.Decode(raw)
	if err != nil {
		return nil, true, err
	}
	if sent, ok := sent.(*jinja.Dict); ok {
		for key, value := range sent.All() {
			d.Set(key.(string), value) // a key of a JSON object is a string
		}
	}
	return d, true, nil
}

// run is the facts about the run; in the stable view those of no run.
func (v *view) run() any {
	facts := v.scope.in.Run
	if v.stable {
		epoch := time.Unix(0, 0).UTC()
		facts = RunFacts{ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Pipeline: facts.Pipeline, Generation: 1, Event: facts.Event, Received: epoch, Now: epoch}
	}
	d := jinja.NewDict(6)
	d.Set("id", string(facts.ID))
	d.Set("pipeline", facts.Pipeline)
	d.Set("generation", facts.Generation)
	d.Set("event", facts.Event)
	d.Set("received", facts.Received)
	d.Set("now", facts.Now)
	return d
}

// runNames lists the members of run.
func runNames() []string { return []string{"id", "pipeline", "generation", "event", "received", "now"} }

// label is the function label('amount_total'): what the field is called in the schema.
func (v *view) label(ctx context.Context, args []any, _ map[string]any) (any, error) {
	if len(args) != 1 {
		return nil, &jinja.Error{Kind: jinja.KindType, Message: "label takes one schema id"}
	}
	id, _ := args[0].(string)
	field, err := v.scope.schemaField(ctx, id)
	if err != nil {
		return nil, err
	}
	if field == nil {
		return nil, outcome.Errorf(outcome.Misconfigured, "no_label",
			"no label of the field %q: it is not in the schema, or schemas are missing from the hook's sideload", id)
	}
	return field.Label, nil
}
