package rossumsim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// HookCall is one call of a hook with all its attempts.
type HookCall struct {
	ID         int // position in the order of calls, from 1
	HookID     int64
	Event      string // such as "annotation_content.export"
	Annotation int64  // 0 for events without one
	RequestID  string // of the last attempt
	Attempts   int
	Polls      int
	StatusCode int    // of the last attempt, 0 for none
	Done       bool   // no more attempts or polls follow
	Failure    string // why the call failed, "" if it did not
	Body       []byte // of the last attempt
	Response   []byte // the accepted answer

	hook    *entity
	payload map[string]any
	copy    bool // a duplicate, which no fault disturbs
}

// hookAnswer is what a call came to.
type hookAnswer struct {
	call     *HookCall
	failure  string
	body     json.RawMessage
	response rossumapi.HookResponse
}

// subscribed returns the active hooks of a queue for an event; mu must be held.
// Events without a queue pass "".
func (s *Sim) subscribed(queue, event, action string) []*entity {
	var found []*entity
	for _, hook := range s.collections["hooks"].ordered() {
		events := hook.list("events")
		wants := slices.Contains(events, event) || slices.Contains(events, event+"."+action)
		ofQueue := event == "invocation" || slices.Contains(hook.list("queues"), queue)
		if wants && ofQueue && hook.flag("active") && hook.text("type") == "webhook" {
			found = append(found, hook)
		}
	}
	return found
}

// interactive events have a user waiting: they are never repeated.
func interactive(event, action string) bool {
	switch event + "." + action {
	case "annotation_content.started", "annotation_content.updated", "annotation_content.user_update",
		"annotation_content.confirm", "invocation.manual":
		return true
	}
	return false
}

// fire calls the status hooks in the background; the answers are ignored. mu
// must be held: the payload is a snapshot of this moment.
func (s *Sim) fire(a *annotation, event, action string) {
	for _, hook := range s.subscribed(a.text("queue"), event, action) {
		call := s.newCall(hook, event, action, s.annotationPayload(hook, a, event, action))
		s.spawn(func(ctx context.Context) { s.deliver(ctx, call) })
	}
}

// kept bounds what a simulator remembers of the past: calls, logs, tokens.
const kept = 10_000

// newCall records a call to come; mu must be held.
func (s *Sim) newCall(hook *entity, event, action string, payload map[string]any) *HookCall {
	call := &HookCall{HookID: hook.id, Event: event + "." + action, hook: hook, payload: payload}
	if a, isObject := payload["annotation"].(map[string]any); isObject {
		call.Annotation, _ = a["id"].(int64)
	}
	s.remember(call)
	return call
}

func (s *Sim) remember(call *HookCall) {
	s.lastCall++
	call.ID = s.lastCall
	if s.calls = append(s.calls, call); len(s.calls) > kept {
		s.calls = slices.Delete(s.calls, 0, 1)
	}
}

