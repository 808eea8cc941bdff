package rossumsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// raw sends a request without the client and returns status and body.
func (w *world) raw(method, path, token, contentType, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, method, w.BaseURL()+"/api/v1/"+path, strings.NewReader(body))
	w.must(err)
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(r)
	w.must(err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	w.must(err)
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, string(got)
}

func TestRow01_Login(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	c := w.client("")
	key, err := c.Login(w.ctx, "admin@acme.example", "correct horse", time.Hour)
	w.must(err)
	for _, scheme := range []string{"Bearer", "Token", "token"} {
		if status, body := w.raw("GET", "auth/user", scheme+" "+key, "", ""); status != 200 || strings.Contains(body, "correct horse") {
			t.Errorf("%s: %d %s", scheme, status, body)
		}
	}
	form := url.Values{"username": {"admin@acme.example"}, "password": {"correct horse"}, "max_token_lifetime_s": {"60"}}
	status, body := w.raw("POST", "auth/login", "", "application/x-www-form-urlencoded", form.Encode())
	var answer struct{ Key, Domain string }
	if json.Unmarshal([]byte(body), &answer) != nil || status != 200 || answer.Key == key || answer.Domain == "" {
		t.Fatalf("%d %s", status, body)
	}
	if _, err := c.Login(w.ctx, "admin@acme.example", "wrong", 0); !rossumapi.IsUnauthorized(err) {
		t.Errorf("wrong password: %v", err)
	}
	if status, body := w.raw("POST", "auth/login", "", "application/json", `{"username":"x"}`); status != 400 || body != `{"password":["required"]}` {
		t.Errorf("no password: %d %s", status, body)
	}
	if status, _ := w.raw("GET", "auth/user", "", "", ""); status != 403 {
		t.Errorf("no token: %d", status)
	}
	w.advance(time.Minute)
	if status, body := w.raw("GET", "auth/user", "Bearer "+answer.Key, "", ""); status != 401 || !strings.Contains(body, "authentication_failed") {
		t.Errorf("expired token: %d %s", status, body)
	}
	w.must(w.client(key).Logout(w.ctx))
	if _, err := w.client(key).CurrentUser(w.ctx); !rossumapi.IsUnauthorized(err) {
		t.Errorf("after logout: %v", err)
	}
}

func TestRow01_PasswordTokenLogsInAgain(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	source := &rossumapi.PasswordToken{Client: w.client(""), Username: "admin@acme.example", Password: "correct horse", Lifetime: time.Minute}
	c, err := rossumapi.New(rossumapi.Options{BaseURL: w.BaseURL(), Token: source})
	w.must(err)
	defer c.Close()
	for range 3 {
		user, err := c.CurrentUser(w.ctx)
		w.must(err)
		if user.Username != "admin@acme.example" || user.ID != w.admin {
			t.Errorf("%+v", user)
		}
		w.advance(2 * time.Minute)
	}
}

func TestRow04_RateLimit(t *testing.T) {
	for _, perToken := range []bool{false, true} {
		w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{LimitPerToken: perToken}})
		first, second := w.adminClient(), w.adminClient()
		for range 10 {
			_, err := first.CurrentUser(w.ctx)
			w.must(err)
		}
		_, err := first.CurrentUser(w.ctx)
		if apiErr := new(rossumapi.APIError); !rossumapi.IsThrottled(err) || !asAPI(err, &apiErr) || apiErr.RetryAfter != time.Second {
			t.Errorf("11th request: %v", err)
		}
		if _, err := second.CurrentUser(w.ctx); rossumapi.IsThrottled(err) == perToken {
			t.Errorf("other token, limit per token %v: %v", perToken, err)
		}
		w.advance(time.Second)
		_, err = first.CurrentUser(w.ctx)
		w.must(err)
	}
}

func TestRow05_Paging(t *testing.T) {
	for _, cursor := range []bool{false, true} {
		w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{CursorPaging: cursor, RateLimit: -1}})
		for i := range 45 {
			w.AddLabel(fmt.Sprintf("label %d", i))
		}
		c := w.adminClient()
		seen := map[int64]bool{}
		for label, err := range c.Labels(w.ctx, url.Values{"page_size": {"20"}}) {
			w.must(err)
			seen[label.ID] = true
		}
		if len(seen) < 45 {
			t.Errorf("cursor %v: %d labels", cursor, len(seen))
		}
		status, body := w.raw("GET", "labels", "Bearer "+w.Token(w.admin, time.Hour), "", "")
		if status != 200 || strings.Contains(body, `"total"`) == cursor {
			t.Errorf("cursor %v: %d %.200s", cursor, status, body)
		}
	}
}

