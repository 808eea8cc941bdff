package configs

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (v *validator) pipelines() {
	hooks := names(v.cfg.Hooks)
	for i := range v.cfg.Pipelines {
		e := &v.cfg.Pipelines[i]
		path, p := "pipelines."+e.Name, &e.Value
		v.name("pipelines", "pipeline", e.Name, e.Pos)
		if !slices.Contains(hooks, p.Hook) {
			v.unknown(path+".hook", "hook", p.Hook, hooks)
		}
		v.events(path, p)
		v.answer(path, p)
		v.wait(path+".wait", p.Wait)
		if p.Retry.Max < p.Retry.First {
			v.wrong(path+".retry.max", "max is shorter than first", "raise it")
		}
		v.status(path+".on_dead.status", p.OnDead.Status)
	}
}

func (v *validator) events(path string, p *Pipeline) {
	for i, entry := range p.Events {
		at := fmt.Sprintf("%s.events[%d]", path, i)
		if entry != "" && len(actionsOf(entry)) == 0 && !v.failed[at] {
			v.warnings = append(v.warnings, Error{
				Pos: v.cfg.Pos(at), Path: at, Message: "event " + v.show(at, entry) + " is not known: Rossum may never send it",
				Suggestion: Nearest(entry, eventNames()), Try: "one of " + strings.Join(eventNames(), ", "),
			})
		}
		for _, e := range actionsOf(entry) {
			if e.class == interactiveEvent {
				v.doubtful(at, "a user waits for "+e.name+": it is accepted at once, and what the pipeline finds reaches Rossum only through the API",
					"use annotation_content.initialize or annotation_content.export where Rossum must wait for the answer")
				break
			}
		}
	}
}

func eventNames() []string {
	var names []string
	for _, e := range knownEvents() {
		names = append(names, e.name)
	}
	return names
}

// answer checks that Rossum can wait for what is to be waited for, and reach the relay meanwhile.
func (v *validator) answer(path string, p *Pipeline) {
	waits := false
	for _, e := range knownEvents() {
		if !p.Takes(e.name) {
			continue
		}
		waits = waits || e.class != statusEvent && p.AnswerFor(e.name) == AnswerWait
		switch {
		case p.Answer != AnswerWait:
		case e.class == statusEvent:
			v.wrong(path+".answer", "Rossum ignores the answer to "+e.name+": there is nothing to wait for", "write answer: accept, or take other events")
		case e.class == interactiveEvent:
			v.doubtful(path+".answer", "wait does not hold for "+e.name+": a user waits, so it is accepted at once", "take it in a pipeline of its own")
		case e.class == directEvent:
			v.doubtful(path+".answer", "Rossum does not ask again after "+e.name+": only what is done within wait.hold is answered", "set wait: {hold: 20s}")
		}
	}
	if waits && v.cfg.Ingest.PublicURL == "" && !v.failed["ingest.public_url"] {
		v.wrong("ingest.public_url", fmt.Sprintf("the pipeline %s lets Rossum wait for its answer, so Rossum must know where to ask", strings.TrimPrefix(path, "pipelines.")),
			"add ingest: {public_url: https://HOST}, or answer: accept in the pipeline")
		v.failed["ingest.public_url"] = true
	}
}

// The limits of Rossum's patience (Rossum API reference, Hook.config and Asynchronous webhooks): timeout_s is 30 s by
// default and 60 s at most; each of 1 + retry_count calls is polled for 300 s.
const (
	defaultTimeout = Duration(30 * time.Second)
	maxTimeout     = Duration(60 * time.Second)
	maxPatience    = Duration(25 * time.Minute)
)

func (v *validator) wait(path string, w Wait) {
	if w.Hold >= maxTimeout {
		v.wrong(path+".hold", "Rossum hangs up after 60 s at most", "write 5s")
	} else if w.Hold >= defaultTimeout {
		v.doubtful(path+".hold", "Rossum hangs up after 30 s unless the hook's timeout_s is longer", "write 20s, or raise timeout_s")
	}
	if w.AtMost > maxPatience {
		v.doubtful(path+".at_most", "Rossum gives up after 25 minutes", "write 20m; a later delivery is told by late_success")
	}
}

