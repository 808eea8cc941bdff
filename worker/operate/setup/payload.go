package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// PayloadOf says of which event a payload is wanted. Ids that the event has nothing to do with are 0.
type PayloadOf struct {
	Event                     string // annotation_content.export
	Annotation, Upload, Email int64
	// Status and PreviousStatus of the annotation. Default to what the event usually finds.
	Status, PreviousStatus string
}

// Payload is what Rossum would send to a hook, without token, the values of secrets being empty: Rossum puts the caller's
// own token there and redacts the secrets.
func (s *Setup) Payload(ctx context.Context, h rossumapi.Hook, of PayloadOf) (json.RawMessage, error) {
	event, action, ok := strings.Cut(of.Event, ".")
	if !ok {
		return nil, fmt.Errorf("%q is no event such as annotation_content.export", of.Event)
	}
	want := rossumapi.PayloadRequest{Event: event, Action: action, Status: of.Status, PreviousStatus: of.PreviousStatus}
	if strings.HasPrefix(event, "annotation") {
		if of.Annotation == 0 {
			return nil, fmt.Errorf("an annotation is needed for %s", of.Event)
		}
		a, err := s.client.Annotation(ctx, of.Annotation)
		if err != nil {
			return nil, fmt.Errorf("annotation %d: %w", of.Annotation, err)
		}
		want.Annotation = a.URL
		if want.Status == "" {
			want.Status, want.PreviousStatus = usualStatus(of.Event, a.Status, want.PreviousStatus)
		}
	}
	if of.Upload != 0 {
		want.Upload = s.client.URL("uploads/" + strconv.FormatInt(of.Upload, 10))
	}
	if of.Email != 0 {
		want.Email = s.client.URL("emails/" + strconv.FormatInt(of.Email, 10))
	}
	raw, err := s.client.GeneratePayload(ctx, h.ID, want)
	if err != nil {
		return nil, fmt.Errorf("payload of hook %d: %w", h.ID, err)
	}
	return withoutCredentials(raw)
}

// usualStatus is what annotations have while an event is sent (Rossum API reference, Webhook payloads).
func usualStatus(event, current, previous string) (status, before string) {
	switch event {
	case "annotation_content.export":
		return rossumapi.StatusExporting, rossumapi.StatusReviewing
	case "annotation_content.initialize":
		return rossumapi.StatusImporting, rossumapi.StatusCreated
	}
	return current, previous
}

// withoutCredentials drops the token and empties the secrets, keeping everything else as Rossum wrote it.
func withoutCredentials(raw json.RawMessage) (json.RawMessage, error) {
	var payload rossumapi.Object
	if err := json.Unmarshal(raw, &payload); err != nil {
		return nil, fmt.Errorf("generated payload: %w", err)
	}
	payload = slices.DeleteFunc(payload, func(m rossumapi.Member) bool { return m.Key == "rossum_authorization_token" })
	for i := range payload {
		if payload[i].Key == "secrets" {
			payload[i].Value = json.RawMessage("{}")
		}
	}
	return payload.MarshalJSON()
}

// ErrNoAnnotation means that the queues of a hook have no annotation to try it with.
var ErrNoAnnotation = errors.New("the queues of the hook have no annotation to try it with")

// Test lets Rossum call a hook in its check mode, which stores nothing, and returns the relay's answer. Without an
// annotation the newest of the hook's queues is taken. The secret signs the call.
func (s *Setup) Test(ctx context.Context, h rossumapi.Hook, of PayloadOf, secret string) (json.RawMessage, error) {
	if of.Annotation == 0 && strings.HasPrefix(of.Event, "annotation") {
		var err error
		if of.Annotation, err = s.newest(ctx, h); err != nil {
			return nil, err
		}
	}
	payload, err := s.Payload(ctx, h, of)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(h.Config.Text("url"))
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("hook %d has no address to call", h.ID)
	}
	query := address.Query()
	query.Set("mode", "check")
	address.RawQuery = query.Encode()
	config := map[string]any{}
	for _, m := range h.Config {
		config[m.Key] = m.Value
	}
	config["url"] = address.String()
	if secret != "" {
		config["secret"] = secret
	}
	answer, err := s.client.TestHook(ctx, h.ID, payload, config)
	if err != nil {
		return nil, fmt.Errorf("test of hook %d: %w", h.ID, err)
	}
	return answer, nil
}

// newest is the annotation of the hook's queues that came last.
func (s *Setup) newest(ctx context.Context, h rossumapi.Hook) (int64, error) {
	ids := make([]string, 0, len(h.Queues))
	for _, link := range h.Queues {
		id, err := rossumapi.IDFromURL(link)
		if err != nil {
			return 0, fmt.Errorf("queue of hook %d: %w", h.ID, err)
		}
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	if len(ids) == 0 {
		return 0, ErrNoAnnotation
	}
	query := url.Values{"queue": {strings.Join(ids, ",")}, "ordering": {"-created_at"}, "page_size": {"1"}}
	for a, err := range s.client.Annotations(ctx, query) {
		if err != nil {
			return 0, fmt.Errorf("annotations of hook %d: %w", h.ID, err)
		}
		return a.ID, nil
	}
	return 0, ErrNoAnnotation
}