func TestRow06_UnknownFieldsAndStatuses(t *testing.T) {
	w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{UnknownFields: true}})
	id := w.upload()
	w.SetStatus(id, "quarantined", 0)
	annotation, err := w.adminClient().Annotation(w.ctx, id)
	w.must(err)
	if annotation.Status != "quarantined" || !strings.Contains(string(annotation.Raw), "unheard_of") {
		t.Errorf("%s %s", annotation.Status, annotation.Raw)
	}
}

func TestRow20_TestInvokeGenerate(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	spec := w.hook("annotation_content.export", "invocation.manual")
	spec.Secrets = map[string]any{"api_key": "top secret"}
	spec.Settings = map[string]any{"target": "erp-eu"}
	hook := w.AddHook(spec)
	id := w.upload()
	c := w.adminClient()

	payload, err := c.GeneratePayload(w.ctx, hook, rossumapi.PayloadRequest{Event: "annotation_content", Action: "export",
		Annotation: w.URL("annotations", id), Status: "exporting", PreviousStatus: "reviewing"})
	w.must(err)
	p, err := rossumapi.DecodePayload(payload)
	w.must(err)
	if string(p.Secrets) != `{"api_key":"[redacted...]"}` || p.Token == "" || p.Annotation.Status != "exporting" || len(p.Content) == 0 {
		t.Errorf("%.300s", payload)
	}

	w.answers(reply{status: 200, body: `{"messages":[]}`})
	response, err := c.TestHook(w.ctx, hook, payload, nil)
	w.must(err)
	if string(response) != `{"messages":[]}` || !bytes.Equal(w.requests()[0].body, payload) {
		t.Errorf("test answered %s", response)
	}

	w.answers(reply{status: 200, body: `{"po":"found"}`})
	response, err = c.InvokeHook(w.ctx, hook, map[string]any{"po": "4500012"})
	w.must(err)
	if got := w.requests()[0]; string(response) != `{"po":"found"}` || got.member("po") != "4500012" || got.member("action") != "manual" {
		t.Errorf("invoke answered %s to %s", response, got.body)
	}
	w.answers(reply{status: 500})
	if _, err := c.InvokeHook(w.ctx, hook, nil); rossumapi.StatusOf(err) != 400 || len(w.requests()) != 1 {
		t.Errorf("failed invoke: %v", err)
	}
}

func TestRow21_DocumentsAndRelations(t *testing.T) {
	w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1}})
	id := w.upload()
	c := w.adminClient()
	annotation, err := c.Annotation(w.ctx, id)
	w.must(err)
	documentID, err := rossumapi.IDFromURL(annotation.Document)
	w.must(err)
	document, err := c.Document(w.ctx, documentID)
	w.must(err)
	file, err := c.Download(w.ctx, document.Content)
	w.must(err)
	content, err := io.ReadAll(file.Body)
	w.must(err)
	file.Body.Close()
	if !bytes.HasPrefix(content, []byte("%PDF-1.4")) || !bytes.HasSuffix(content, []byte("%%EOF\n")) || file.Name != "harbor-pine_INV-2026-004417.pdf" {
		t.Errorf("%s, %d bytes", file.Name, len(content))
	}

	created, err := c.CreateDocument(w.ctx, rossumapi.NewDocument{Name: `ack "1".xml`, Content: []byte("<ack/>"),
		Metadata: map[string]any{"a": 1}, Parent: annotation.Document})
	w.must(err)
	if created.OriginalFileName != `ack "1".xml` || created.Parent != annotation.Document || string(created.Metadata.Get("a")) != "1" {
		t.Errorf("%s", created.Raw)
	}
	for _, documents := range [][]string{{created.URL}, {created.URL, annotation.Document}} {
		relation, err := c.PutDocumentRelation(w.ctx, annotation.URL, "export", "erp_ack", documents)
		w.must(err)
		if len(relation.Documents) != len(documents) {
			t.Errorf("%+v", relation)
		}
	}
	if got := w.Objects("document_relations"); len(got) != 1 {
		t.Fatalf("%d document relations", len(got))
	}
	relationID := w.Objects("document_relations")[0]
	token := "Bearer " + w.Token(w.admin, time.Hour)
	body := `{"type":"export","key":"erp_ack","annotation":"` + annotation.URL + `"}`
	if status, got := w.raw("POST", "document_relations", token, "application/json", body); status != 400 || !strings.Contains(got, "unique set") {
		t.Errorf("duplicate: %d %s", status, got)
	}
	if status, _ := w.raw("DELETE", "document_relations/"+strconv.FormatInt(relationID, 10), token, "", ""); status != 409 {
		t.Errorf("deleted while not empty: %d", status)
	}
	w.must(c.DeleteDocumentRelation(w.ctx, relationID))

	for range 2 {
		_, err := w.Upload(rossumsim.Upload{Payload: w.payload, Queue: w.queue, Content: []byte("same bytes")})
		w.must(err)
	}
	found := 0
	for relation, err := range c.Relations(w.ctx, url.Values{"type": {"duplicate"}}) {
		w.must(err)
		if len(relation.Annotations) == 2 && len(relation.Key) == 32 {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d relations of duplicates", found)
	}
}

