package rossumapi

import (
	"encoding/json"
	"fmt"
	"time"
)

// Envelope is the part of a webhook call that decides whether and where it is
// accepted. Raw members alias the decoded body. Absent members are zero.
type Envelope struct {
	RequestID string    // id of this hook call; may or may not repeat on a retry
	Timestamp time.Time // time of the call, zero if absent or unreadable
	Hook      string    // URL of the hook object
	Event     string    // such as "annotation_content"
	Action    string    // such as "export"
	BaseURL   string    // scheme and host of Rossum, without /api
	Token     string    // rossum_authorization_token, "" without a token owner
	Settings  json.RawMessage
	Secrets   json.RawMessage

	Annotation EnvelopeAnnotation // of annotation events
	Document   EnvelopeDocument   // of annotation events
	Upload     string             // URL, of upload events
	Email      string             // URL, of e-mail and upload events
	Queue      string             // URL, of e-mail events; see Queues
	Files      json.RawMessage    // of e-mail and upload events

	sideloadedQueues json.RawMessage
	urls             []string // everything CheckURLs looks at
}

// EnvelopeAnnotation is the part of an annotation that identifies an event.
// Times are kept as sent: they are compared, not computed with.
type EnvelopeAnnotation struct {
	ID             int64
	URL            string
	Status         string
	PreviousStatus string
	Queue          string // URL
	Schema         string // URL
	Document       string // URL
	Modifier       string // URL, "" for automated changes
	ModifiedAt     string
	ExportedAt     string
	ExportFailedAt string
	ConfirmedAt    string
}

// EnvelopeDocument is the part of a document that identifies a file.
type EnvelopeDocument struct {
	ID      int64
	URL     string
	Content string // URL of the bytes
}

// Name returns event and action as Rossum's hook objects write them, such as
// "annotation_content.export".
func (e Envelope) Name() string { return e.Event + "." + e.Action }

// Queues returns the URLs of all queues the call speaks of, without repeats.
func (e Envelope) Queues() []string {
	var queues []string
	add := func(url string) {
		for _, known := range queues {
			if known == url {
				return
			}
		}
		if url != "" {
			queues = append(queues, url)
		}
	}
	add(e.Annotation.Queue)
	add(e.Queue)
	files, _ := objects(e.Files) // validated when it was decoded
	for _, file := range files {
		add(file.Text("queue"))
	}
	return queues
}

// QueueName returns the name of a queue, given by URL, from the sideloaded
// queues; "" if it was not sent along.
func (e Envelope) QueueName(url string) string {
	queues, _ := objects(e.sideloadedQueues) // a broken list reads as not sent
	for _, queue := range queues {
		if queue.Text("url") == url {
			return queue.Text("name")
		}
	}
	return ""
}

// DecodeEnvelope validates body as JSON and returns its envelope. The content
// tree is stepped over, not built. The error is a [*SyntaxError] or names the
// member that has the wrong kind; it never holds a value of the payload other
// than a key.
func DecodeEnvelope(body []byte) (Envelope, error) {
	parts, err := splitPayload(body)
	if err != nil {
		return Envelope{}, err
	}
	return parts.envelope()
}

// payloadParts is a payload cut into the objects that hold the envelope.
type payloadParts struct{ all, annotation, document Object }

