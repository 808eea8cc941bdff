package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	eventExport = "annotation_content.export"
	eventEmail  = "email.received"
	eventManual = "invocation.manual"
)

// call is one verified call. Its body and all of the envelope's raw members are gone once it is stored.
type call struct {
	table    *table
	hook     *hook
	envelope rossumapi.Envelope
	name     string // event.action
	key      run.EventKey
	body     []byte
	routes   []route
	line     *line
}

// postHook takes one call of Rossum.
func (s *Server) postHook(r *http.Request, name string, l *line) reply {
	t := s.table.Load()
	h := t.hooks[name]
	if h == nil {
		return refuse(http.StatusNotFound, unknownHook, "there is no such hook", nil)
	}
	l.hook = name
	if r.Method != http.MethodPost {
		return refuseMethod(http.MethodPost)
	}
	if !s.knowsCaller(r) {
		return refuse(http.StatusForbidden, noClientCert, "the call shows no client certificate", nil)
	}
	check, err := checkMode(r.URL.RawQuery)
	if err != nil {
		return refuse(http.StatusBadRequest, wrongMode, err.Error(), err)
	}
	if s.draining() {
		return refuse(http.StatusServiceUnavailable, draining, "stopping; call again", nil)
	}
	event, out := s.take(r, &call{table: t, hook: h, line: l}, check)
	if event == nil {
		return out
	}
	return s.answer(r, t, event, out)
}

// checkMode reads the query of a hook's URL. A mode it does not know is refused: taking the call for a real one might
// deliver what was meant as a try.
func checkMode(query string) (check bool, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false, errors.New("the query of the hook's URL cannot be read")
	}
	switch values.Get("mode") {
	case "":
		return false, nil
	case "check":
		return true, nil
	}
	return false, errors.New("the only mode is check")
}

// accepted is a stored event that Rossum may wait for.
type accepted struct {
	answer.Event
	hold time.Duration
}

// take reads, verifies, routes and stores a call; the body is free again when it returns. The event is nil if the
// reply says all.
func (s *Server) take(r *http.Request, c *call, check bool) (*accepted, reply) {
	b, err := s.bodies.read(r.Body, r.ContentLength, c.table.maxBody)
	if err != nil {
		return nil, bodyRefusal(err)
	}
	defer b.release()
	c.body, c.line.bytes = b.data, len(b.data)
	if refusal, ok := c.verify(r.Header); !ok {
		return nil, refusal
	}
	// Storing goes on when Rossum hangs up: the call it repeats finds it done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeWithin)
	defer cancel()
	c.routes = s.routes(ctx, c.table, c.hook, c.envelope)
	if check {
		return nil, s.check(ctx, c)
	}
	if len(c.routes) == 0 {
		return nil, s.unroute(ctx, c)
	}
	if refusal, ok := s.quota(ctx, c); !ok {
		return nil, refusal
	}
	event, err := s.keep(ctx, c)
	if err != nil {
		return nil, storeRefusal(err)
	}
	return &accepted{Event: event, hold: hold(c.routes)}, acceptReply(c.name, event.Files)
}

func bodyRefusal(err error) reply {
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, tooLarge, err.Error(), nil)
	case errors.Is(err, errBusy):
		return refuse(http.StatusServiceUnavailable, tooBusy, "busy; call again", nil)
	}
	// 408 rather than 400, which Rossum would not repeat.
	return refuse(http.StatusRequestTimeout, incomplete, "the body did not come whole", err)
}

// verify checks signature, form and addresses, in this order, and names the event.
func (c *call) verify(header http.Header) (refusal reply, ok bool) {
	if !c.hook.verify(header, c.body) {
		return refuse(http.StatusUnauthorized, badSignature, "the signature is missing or wrong", nil), false
	}
	var err error
	if c.envelope, err = rossumapi.DecodeEnvelope(c.body); err != nil {
		return refuse(http.StatusBadRequest, badPayload, err.Error(), err), false
	}
	c.name = c.envelope.Name()
	c.line.event = c.name
	if err := c.hook.checkURLs(c.envelope); err != nil {
		return refuse(http.StatusForbidden, foreignURL, "the call is not from the configured Rossum", err), false
	}
	c.key = answer.EventKey(c.hook.name, c.envelope)
	c.line.key, c.line.annotation = c.key, c.envelope.Annotation.ID
	return reply{}, true
}

// quota refuses a new event whose lane is full. A call that joins brings nothing new.
func (s *Server) quota(ctx context.Context, c *call) (refusal reply, ok bool) {
	for _, r := range c.routes {
		full, err := s.full(ctx, r)
		if err != nil {
			return storeRefusal(err), false
		}
		if !full {
			continue
		}
		joins, err := s.store.Joins(ctx, c.key)
		if err != nil {
			return storeRefusal(err), false
		}
		if !joins {
			return refuse(http.StatusServiceUnavailable, backlogFull, "the backlog of "+r.name+" is full; call again", nil), false
		}
	}
	return reply{}, true
}

func (s *Server) full(ctx context.Context, r route) (bool, error) {
	if r.pipeline.Backlog <= 0 {
		return false, nil
	}
	_, stored, err := s.queue.Backlog(ctx, r.name)
	return stored >= int64(r.pipeline.Backlog), err
}