func TestRow22_Upload(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("upload.created", "annotation_content.initialize"))
	c := w.adminClient()
	taskURL, err := c.Upload(w.ctx, w.queue, rossumapi.NewUpload{Name: "a.pdf", Content: []byte("x"), Metadata: map[string]any{"k": "v"}, RejectIdentical: true})
	w.must(err)
	w.advance(0)
	task, err := c.WaitTask(w.ctx, taskURL)
	w.must(err)
	var upload rossumapi.UploadResult
	w.must(c.Get(w.ctx, task.ResultURL, &upload))
	if len(upload.Annotations) != 1 || len(upload.Documents) != 1 {
		t.Fatalf("%+v", upload)
	}
	id, err := rossumapi.IDFromURL(upload.Annotations[0])
	w.must(err)
	w.status(id, rossumapi.StatusToReview)
	var events []string
	for _, call := range w.Calls(hook) {
		events = append(events, call.Event)
	}
	if got := strings.Join(events, " "); got != "upload.created annotation_content.initialize" {
		t.Error(got)
	}
	e, err := rossumapi.DecodeEnvelope(w.requests()[0].body)
	w.must(err)
	if len(e.Queues()) != 1 || e.Upload != upload.URL || e.CheckURLs() != nil {
		t.Errorf("%+v", e)
	}
	if err := c.Get(w.ctx, taskURL, nil); rossumapi.StatusOf(err) != 303 {
		t.Errorf("task without no_redirect: %v", err)
	}
	if _, err := c.Upload(w.ctx, w.queue, rossumapi.NewUpload{Name: "a.pdf", Content: []byte("x"), RejectIdentical: true}); !rossumapi.IsConflict(err) {
		t.Errorf("identical file: %v", err)
	}

	prevent := `{"files":[{"document":"` + w.URL("documents", w.Objects("documents")[0]+1) + `","prevent_importing":true}]}`
	w.answers(reply{status: 200, body: prevent})
	taskURL, err = c.Upload(w.ctx, w.queue, rossumapi.NewUpload{Name: "b.pdf", Content: []byte("y")})
	w.must(err)
	w.advance(0)
	task, err = c.WaitTask(w.ctx, taskURL)
	w.must(err)
	w.must(c.Get(w.ctx, task.ResultURL, &upload))
	if len(w.Annotations()) != 1 {
		t.Errorf("a prevented file became an annotation: %+v", upload)
	}
}

func TestRow22_InitializeAndAutomation(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"nothing said", `{}`, rossumapi.StatusExported},
		{"error", `{"messages":[{"type":"error","content":"no"}]}`, rossumapi.StatusToReview},
		{"warning", `{"messages":[{"type":"warning","content":"hm"}]}`, rossumapi.StatusExported},
		{"blocker", `{"automation_blockers":[{"content":"Unknown vendor"}]}`, rossumapi.StatusToReview},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, rossumsim.Options{})
			w.SetQueue(w.queue, map[string]any{"automation_enabled": true, "automation_level": "always"})
			w.AddHook(w.hook("annotation_content.initialize"))
			w.answers(reply{status: 200, body: c.answer})
			id, err := w.Upload(rossumsim.Upload{Payload: w.payload, Queue: w.queue})
			w.must(err)
			w.status(id, c.want)
			annotation, err := w.Annotation(id)
			w.must(err)
			if annotation.Automated != (c.want == rossumapi.StatusExported) {
				t.Errorf("automated %v", annotation.Automated)
			}
			if blockers := len(w.Objects("automation_blockers")); (blockers == 1) != (c.name == "blocker") {
				t.Errorf("%d blockers", blockers)
			}
		})
	}
}

