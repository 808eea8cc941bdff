package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// Send is one prepared send: what goes to the target, and how its answer is judged. It belongs to its run's Scope and is
// not safe for concurrent use.
type Send struct {
	Step   *Step
	Target string
	// BaseURL is the target's base URL for this run, "" for targets without one.
	BaseURL string
	// Headers are the target's own headers for this run; httptarget.Options takes them.
	Headers http.Header
	// Key names the side effect in the ledger; empty for repeatable sends.
	Key []string
	// Fingerprint is a hash of the mapped values, the same however often the run is repeated.
	Fingerprint string
	Request     target.Request
	// Document is what is sent; its Body is Request.Body.
	Document document.Document
	// Notes tell what was dropped, replaced or derived in the document and in documents sent as files.
	Notes []string
	// Messages are warnings about the document, for the reviewer.
	Messages []rossumapi.Message
	// Repeatable sends have no ledger entry and may be sent again.
	Repeatable bool

	scope *Scope
}

// sendCode is a compiled send.
type sendCode struct {
	target   *targetCode
	method   string
	path     *pathTemplate
	query    []named
	headers  []named
	form     []named
	files    []named
	key      []*code
	ok       *code
	outcomes []outcomeRule
	keep     []named
	find     *findCode
	fields   []fieldRule
}

func (c *compiler) send(s *Step, t *targetCode, n names) *sendCode {
	cfg := &s.Config
	if t == nil {
		return nil // an unknown target, reported when the configuration was loaded
	}
	method, path := cfg.Request()
	judging := n.judging("response", "hit")
	code := &sendCode{
		target: t, method: method, path: c.pathTemplate(s.path+".path", path, n, !t.http),
		query: c.all(s.path+".query", cfg.Query, n), headers: c.all(s.path+".headers", cfg.Headers, n),
		form: c.all(s.path+".form", cfg.Form, n), files: c.exprs(s.path+".files", cfg.Files, n),
		key: c.keys(s.path+".key", cfg.Key, n),
		ok:  c.expr(s.path+".ok", cfg.OK, n.judging("response")), outcomes: c.outcomes(s.path+".outcomes", cfg.Outcomes, n.judging("response")),
		keep: c.exprs(s.path+".keep", cfg.Keep, judging), fields: c.fieldRules(s.pipeline),
	}
	if method == "" {
		code.method = http.MethodPut // targets without methods
	}
	if cfg.Find != nil {
		code.find = c.find(s.path+".find", cfg.Find, t, n)
	}
	return code
}

// codes visits the code that decides what is sent, but not where to.
func (s *sendCode) codes(visit func(*code)) {
	if s == nil {
		return
	}
	for _, list := range [][]named{s.query, s.form, s.files} {
		for _, n := range list {
			visit(n.code)
		}
	}
}

// PrepareSend makes the request of a send step, without sending it. Errors that are a matter of the document or the
// configuration are *outcome.Error.
func (s *Step) PrepareSend(ctx context.Context, scope *Scope) (*Send, error) {
	f := scope.live.frame(ctx)
	send := &Send{Step: s, Target: s.Target, scope: scope, Repeatable: s.Config.Repeatable || s.send.method == http.MethodGet}
	var err error
	if send.BaseURL, send.Headers, err = s.send.target.base(f); err != nil {
		return nil, err
	}
	var key []string
	if !send.Repeatable || s.Config.IdempotencyHeader != "" {
		if key, err = s.key(ctx, scope, f); err != nil {
			return nil, err
		}
	}
	if !send.Repeatable {
		send.Key = key
	}
	live, stable := &docValue{}, (*docValue)(nil)
	if s.document != nil {
		if live, stable, err = s.document.both(ctx, scope, s.pipeline.own); err != nil {
			return nil, err
		}
		send.Document, send.Messages = live.doc, live.messages
	}
	if err := s.request(f, send, live); err != nil {
		return nil, err
	}
	send.Notes = append(notesOf(f, s.send.files), live.doc.Notes...)
	if name := s.Config.IdempotencyHeader; name != "" {
		send.Request.Header.Set(name, idempotencyKey(s.Target, key))
	}
	send.Fingerprint, err = s.fingerprint(ctx, scope, send, stable)
	return send, err
}

