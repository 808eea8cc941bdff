package rossumapi_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// simulated returns a simulator with one imported queue and a client for it.
func simulated(t *testing.T, o rossumsim.Options) (*rossumsim.Sim, *rossumapi.Client, rossumsim.Imported) {
	t.Helper()
	o.RateLimit = -1
	sim := rossumsim.New(o)
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	payload, err := os.ReadFile("testdata/02-export-po-backed-sideloads.json")
	if err != nil {
		t.Fatal(err)
	}
	taken, err := sim.Import(payload)
	if err != nil {
		t.Fatal(err)
	}
	admin := sim.AddUser(rossumsim.UserSpec{Username: "admin@acme.example", Password: "x", Admin: true})
	c, err := rossumapi.New(rossumapi.Options{BaseURL: sim.BaseURL(), Token: rossumapi.StaticToken(sim.Token(admin, time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return sim, c, taken
}

func TestSchemaFields(t *testing.T) {
	_, c, taken := simulated(t, rossumsim.Options{})
	schema, err := c.Schema(t.Context(), taken.Schema)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"document_type": "datapoint enum", "date_issue": "datapoint date", "line_items": "multivalue ", "line_item": "tuple "} {
		field := schema.Field(id)
		if field == nil || field.Category+" "+field.Type != want || len(field.Raw) == 0 {
			t.Errorf("%s: %+v", id, field)
		}
	}
	if schema.Field("absent") != nil || len(schema.Field("document_type").Options) != 2 || schema.Field("document_id_manual").UI.Type != "formula" {
		t.Error("fields are not those of the payload")
	}
	if _, err := c.ValidateSchema(t.Context(), map[string]any{"content": []any{}}); err != nil {
		t.Error(err)
	}
}

func TestDocumentRelationOfAnotherWriter(t *testing.T) {
	sim, c, _ := simulated(t, rossumsim.Options{})
	payload, err := os.ReadFile("testdata/02-export-po-backed-sideloads.json")
	if err != nil {
		t.Fatal(err)
	}
	id, err := sim.Upload(rossumsim.Upload{Payload: payload, Status: rossumapi.StatusExported})
	if err != nil {
		t.Fatal(err)
	}
	annotation := sim.URL("annotations", id)
	// The POST takes effect, its answer is lost: the second look finds it.
	sim.Inject(rossumsim.Fault{Method: "POST", Path: "/document_relations", Status: 500, After: true})
	relation, err := c.PutDocumentRelation(t.Context(), annotation, "export", "ack", []string{"x"})
	if err != nil || len(sim.Objects("document_relations")) != 1 || relation.Key != "ack" {
		t.Errorf("%+v, %v", relation, err)
	}
	sim.Inject(rossumsim.Fault{Method: "POST", Path: "/document_relations", Status: 403})
	if _, err := c.PutDocumentRelation(t.Context(), annotation, "export", "other", nil); !rossumapi.IsForbidden(err) {
		t.Errorf("refused create: %v", err)
	}
}

func TestListsOfTheRest(t *testing.T) {
	sim, c, taken := simulated(t, rossumsim.Options{Switches: rossumsim.Switches{CursorPaging: true, UnknownFields: true}})
	hook := sim.AddHook(rossumsim.HookSpec{Name: "relay", URL: "https://relay.example", Queues: []int64{taken.Queue}, Events: []string{"annotation_status"}})
	count := func(name string, want int, each func(yield func(string, error) bool)) {
		var got []string
		for text, err := range each {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, text)
		}
		if len(got) != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	ctx := t.Context()
	count("hooks", 1, func(yield func(string, error) bool) {
		for hook, err := range c.Hooks(ctx, url.Values{"queue": {fmt.Sprint(taken.Queue)}}) {
			yield(hook.Name, err)
		}
	})
	count("users", 1, func(yield func(string, error) bool) {
		for user, err := range c.Users(ctx, url.Values{"username": {"admin@acme.example"}}) {
			yield(user.Username, err)
		}
	})
	count("documents", 0, func(yield func(string, error) bool) {
		for document, err := range c.Documents(ctx, url.Values{"original_file_name": {"no such"}}) {
			yield(document.URL, err)
		}
	})
	queue, err := c.Queue(ctx, taken.Queue)
	if err != nil || len(queue.Hooks) != 1 || queue.Hooks[0] != sim.URL("hooks", hook) {
		t.Errorf("%s, %v", queue.Raw, err)
	}
	if user, err := c.User(ctx, sim.Objects("users")[0]); err != nil || user.Organization == "" {
		t.Errorf("%s, %v", user.Raw, err)
	}
}

// TestObjectsAreMadeAndChanged walks through what a set-up makes: a schema for a queue, a document, its annotation, and a
// relation between annotations.
func TestObjectsAreMadeAndChanged(t *testing.T) {
	sim, c, taken := simulated(t, rossumsim.Options{})
	ctx := t.Context()
	schema, err := c.CreateSchema(ctx, "invoices", []any{map[string]any{"category": "section", "id": "basics", "label": "Basics", "children": []any{
		map[string]any{"category": "datapoint", "id": "document_id", "label": "Number", "type": "string"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := c.PatchQueue(ctx, taken.Queue, map[string]any{"schema": schema.URL})
	if err != nil || queue.Schema != schema.URL {
		t.Fatalf("queue with schema %s, %v", queue.Schema, err)
	}
	document, err := c.CreateDocument(ctx, rossumapi.NewDocument{Name: "a b.pdf", ContentType: "application/pdf", Content: []byte("%PDF-1.7")})
	if err != nil || document.MimeType != "application/pdf" || document.OriginalFileName != "a b.pdf" {
		t.Fatalf("document %s, %v", document.Raw, err)
	}
	document, err = c.PatchDocument(ctx, document.ID, map[string]any{"metadata": map[string]any{"erp": "E-1"}})
	if err != nil || document.Metadata.Text("erp") != "E-1" {
		t.Errorf("document %s, %v", document.Raw, err)
	}
	first, err := c.CreateAnnotation(ctx, document.URL, queue.URL, map[string]any{"metadata": map[string]any{"from": "test"}})
	if err != nil || first.Status != rossumapi.StatusCreated || first.Metadata.Text("from") != "test" {
		t.Fatalf("annotation %s, %v", first.Raw, err)
	}
	if _, err := sim.WaitStatus(ctx, first.ID, rossumapi.StatusToReview); err != nil {
		t.Fatal(err)
	}
	if tree, err := c.Content(ctx, first.ID); err != nil || tree.First("document_id") == nil {
		t.Errorf("no field of the new schema: %v", err)
	}
	if _, err := c.CreateAnnotation(ctx, "https://elsewhere.example/1", queue.URL, nil); rossumapi.StatusOf(err) != 400 {
		t.Errorf("an annotation of nothing: %v", err)
	}
	relation, err := c.CreateRelation(ctx, rossumapi.Relation{Type: "attachment", Parent: first.URL})
	if err != nil {
		t.Fatal(err)
	}
	if relation, err = c.PatchRelation(ctx, relation.ID, []string{first.URL}); err != nil || len(relation.Annotations) != 1 {
		t.Errorf("relation %+v, %v", relation, err)
	}
	if err := c.DeleteRelation(ctx, relation.ID); err != nil {
		t.Error(err)
	}
}

// A hook answers with messages and operations in Rossum's wire format.
func ExampleHookResponse_Encode() {
	response := rossumapi.HookResponse{
		Messages:   []rossumapi.Message{rossumapi.Error("Supplier <ACME> is blocked", 2104887103)},
		Operations: []rossumapi.Operation{rossumapi.Replace(2104887101, "4711")},
	}
	body, err := response.Encode()
	fmt.Println(string(body), err)
	// Output: {"messages":[{"id":2104887103,"type":"error","content":"Supplier &lt;ACME&gt; is blocked"}],"operations":[{"op":"replace","id":2104887101,"value":{"content":{"value":"4711"},"validation_sources":["connector"]}}]} <nil>
}

func ExampleTree_FindBySchemaID() {
	tree, err := rossumapi.DecodeContent([]byte(`{"content":[{"id":1,"category":"section","schema_id":"basics","children":[
		{"id":2,"category":"datapoint","schema_id":"amount_total","content":{"value":"18 492,48","normalized_value":"18492.48"}}]}]}`))
	if err != nil {
		panic(err)
	}
	for _, node := range tree.FindBySchemaID("amount_total") {
		number, ok := node.Number()
		fmt.Println(node.Value(), number, ok)
	}
	// Output: 18 492,48 18492.48 true
}

func TestStaticTokenDoesNotPrintItself(t *testing.T) {
	token := rossumapi.StaticToken("t0p-secret")
	if got := fmt.Sprintf("%v %s %+v %#v", token, token, token, struct{ T rossumapi.StaticToken }{token}); strings.Contains(got, "t0p") {
		t.Error(got)
	}
	if got, err := token.Token(context.Background()); got != "t0p-secret" || err != nil {
		t.Error(got, err)
	}
}