func TestRow23_QueueExport(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	w.SetQueue(w.queue, map[string]any{"use_confirmed_state": true})
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusConfirmed)
	c := w.adminClient()
	export := func(format string, query url.Values) string {
		file, err := c.ExportQueue(w.ctx, w.queue, format, query)
		w.must(err)
		defer file.Body.Close()
		got, err := io.ReadAll(file.Body)
		w.must(err)
		return string(got)
	}
	if got := export("json", url.Values{"status": {"confirmed"}}); !strings.Contains(got, `"schema_id":"date_issue","type":"date","value":"2026-03-09"`) {
		t.Errorf("json %.300s", got)
	}
	if got := export("json", url.Values{"status": {"exported"}}); !strings.Contains(got, `"results":[]`) {
		t.Errorf("json of none %.300s", got)
	}
	if got := export("xml", nil); !strings.Contains(got, `<datapoint schema_id="document_id">INV-2026-004417</datapoint>`) {
		t.Errorf("xml %.300s", got)
	}
	lines := strings.Split(strings.TrimSpace(export("csv", url.Values{"columns": {"meta_status,document_id,item_description"}})), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[1], "confirmed,INV-2026-004417,") {
		t.Errorf("csv %q", lines)
	}
	if _, err := c.ExportQueue(w.ctx, w.queue, "pdf", nil); rossumapi.StatusOf(err) != 400 {
		t.Errorf("unknown format: %v", err)
	}
	w.must(c.ExportQueueTo(w.ctx, w.queue, "exported", url.Values{"status": {"confirmed"}}))
	w.status(id, rossumapi.StatusExported)
}

