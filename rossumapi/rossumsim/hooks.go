package rossumsim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// hookEvents are those a hook may subscribe to (API reference, Webhook Events).
func hookEvents() []string {
	return strings.Fields("annotation_status annotation_status.changed annotation_content annotation_content.initialize " +
		"annotation_content.started annotation_content.user_update annotation_content.updated annotation_content.confirm " +
		"annotation_content.export upload upload.created email email.received invocation invocation.scheduled invocation.manual")
}

// hideSecrets leaves out what is write-only, and the signing secret for users
// who are no admins.
func hideSecrets(hook map[string]any, user *entity) {
	hook["secrets"] = map[string]any{}
	config, isObject := hook["config"].(map[string]any)
	if !isObject {
		return
	}
	config = maps.Clone(config)
	delete(config, "client_ssl_key")
	if private, _ := config["private"].(bool); private || !isAdmin(user) {
		delete(config, "secret")
	}
	hook["config"] = config
}

func (s *Sim) createHook(r *request) answer {
	attrs, valid := r.object()
	if !valid {
		return badJSON()
	}
	for _, key := range []string{"name", "config"} {
		if attrs[key] == nil {
			return invalid(key, "This field is required.")
		}
	}
	if refusal := s.hookComplaint(attrs); refusal != nil {
		return *refusal
	}
	hook := s.add("hooks", attrs)
	hook.attrs["created_at"], hook.attrs["created_by"] = s.now(), r.user.text("url")
	s.linkHooks()
	return answer{status: http.StatusCreated, body: s.shownTo(r.user, hook)}
}

// patchHook replaces the given attributes. A private hook keeps its URL and
// secret.
func (s *Sim) patchHook(r *request) answer {
	hook := s.lookUp(r, "hooks")
	changes, valid := r.object()
	switch {
	case hook == nil:
		return notFound()
	case !valid:
		return badJSON()
	}
	if refusal := s.hookComplaint(changes); refusal != nil {
		return *refusal
	}
	if config, given := changes["config"].(map[string]any); given {
		old := hook.object("config")
		if private, _ := old["private"].(bool); private {
			config["private"], config["url"], config["secret"] = true, old["url"], old["secret"]
		}
		if _, given := config["secret"]; !given {
			config["secret"] = old["secret"] // whether config is merged is not documented
		}
	}
	s.update(hook, changes)
	hook.attrs["modified_at"], hook.attrs["modified_by"] = s.now(), r.user.text("url")
	s.linkHooks()
	return ok(s.shownTo(r.user, hook))
}

// hookComplaint checks what Rossum checks when a hook is saved.
func (s *Sim) hookComplaint(attrs map[string]any) *answer {
	refuse := func(field, text string) *answer { a := invalid(field, text); return &a }
	for _, event := range texts(attrs["events"]) {
		if !slices.Contains(hookEvents(), event) {
			return refuse("events", `"`+event+`" is not a valid choice.`)
		}
	}
	config, _ := attrs["config"].(map[string]any)
	limits := map[string]int{"timeout_s": 60, "retry_count": 4, "max_polling_time_s": 3600}
	for key, most := range limits {
		if intOf(config[key], 0) > most {
			return &answer{status: http.StatusBadRequest, body: map[string]any{"config": map[string]any{
				key: []string{"Ensure this value is less than or equal to " + jsonID(int64(most)) + "."}}}}
		}
	}
	if intOf(attrs["token_lifetime_s"], 0) > 7200 {
		return refuse("token_lifetime_s", "Ensure this value is less than or equal to 7200.")
	}
	if owner, given := attrs["token_owner"].(string); given && s.byURL(owner) == nil {
		return refuse("token_owner", "Invalid hyperlink - Object does not exist.")
	}
	if schema, given := attrs["secrets_schema"].(map[string]any); given && schema["additionalProperties"] == nil {
		return refuse("secrets_schema", "additionalProperties is required.")
	}
	return metadataComplaint(attrs)
}

// linkHooks lets queues know their hooks.
func (s *Sim) linkHooks() {
	for _, queue := range s.collections["queues"].items {
		links := []string{}
		for _, hook := range s.collections["hooks"].ordered() {
			if slices.Contains(hook.list("queues"), queue.text("url")) {
				links = append(links, hook.text("url"))
			}
		}
		queue.attrs["hooks"], queue.attrs["webhooks"] = links, links
	}
}

func (s *Sim) secretsKeys(r *request) answer {
	hook := s.lookUp(r, "hooks")
	if hook == nil {
		return notFound()
	}
	return ok(append([]string{}, slices.Sorted(maps.Keys(hook.object("secrets")))...))
}