func (v *validator) steps(path string, p *Pipeline) {
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Name == "" {
			continue // reported already
		}
		v.name(path+".steps", "step", s.Name, s.Pos)
		v.step(path+".steps."+s.Name, p, s)
		if s.Send != "" {
			v.send(path+".steps."+s.Name, p, s)
		}
	}
}

func (v *validator) step(path string, p *Pipeline, s *Step) {
	kind, ok := v.kind(path, s)
	if !ok {
		return
	}
	v.foreignKeys(path, kind)
	for i, c := range s.Check {
		if n := count(!c.Error.IsZero(), !c.Warning.IsZero(), !c.Info.IsZero()); n != 1 {
			v.wrong(fmt.Sprintf("%s.check[%d]", path, i), "a check has exactly one of error, warning and info", "add error: what is wrong")
		}
	}
	if k := s.Set.Kind; k != NodeNone && k != NodeMap {
		v.wrong(path+".set", "expected a map, got "+k.String(), "write set: {name: template}")
	}
	if r := s.Rossum; r != nil {
		v.status(path+".rossum.status", r.Status)
		if k := r.Metadata.Kind; k != NodeNone && k != NodeMap {
			v.wrong(path+".rossum.metadata", "expected a map, got "+k.String(), "write metadata: {erp_id: template}")
		}
		v.answered(path+".rossum", p, r)
	}
}

// answered warns about parts of an answer that Rossum takes of none of the pipeline's events, or does not wait for (Rossum
// API reference, Webhook Events).
func (v *validator) answered(path string, p *Pipeline, r *RossumStep) {
	for _, part := range []struct {
		key    string
		given  bool
		events []string
	}{
		{"automation_blockers", len(r.AutomationBlockers) > 0, []string{"annotation_content.initialize"}},
		{"files", !r.Files.IsZero(), []string{"email.received", "upload.created"}},
		{"additional_files", !r.AdditionalFiles.IsZero(), []string{"email.received"}},
		{"reply", !r.Reply.IsZero(), []string{"invocation.manual"}},
	} {
		heard := slices.ContainsFunc(part.events, func(event string) bool { return p.Takes(event) && p.AnswerFor(event) == AnswerWait })
		if part.given && !heard {
			v.doubtful(path+"."+part.key, "Rossum takes "+part.key+" only with the answer to "+strings.Join(part.events, " or ")+", which this pipeline does not give",
				"take that event, with answer: wait")
		}
	}
}

// kind says what the step is, or reports that it is nothing or several things.
func (v *validator) kind(path string, s *Step) (StepKind, bool) {
	kinds := s.kinds()
	switch len(kinds) {
	case 1:
		return kinds[0], true
	case 0:
		v.wrong(path, "a step does exactly one thing", "add send, rossum, set, check, invoice, map or render")
	default:
		words := make([]string, len(kinds))
		for i, k := range kinds {
			words[i] = string(k)
		}
		v.wrong(path, "a step does exactly one thing, got "+list(words), "make them steps of their own")
	}
	return "", false
}

// foreignKeys reports keys that mean nothing for the kind of step: the kind tags say which do.
func (v *validator) foreignKeys(path string, kind StepKind) {
	for _, f := range fieldsOf(reflect.TypeFor[Step]()) {
		tag := f.Value.Tag.Get("kind")
		at := path + "." + f.Name
		if _, given := v.positions[at]; given && tag != "" && !slices.Contains(strings.Split(tag, ","), string(kind)) {
			v.wrong(at, fmt.Sprintf("%s means nothing in a %s step", f.Name, kind), "it belongs to: "+strings.ReplaceAll(tag, ",", ", "))
		}
	}
}

func (v *validator) send(path string, p *Pipeline, s *Step) {
	targets := names(v.cfg.Targets)
	t, ok := v.cfg.Targets.Get(s.Send)
	if !ok {
		v.unknown(path+".send", "target", s.Send, targets)
	}
	if ok && len(t.transports()) == 1 {
		v.place(path, s, t.HTTP != nil)
	}
	if n := count(!s.Map.IsZero(), s.Render != "", !s.Body.IsZero(), len(s.Form)+len(s.Files) > 0); n > 1 {
		v.wrong(path, "a send has at most one body: map, render, body, or form and files", "make the document a step of its own, and send it with body: steps.NAME")
	}
	for i, rule := range s.Outcomes {
		v.outcome(fmt.Sprintf("%s.outcomes[%d]", path, i), rule)
	}
	if f := s.Find; f != nil {
		if n := count(!f.Get.IsZero(), !f.Post.IsZero()); t.HTTP != nil && n != 1 {
			v.wrong(path+".find", "a look-up over http has exactly one of get and post", "add get: /path")
		}
	}
	v.repetition(path, p, s, t.HTTP != nil)
}