// deliver makes all attempts of a call, and polls if asked to. It sleeps by
// the clock between them.
func (s *Sim) deliver(ctx context.Context, call *HookCall) hookAnswer {
	event, action, _ := strings.Cut(call.Event, ".")
	config := &entity{attrs: call.hook.object("config")}
	attempts := 1
	if !interactive(event, action) {
		attempts += config.number("retry_count", 4)
	}
	answer := hookAnswer{call: call}
	if !s.disturb(ctx, call) {
		attempts = 0
	}
	for attempt := range attempts {
		var again bool
		if again, answer = s.attempt(ctx, call, attempt); !again || ctx.Err() != nil {
			break
		}
		if answer.failure != pollingFailed && attempt+1 < attempts {
			spacing := s.options.RetrySpacing
			if s.clock.sleep(ctx, spacing[min(attempt, len(spacing)-1)]) != nil {
				break
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	call.Done, call.Failure, call.Response = true, answer.failure, answer.body
	if s.options.LogPerCall {
		s.log(call)
	}
	return answer
}

// pollingFailed is followed by the original call at once.
const pollingFailed = "polling failed"

// attempt calls the hook once and tells whether to call it again.
func (s *Sim) attempt(ctx context.Context, call *HookCall, n int) (again bool, answer hookAnswer) {
	answer.call = call
	s.mu.Lock()
	body, issued := s.encode(call, n)
	config := &entity{attrs: call.hook.object("config")}
	timeout := time.Duration(config.number("timeout_s", 30)) * time.Second
	s.mu.Unlock()
	status, header, got, err := s.post(ctx, config, timeout, body)
	event, action, _ := strings.Cut(call.Event, ".")
	asynchronous := err == nil && status == http.StatusAccepted && !interactive(event, action) && header.Get("Location") != ""

	s.mu.Lock()
	call.StatusCode = status
	if !asynchronous || !s.options.KeepTokenWhilePolling {
		revoke(issued, call.hook)
	}
	if !s.options.LogPerCall {
		s.log(call)
	}
	s.mu.Unlock()

	if asynchronous {
		got, again = s.poll(ctx, call, config, header.Get("Location"))
		s.mu.Lock()
		revoke(issued, call.hook)
		s.mu.Unlock()
		if got == nil {
			answer.failure = pollingFailed
			return again, answer
		}
		status = http.StatusCreated
	}
	return s.judge(status, got, err, config, answer)
}

// judge reads an answer by the rules of the fact sheet, sections 8.6 and 8.7.
func (s *Sim) judge(status int, got []byte, err error, config *entity, answer hookAnswer) (again bool, _ hookAnswer) {
	switch {
	case err != nil:
		answer.failure = "hook could not be called"
		return true, answer
	case status/100 != 2:
		answer.failure = fmt.Sprintf("hook answered %d", status)
		return config.flag("retry_on_any_non_2xx") || retriedStatus(status), answer
	}
	answer.body = got
	if len(bytes.TrimSpace(got)) == 0 {
		return false, answer
	}
	if json.Unmarshal(got, &answer.response) != nil {
		answer.failure = "hook answered something else than JSON"
	}
	return false, answer
}

func retriedStatus(status int) bool {
	switch status {
	case 408, 429, 500, 502, 503, 504:
		return true
	}
	return false
}

// encode makes the body of an attempt with its own token and request id; mu
// must be held.
func (s *Sim) encode(call *HookCall, n int) ([]byte, *token) {
	if call.RequestID == "" || n > 0 && s.options.NewRequestID {
		call.RequestID = s.uuid()
	}
	call.payload["request_id"] = call.RequestID
	var issued *token
	key, _ := call.payload["rossum_authorization_token"].(string)
	if owner := s.byURL(call.hook.text("token_owner")); owner != nil {
		if issued = s.tokens[key]; n == 0 || !s.options.SameToken {
			issued = s.newToken(owner, time.Duration(call.hook.number("token_lifetime_s", 600))*time.Second)
		}
		issued.revoked = false
		call.payload["rossum_authorization_token"] = issued.key
	}
	body, err := json.Marshal(call.payload)
	if err != nil {
		panic(err) // made of decoded JSON
	}
	call.Body, call.Attempts = body, n+1
	return body, issued
}

// revoke ends a hook token when Rossum has the answer, unless the hook has a
// lifetime for it.
func revoke(issued *token, hook *entity) {
	if issued != nil && hook.attrs["token_lifetime_s"] == nil {
		issued.revoked = true
	}
}

// post sends a signed body to the hook's URL.
func (s *Sim) post(ctx context.Context, config *entity, timeout time.Duration, body []byte) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.clock.timeout(timeout))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, config.text("url"), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	r.GetBody = nil // an attempt is one request
	r.Header.Set("Content-Type", "application/json")
	if secret := config.text("secret"); secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		r.Header.Set("X-Rossum-Signature-SHA256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return s.exchange(r)
}

func (s *Sim) exchange(r *http.Request) (int, http.Header, []byte, error) {
	const maxAnswer = 16 << 20
	response, err := s.hooks.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, response.Header, got, err
}

// poll asks the Location every 30 seconds for the result (API reference,
// asynchronous hooks). Without one it returns nil and whether to call again.
func (s *Sim) poll(ctx context.Context, call *HookCall, config *entity, location string) (got []byte, again bool) {
	const interval = 30 * time.Second
	most := 300 * time.Second
	again = true
	if call.Event == "upload.created" || call.Event == "invocation.scheduled" {
		most = time.Duration(config.number("max_polling_time_s", 300)) * time.Second
		if retry, given := config.attrs["retry_after_polling_failure"].(bool); given {
			again = retry
		}
	}
	timeout := time.Duration(config.number("timeout_s", 30)) * time.Second
	for waited := time.Duration(0); ; waited += interval {
		if waited > 0 || s.options.PollAtOnce {
			status, body := s.pollOnce(ctx, call, timeout, location)
			switch {
			case status == http.StatusCreated, status == http.StatusOK && s.options.PollOKEnds:
				return append([]byte{}, body...), false
			case status >= 400 && !retriedStatus(status):
				return nil, again
			}
		}
		if waited+interval > most || s.clock.sleep(ctx, interval) != nil {
			return nil, again
		}
	}
}

// pollOnce returns status 0 if the poll was not answered: Rossum goes on.
func (s *Sim) pollOnce(ctx context.Context, call *HookCall, timeout time.Duration, location string) (int, []byte) {
	s.mu.Lock()
	call.Polls++
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.clock.timeout(timeout))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil || !r.URL.IsAbs() {
		return http.StatusBadRequest, nil
	}
	status, _, body, err := s.exchange(r)
	if err != nil {
		return 0, nil
	}
	return status, body
}
