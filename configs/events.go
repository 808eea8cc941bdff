package configs

import (
	"slices"
	"strings"
)

// eventClass says how Rossum calls an event and what it does with the answer (Rossum API reference, Webhook Events and
// Asynchronous webhooks).
type eventClass int

const (
	unknownEvent     eventClass = iota
	statusEvent                 // the answer is ignored
	queuedEvent                 // retried, and polled after a 202
	interactiveEvent            // a user waits; neither retried nor polled
	directEvent                 // a caller waits for the answer itself; not polled
)

// event is one of Rossum's webhook events, or a whole event that stands for its actions.
type event struct {
	name  string
	class eventClass
}

func knownEvents() []event {
	return []event{
		{"annotation_status.changed", statusEvent},
		{"annotation_content.initialize", queuedEvent},
		{"annotation_content.started", interactiveEvent},
		{"annotation_content.user_update", interactiveEvent},
		{"annotation_content.updated", interactiveEvent},
		{"annotation_content.confirm", interactiveEvent},
		{"annotation_content.export", queuedEvent},
		{"upload.created", queuedEvent},
		{"email.received", queuedEvent},
		{"invocation.scheduled", queuedEvent},
		{"invocation.manual", directEvent},
		{"invocation.interface", directEvent},
	}
}

func classOf(name string) eventClass {
	for _, e := range knownEvents() {
		if e.name == name {
			return e.class
		}
	}
	return unknownEvent
}

// actionsOf lists the known events that an entry of Pipeline.Events takes.
func actionsOf(entry string) []event {
	return slices.DeleteFunc(knownEvents(), func(e event) bool { return !covers(entry, e.name) })
}

// covers reports whether an entry of Pipeline.Events takes an event: the same, or its whole event.
func covers(entry, event string) bool {
	whole, _, _ := strings.Cut(event, ".")
	return entry == event || entry == whole
}

// Takes reports whether the pipeline takes an event such as annotation_content.export.
func (p *Pipeline) Takes(event string) bool {
	return slices.ContainsFunc(p.Events, func(entry string) bool { return covers(entry, event) })
}

// TakesQueue reports whether the pipeline takes events of a queue. A queue whose name is not known yet (name is "")
// matches every pipeline that names queues by name: the worker, which can ask Rossum, decides then.
func (p *Pipeline) TakesQueue(id int64, name string) bool {
	return len(p.Queues) == 0 || slices.ContainsFunc(p.Queues, func(q QueueRef) bool {
		if q.ID != 0 {
			return q.ID == id
		}
		return name == "" || q.Name == name
	})
}

// AnswerFor is how Rossum is answered about an event the pipeline takes: what answer says; without it wait for
// annotation_content.export and initialize, else accept. Interactive events are always accepted, since a user waits.
func (p *Pipeline) AnswerFor(event string) AnswerMode {
	switch {
	case classOf(event) == interactiveEvent:
		return AnswerAccept
	case p.Answer != "":
		return p.Answer
	case event == "annotation_content.export" || event == "annotation_content.initialize":
		return AnswerWait
	}
	return AnswerAccept
}

// PipelinesFor lists the pipelines that take an event of a hook, in the order of the file, whatever the queue. They
// belong to the configuration and must not be changed.
func (c *Config) PipelinesFor(hook, event string) []*Entry[Pipeline] {
	var matching []*Entry[Pipeline]
	for i := range c.Pipelines {
		if p := &c.Pipelines[i]; p.Value.Hook == hook && p.Value.Takes(event) {
			matching = append(matching, p)
		}
	}
	return matching
}