func TestRow24_Secrets(t *testing.T) {
	w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1}})
	c := w.adminClient()
	hook, err := c.CreateHook(w.ctx, map[string]any{"name": "relay", "type": "webhook", "queues": []string{w.URL("queues", w.queue)},
		"events": []string{"annotation_content.export"}, "config": map[string]any{"url": w.server.URL, "secret": "signing", "retry_count": 0},
		"secrets": map[string]any{"api_key": "top secret"}, "token_lifetime_s": 7200})
	w.must(err)
	if strings.Contains(string(hook.Raw), "top secret") || hook.Config.Text("secret") != "signing" || *hook.TokenLifetime != 7200 {
		t.Errorf("%s", hook.Raw)
	}
	keys, err := c.SecretsKeys(w.ctx, hook.ID)
	w.must(err)
	if fmt.Sprint(keys) != "[api_key]" {
		t.Error(keys)
	}
	annotator := w.AddUser(rossumsim.UserSpec{Username: "a@acme.example", Password: "x", Queues: []int64{w.queue}})
	hook, err = w.client(w.Token(annotator, time.Hour)).Hook(w.ctx, hook.ID)
	w.must(err)
	if hook.Config.Get("secret") != nil {
		t.Error("an annotator reads the signing secret")
	}
	hook, err = c.PatchHook(w.ctx, hook.ID, map[string]any{"config": map[string]any{"url": "https://a.example", "private": true}})
	w.must(err)
	hook, err = c.PatchHook(w.ctx, hook.ID, map[string]any{"config": map[string]any{"url": "https://b.example", "private": false}})
	w.must(err)
	if hook.Config.Text("url") != "https://a.example" || string(hook.Config.Get("private")) != "true" || hook.Config.Get("secret") != nil {
		t.Errorf("private hook changed: %s", hook.Raw)
	}
	for field, body := range map[string]map[string]any{
		"events":           {"name": "x", "config": map[string]any{}, "events": []string{"annotation.confirmed"}},
		"config":           {"name": "x", "config": map[string]any{"timeout_s": 61}},
		"name":             {"config": map[string]any{}},
		"token_lifetime_s": {"name": "x", "config": map[string]any{}, "token_lifetime_s": 7201},
		"token_owner":      {"name": "x", "config": map[string]any{}, "token_owner": w.URL("users", 1)},
		"secrets_schema":   {"name": "x", "config": map[string]any{}, "secrets_schema": map[string]any{"type": "object"}},
	} {
		if _, err := c.CreateHook(w.ctx, body); rossumapi.StatusOf(err) != 400 || !strings.Contains(string(bodyOf(err)), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	w.must(c.DeleteHook(w.ctx, hook.ID))
	if _, err := c.Hook(w.ctx, hook.ID); !rossumapi.IsNotFound(err) {
		t.Errorf("after delete: %v", err)
	}
}

func TestRow25_Limits(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	id := w.upload()
	token := "Bearer " + w.Token(w.admin, time.Hour)
	path := "annotations/" + strconv.FormatInt(id, 10)
	tree, err := w.Content(id)
	w.must(err)
	node := tree.First("document_id").ID
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", path, `{"metadata":{"a":"` + long + `"}}`},
		{"POST", path + "/content/operations", fmt.Sprintf(`{"operations":[{"op":"replace","id":%d,"value":{"content":{"value":"%s"}}}]}`, node, long)},
		{"PATCH", fmt.Sprintf("%s/content/%d", path, node), `{"content":{"value":"` + long + `"}}`},
		{"POST", "notes", `{"annotation":"x","content":"` + long + `"}`},
	} {
		if status, body := w.raw(c.method, c.path, token, "application/json", c.body); status != 400 {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	if status, _ := w.raw("POST", "documents", token, "application/pdf", strings.Repeat("x", 61<<20)); status != 413 {
		t.Errorf("61 MB: %d", status)
	}
}

func TestRow26_SmallObjects(t *testing.T) {
	w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1}})
	c := w.adminClient()
	id := w.upload()
	annotation, err := c.Annotation(w.ctx, id)
	w.must(err)
	label, err := c.CreateLabel(w.ctx, "posted")
	w.must(err)
	for range 2 {
		w.must(c.ApplyLabels(w.ctx, []string{annotation.URL}, []string{label.URL}, nil))
	}
	annotation, err = c.Annotation(w.ctx, id)
	w.must(err)
	if len(annotation.Labels) != 1 || annotation.Labels[0] != label.URL {
		t.Errorf("labels %v", annotation.Labels)
	}
	w.must(c.ApplyLabels(w.ctx, []string{annotation.URL}, nil, []string{label.URL}))
	if annotation, _ := w.Annotation(id); len(annotation.Labels) != 0 {
		t.Errorf("labels %v", annotation.Labels)
	}
	note, err := c.CreateNote(w.ctx, annotation.URL, "see ERP")
	w.must(err)
	notes := 0
	for found, err := range c.Notes(w.ctx, url.Values{"annotation": {strconv.FormatInt(id, 10)}}) {
		w.must(err)
		if notes++; found.ID != note.ID || found.Content != "see ERP" {
			t.Errorf("%+v", found)
		}
	}
	if notes != 1 {
		t.Errorf("%d notes", notes)
	}
	for organization, err := range c.Organizations(w.ctx) {
		w.must(err)
		if organization.Name == "" {
			t.Error("organization without a name")
		}
	}
	queue, err := c.Queue(w.ctx, w.queue)
	w.must(err)
	if queue.Counts["to_review"] != 1 || queue.SessionTimeout != "01:00:00" {
		t.Errorf("%s", queue.Raw)
	}
	annotated, err := c.SetMetadata(w.ctx, id, map[string]any{"relay": map[string]any{"erp_id": "7"}})
	w.must(err)
	if string(annotated.Metadata.Get("relay")) != `{"erp_id":"7"}` {
		t.Errorf("%s", annotated.Raw)
	}
	outsider := w.AddUser(rossumsim.UserSpec{Username: "o@acme.example", Password: "x"})
	if _, err := w.client(w.Token(outsider, time.Hour)).Annotation(w.ctx, id); !rossumapi.IsNotFound(err) {
		t.Errorf("outsider: %v", err)
	}
	found := 0
	for _, err := range w.client(w.Token(outsider, time.Hour)).Queues(w.ctx, nil) {
		w.must(err)
		found++
	}
	if found != 0 {
		t.Errorf("outsider sees %d queues", found)
	}
}