func storeRefusal(err error) reply {
	if errors.Is(err, queue.ErrFull) {
		return refuse(http.StatusServiceUnavailable, queueFull, "the queue is full; call again", err)
	}
	return refuse(http.StatusServiceUnavailable, notStored, "the event cannot be stored now; call again", err)
}

// keep stores the call: the event's record first, then the message of each of its runs. A call that dies in between is
// completed by the next one, which joins.
func (s *Server) keep(ctx context.Context, c *call) (answer.Event, error) {
	e := &c.envelope
	queueID, _ := rossumapi.IDFromURL(first(e.Queues())) // 0 where the event has none
	record := answer.Call{
		Key: c.key, Hook: c.hook.name, Name: c.name, Annotation: e.Annotation.ID, Queue: queueID, BaseURL: e.BaseURL,
		RequestID: e.RequestID, Sent: e.Timestamp, Token: e.Token, Runs: runs(c.routes, c.name), Within: within(c.routes),
	}
	if c.name == eventEmail {
		record.Files = e.Files
	}
	if c.mustBeTaken() {
		record.NotTaken = c.notTaken()
	}
	event, opened, err := s.store.Join(ctx, record)
	if err != nil {
		return event, err
	}
	c.line.result, c.line.generation = "joined", event.Generation
	if opened {
		c.line.result = "opened"
	}
	ctx = s.beginSpan(ctx, c.line, "POST "+pathHook)
	for _, ref := range event.Runs {
		if err := s.publish(ctx, c, event.Generation, ref, opened); err != nil {
			return event, err
		}
	}
	return event, nil
}

// publish stores the first message of a run. For a call that joined it is stored already, unless an earlier call died
// before it, or the run is settled.
func (s *Server) publish(ctx context.Context, c *call, generation int, ref answer.RunRef, opened bool) error {
	if !opened {
		if _, err := s.store.Result(ctx, ref.ID); !errors.Is(err, answer.ErrNotFound) {
			return err
		}
	}
	if ref.InOrder && c.envelope.Annotation.ID != 0 {
		place := answer.Place{Pipeline: ref.Pipeline, Event: c.name, Annotation: c.envelope.Annotation.ID, Run: ref.ID, Version: c.version()}
		if err := s.store.LineUp(ctx, place); err != nil {
			return err
		}
	}
	p, err := s.queue.StorePayload(ctx, ref.ID, c.body)
	if err != nil {
		return err
	}
	m := c.message(ref.ID, ref.Pipeline, generation, s.now())
	m.SetTrace(ctx)
	stored, err := s.queue.Publish(ctx, ref.Lane, m, p)
	// An error other than "full" leaves open whether the message is there: it keeps its payload.
	if (err == nil && !stored) || errors.Is(err, queue.ErrFull) {
		err = errors.Join(err, s.queue.DropPayload(ctx, p))
	}
	return err
}

// version orders events of one annotation: its modified_at, else the time of the call.
func (c *call) version() time.Time {
	if v, err := time.Parse(time.RFC3339Nano, c.envelope.Annotation.ModifiedAt); err == nil {
		return v
	}
	return c.envelope.Timestamp
}

func (c *call) message(id run.ID, pipeline string, generation int, now time.Time) queue.Envelope {
	return queue.Envelope{
		Run: id, Pipeline: pipeline, Hook: c.hook.name, Event: c.name, Key: c.key,
		Annotation: c.envelope.Annotation.ID, Generation: generation, Received: now,
	}
}

// unroute keeps a call that no pipeline takes.
func (s *Server) unroute(ctx context.Context, c *call) reply {
	id := run.NewID(c.key, "", 1)
	if err := s.queue.Unroute(ctx, c.message(id, "unrouted", 1, s.now()), c.body); err != nil {
		return storeRefusal(err)
	}
	c.line.result = "unrouted"
	if !c.mustBeTaken() {
		return acceptReply(c.name, bytes.Clone(c.envelope.Files))
	}
	return encodeReply(http.StatusOK, answer.Answer{Response: rossumapi.HookResponse{Messages: []rossumapi.Message{rossumapi.Error(c.notTaken())}}})
}

// mustBeTaken: an export that nobody delivers must not look exported.
func (c *call) mustBeTaken() bool {
	return c.name == eventExport && c.hook.unrouted != configs.UnroutedAccept
}

func (c *call) notTaken() string {
	return "not delivered: no pipeline of the hook " + c.hook.name + " takes exports of this queue"
}

// acceptReply is the answer to an event that is processed later. Rossum makes annotations only of the files that the
// answer to email.received lists (API reference, email.received).
func acceptReply(name string, files json.RawMessage) reply {
	if name != eventEmail || len(files) == 0 {
		return reply{status: http.StatusOK, body: []byte(empty)}
	}
	return encodeReply(http.StatusOK, answer.Answer{Response: rossumapi.HookResponse{Files: files}})
}

func encodeReply(status int, a answer.Answer) reply {
	body, err := a.Encode()
	if err != nil {
		return refuse(http.StatusServiceUnavailable, notStored, "the answer cannot be written", err)
	}
	return reply{status: status, body: body}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