// place checks where a send goes: a method with its path over http, a path elsewhere.
func (v *validator) place(path string, s *Step, http bool) {
	var methods []string
	for _, r := range s.requests() {
		if !r.Value.IsZero() {
			methods = append(methods, strings.ToLower(r.Name))
		}
	}
	switch {
	case http && len(methods) != 1:
		v.wrong(path, "a send over http has exactly one of get, post, put, patch and delete, got "+list(methods), "write post: /path")
	case http && !s.Path.IsZero():
		v.wrong(path+".path", "path is for targets without methods", "write it as post: /path")
	case !http && len(methods) > 0:
		v.wrong(path+"."+methods[0], "only http targets have methods", "write path: file name")
	case !http && s.Path.IsZero():
		v.wrong(path, "a send to this target needs path", "add path: file name")
	}
}

// repetition checks what happens when a send is tried again.
func (v *validator) repetition(path string, p *Pipeline, s *Step, http bool) {
	creates := http && !s.Post.IsZero()
	if s.OnUncertain == UncertainRetry && creates && s.Find == nil && s.IdempotencyHeader == "" {
		v.wrong(path+".on_uncertain", "retry could create twice: the target has nothing to know the repetition by", "add idempotency_header, if the target honours one, or find")
	}
	if s.Repeatable || http && !s.Get.IsZero() {
		return
	}
	if len(p.Key) == 0 && len(s.Key) == 0 {
		v.doubtful(path, "no key names the invoice: the same one uploaded twice is sent twice", "add key: [field.sender_name, field.document_id] to the pipeline")
	}
	if creates && s.Find == nil && s.IdempotencyHeader == "" && s.OnUncertain == UncertainDead {
		v.doubtful(path, "after a time-out nobody can tell whether this was created: the run waits as a dead letter for a person to look",
			"add find, how to look for it; or idempotency_header; or repeatable: true if doubles do no harm")
	}
}

var statusForm = regexp.MustCompile(`^[1-5]([0-9]{2}|xx)$`)

func (v *validator) outcome(path string, rule OutcomeRule) {
	if rule.Status != "" && !statusForm.MatchString(rule.Status) {
		v.wrong(path+".status", "not an HTTP status: "+v.show(path+".status", rule.Status), "write 409 or 5xx")
	}
	if rule.Status == "" && rule.If.IsZero() && !v.failed[path+".status"] && !v.failed[path+".if"] {
		v.wrong(path, "the rule matches every response", "add status or if")
	}
	if rule.After != 0 && rule.Outcome != "retry" && rule.Outcome != "throttled" {
		v.wrong(path+".after", "only retry and throttled wait", "remove after")
	}
}

// status refuses a status that no PATCH gives, and warns about one that annotations do not have (Rossum API reference,
// Annotation Lifecycle).
func (v *validator) status(path, status string) {
	known := []string{
		"created", "importing", "failed_import", "split", "to_review", "reviewing", "in_workflow", "confirmed", "rejected", "exporting",
		"exported", "failed_export", "postponed", "deleted", "purged",
	}
	byPatch := []string{"to_review", "postponed", "confirmed", "rejected", "deleted", "exporting"}
	switch {
	case status == "" || slices.Contains(byPatch, status) || strings.Contains(status, "{{"):
		return
	case slices.Contains(known, status):
		v.wrong(path, "only Rossum itself makes an annotation "+status, "one of "+strings.Join(byPatch, ", "))
		return
	}
	v.warnings = append(v.warnings, Error{
		Pos: v.cfg.Pos(path), Path: path, Message: "annotation status " + v.show(path, status) + " is not known",
		Suggestion: Nearest(status, known), Try: "one of " + strings.Join(known, ", "),
	})
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