// key is the step's own key, else the pipeline's and the step's name.
func (s *Step) key(ctx context.Context, scope *Scope, f *frame) ([]string, error) {
	if len(s.send.key) > 0 {
		return keyOf(f, s.send.key)
	}
	key, err := s.pipeline.Key(ctx, scope)
	return append(key, s.Name), err
}

// request makes the request with the document.
func (s *Step) request(f *frame, send *Send, doc *docValue) error {
	path, query, err := s.send.path.build(f)
	if err != nil {
		return err
	}
	req := target.Request{
		Method: s.send.method, Path: path, Body: send.Document.Body, ContentType: send.Document.ContentType,
		Safe: send.Repeatable || isIdempotent(s.send.method), Timeout: s.timeout(),
	}
	if req.Query, err = valuesOf(f, s.send.query); err != nil {
		return err
	}
	req.Query = merge(query, req.Query)
	if req.Header, err = headerOf(f, s.send.headers); err != nil {
		return err
	}
	if req.Form, err = valuesOf(f, s.send.form); err != nil {
		return err
	}
	if req.Files, err = filesOf(f, s.send.files); err != nil {
		return err
	}
	switch { // what is streamed; files: excludes a document
	case doc.file != nil:
		req.Files = []target.File{doc.file.part("")}
	case len(doc.doc.Inserts) > 0:
		req.Body, req.Files = nil, []target.File{doc.part("")}
	}
	send.Request = req
	return nil
}

// timeout of one attempt: the step's, else the target's.
func (s *Step) timeout() time.Duration {
	if own := s.Config.Timeout.D(); own > 0 {
		return own
	}
	return s.send.target.timeout
}

// isIdempotent tells the methods whose repetition leaves what one call would (RFC 9110, 9.2.2).
func isIdempotent(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodPut || method == http.MethodDelete
}

func merge(a, b url.Values) url.Values {
	if len(a) == 0 {
		return b
	}
	for name, values := range b {
		a[name] = values
	}
	return a
}

// itemsOf are the values a parameter stands for: none for null, the items of a list, else itself.
func itemsOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case *jinja.List:
		items := make([]any, 0, v.Len())
		for _, item := range v.All() {
			items = append(items, item)
		}
		return items
	}
	return []any{v}
}

// filesOf evaluates the parts of a multipart body: document.original or a step's document. Null leaves one out.
func filesOf(f *frame, list []named) ([]target.File, error) {
	var files []target.File
	for _, p := range list {
		v, err := p.value(f)
		if err != nil {
			return nil, err
		}
		for _, item := range itemsOf(v) {
			switch item := item.(type) {
			case *file:
				files = append(files, item.part(p.name))
			case *docValue:
				files = append(files, item.part(p.name))
			default:
				return nil, outcome.Errorf(outcome.Misconfigured, "not_a_file", "%s (%s): a file is needed here, such as document.original or steps.NAME, not %s", p.path, p.pos, kindOf(item))
			}
		}
	}
	return files, nil
}

// notesOf are the notes of documents that are sent as files.
func notesOf(f *frame, list []named) (notes []string) {
	for _, p := range list {
		v, err := p.value(f)
		if err != nil {
			continue // told by filesOf
		}
		for _, item := range itemsOf(v) {
			if d, ok := item.(*docValue); ok {
				notes = append(notes, d.doc.Notes...)
			}
		}
	}
	return notes
}

// idempotencyKey is the key of a send in the form of a UUID (RFC 9562, version 8), which every ERP with such a header takes.
func idempotencyKey(target string, key []string) string {
	h := newHash()
	h.text(target)
	for _, part := range key {
		h.text(part)
	}
	sum := h.sum()
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