// testHook calls the hook once with the given payload.
func (s *Sim) testHook(r *request) answer {
	var body struct {
		Payload json.RawMessage `json:"payload"`
		Config  map[string]any  `json:"config"`
	}
	if json.Unmarshal(r.data, &body) != nil {
		return badJSON()
	}
	if len(body.Payload) == 0 {
		return invalid("payload", "This field is required.")
	}
	s.mu.Lock()
	hook := s.lookUp(r, "hooks")
	config := map[string]any{}
	maps.Copy(config, hook.object("config"))
	maps.Copy(config, body.Config)
	s.mu.Unlock()
	if hook == nil {
		return notFound()
	}
	status, _, got, err := s.post(r.Context(), &entity{attrs: config}, 30*time.Second, body.Payload)
	switch {
	case err != nil:
		return invalid("non_field_errors", "Hook could not be called.")
	case !json.Valid(got):
		return ok(map[string]any{"response": string(got), "status_code": status})
	}
	return ok(map[string]any{"response": json.RawMessage(got), "status_code": status})
}

// invokeHook fires invocation.manual and returns what the hook answers.
func (s *Sim) invokeHook(r *request) answer {
	extra, valid := r.object()
	if !valid {
		return badJSON()
	}
	s.mu.Lock()
	hook := s.lookUp(r, "hooks")
	events := hook.list("events")
	var call *HookCall
	if hook != nil {
		payload := s.commonPayload(hook, "invocation", "manual")
		maps.Copy(payload, extra)
		call = s.newCall(hook, "invocation", "manual", payload)
	}
	s.mu.Unlock()
	switch {
	case hook == nil:
		return notFound()
	case !slices.Contains(events, "invocation.manual") && !slices.Contains(events, "invocation"):
		return invalid("non_field_errors", "Hook does not listen to invocation.manual.")
	}
	got := s.deliver(r.Context(), call)
	if got.failure != "" || !json.Valid(got.body) {
		return invalid("non_field_errors", "Hook call failed.")
	}
	return ok(json.RawMessage(got.body))
}

// generatePayload shows what the hook would be sent: secrets redacted, token
// of the caller.
func (s *Sim) generatePayload(r *request) answer {
	hook := s.lookUp(r, "hooks")
	body, valid := r.object()
	switch {
	case hook == nil:
		return notFound()
	case !valid:
		return badJSON()
	}
	fields := &entity{attrs: body}
	event, action := fields.text("event"), fields.text("action")
	payload := s.commonPayload(hook, event, action)
	if strings.HasPrefix(event, "annotation_") {
		_, id, _ := splitURL(fields.text("annotation"))
		a := s.annotations[id]
		if a == nil {
			return invalid("annotation", "Invalid hyperlink - Object does not exist.")
		}
		payload = s.annotationPayload(hook, a, event, action)
		attrs, _ := payload["annotation"].(map[string]any)
		if event == "annotation_content" {
			payload = s.contentPayload(hook, a, event, action, nil)
			attrs, _ = payload["annotation"].(map[string]any)
		}
		for _, key := range []string{"status", "previous_status"} {
			if fields.text(key) != "" {
				attrs[key] = fields.text(key)
			}
		}
	}
	payload["request_id"] = s.uuid()
	payload["rossum_authorization_token"] = r.auth.key
	redacted := map[string]any{}
	for key := range hook.object("secrets") {
		redacted[key] = "[redacted...]"
	}
	payload["secrets"] = redacted
	return ok(payload)
}

// FireScheduled calls a hook with invocation.scheduled, as its schedule would.
func (s *Sim) FireScheduled(hookID int64) error {
	return s.Fire(hookID, []byte(`{"event":"invocation","action":"scheduled"}`))
}

// Fire calls a hook with a payload of any event, for instance one the
// simulator has no part in, such as email.received. What every payload has
// (ids, token, base_url, settings, secrets) is replaced; links are translated.
// The answer changes nothing.
func (s *Sim) Fire(hookID int64, payload []byte) error {
	members := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return fmt.Errorf("rossum simulator: payload: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	hook := s.collections["hooks"].items[hookID]
	if hook == nil {
		return fmt.Errorf("rossum simulator: no hook %d", hookID)
	}
	given := &entity{attrs: members}
	event, action := given.text("event"), given.text("action")
	if base := given.text("base_url"); base != "" {
		takeover{sim: s, base: base}.relinkAll(members)
	}
	delete(members, "rossum_authorization_token")
	maps.Copy(members, s.commonPayload(hook, event, action))
	call := s.newCall(hook, event, action, members)
	s.spawn(func(ctx context.Context) { s.deliver(ctx, call) })
	return nil
}