func splitPayload(body []byte) (payloadParts, error) {
	var parts payloadParts
	s := &scanner{data: body}
	child := func(into *Object) (json.RawMessage, error) {
		if s.peek() != '{' {
			return s.raw()
		}
		start := s.pos
		members, err := s.members()
		*into = members
		return s.data[start:s.pos:s.pos], err
	}
	var err error
	parts.all, err = s.membersFunc(func(key string) (json.RawMessage, error) {
		switch key {
		case "annotation":
			return child(&parts.annotation)
		case "document":
			return child(&parts.document)
		}
		return s.raw()
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return payloadParts{}, fmt.Errorf("payload: %w", err)
	}
	return parts, nil
}

func (p payloadParts) envelope() (Envelope, error) {
	r := &reader{object: p.all, path: "payload"}
	e := Envelope{
		RequestID: r.text("request_id"),
		Hook:      r.url("hook"),
		Event:     r.text("event"),
		Action:    r.text("action"),
		BaseURL:   r.text("base_url"),
		Token:     r.text("rossum_authorization_token"),
		Settings:  p.all.Get("settings"),
		Secrets:   p.all.Get("secrets"),
		Upload:    r.url("upload"),
		Email:     r.url("email"),
		Queue:     r.url("queue"),
		Files:     p.all.Get("files"),

		sideloadedQueues: p.all.Get("queues"),
	}
	if at, err := time.Parse(time.RFC3339Nano, r.text("timestamp")); err == nil {
		e.Timestamp = at
	}
	if e.Event == "" || e.Action == "" || e.BaseURL == "" {
		r.fail("event, action and base_url are required")
	}
	r.files(e.Files)
	annotation := &reader{object: p.annotation, path: "payload.annotation"}
	e.Annotation = annotation.annotation()
	document := &reader{object: p.document, path: "payload.document"}
	e.Document = EnvelopeDocument{ID: document.id("id"), URL: document.url("url"), Content: document.url("content")}
	for _, part := range []*reader{r, annotation, document} {
		e.urls = append(e.urls, part.urls...)
		if part.err != nil {
			return Envelope{}, part.err
		}
	}
	return e, nil
}

func (r *reader) annotation() EnvelopeAnnotation {
	// Called later for sideloads, or by people: they must not lead elsewhere.
	for _, key := range []string{"content", "creator", "modified_by", "email", "email_thread",
		"automation_blocker", "organization", "suggested_edit"} {
		if text, ok := textOf(r.object.Get(key)); ok {
			r.urls = append(r.urls, text)
		}
	}
	return EnvelopeAnnotation{
		ID:             r.id("id"),
		URL:            r.url("url"),
		Status:         r.text("status"),
		PreviousStatus: r.text("previous_status"),
		Queue:          r.url("queue"),
		Schema:         r.url("schema"),
		Document:       r.url("document"),
		Modifier:       r.url("modifier"),
		ModifiedAt:     r.text("modified_at"),
		ExportedAt:     r.text("exported_at"),
		ExportFailedAt: r.text("export_failed_at"),
		ConfirmedAt:    r.text("confirmed_at"),
	}
}

// files collects the URLs of the files of an e-mail or upload.
func (r *reader) files(raw json.RawMessage) {
	files, err := objects(raw)
	if err != nil {
		r.fail("files: " + err.Error())
	}
	for _, file := range files {
		r.urls = append(r.urls, file.Text("document"), file.Text("annotation"), file.Text("queue"))
	}
}

// objects returns the entries of a list that are objects; none for other kinds.
func objects(raw json.RawMessage) (list []Object, err error) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, nil
	}
	s := &scanner{data: raw}
	err = s.array(func() error {
		if s.peek() != '{' {
			return s.skip()
		}
		object, err := s.members()
		list = append(list, object)
		return err
	})
	return list, err
}

// reader takes typed members out of an object and keeps the first error.
type reader struct {
	object Object
	path   string
	urls   []string
	err    error
}

func (r *reader) fail(reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s", r.path, reason)
	}
}

func (r *reader) text(key string) string {
	raw := r.object.Get(key)
	text, ok := textOf(raw)
	if !ok && len(raw) > 0 && string(raw) != "null" {
		r.fail(key + ": want a string")
	}
	return text
}

// url reads a URL. Where Rossum's reference contradicts itself on URL or
// object (upload), an object's own url is taken.
func (r *reader) url(key string) string {
	raw := r.object.Get(key)
	if len(raw) > 0 && raw[0] == '{' {
		s := &scanner{data: raw}
		object, err := s.members()
		if err != nil {
			r.fail(key + ": want a URL")
		}
		raw = object.Get("url")
	}
	text, ok := textOf(raw)
	switch {
	case ok:
		r.urls = append(r.urls, text)
	case len(raw) > 0 && string(raw) != "null":
		r.fail(key + ": want a URL")
	}
	return text
}

func (r *reader) id(key string) int64 {
	id, err := idOf(r.object.Get(key))
	if err != nil {
		r.fail(key + ": want a 64-bit integer")
	}
	return id
}
