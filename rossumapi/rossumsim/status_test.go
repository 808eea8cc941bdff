package rossumsim_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

func unlimited() rossumsim.Options {
	return rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1}}
}

func TestRow07_StateMachine(t *testing.T) {
	w := newWorld(t, unlimited())
	c := w.adminClient()
	other := w.client(w.Token(w.AddUser(rossumsim.UserSpec{Username: "other@acme.example", Password: "x", Admin: true}), time.Hour))
	type step struct {
		do       func(id int64) error
		want     string // status afterwards
		conflict string // code of the 409, "-" for one without
	}
	patch := func(status string) func(int64) error {
		return func(id int64) error { _, err := c.SetStatus(w.ctx, id, status); return err }
	}
	start := func(id int64) error { return c.StartReview(w.ctx, id) }
	cancel := func(id int64) error { return c.CancelReview(w.ctx, id) }
	confirm := func(id int64) error { return c.Confirm(w.ctx, id) }
	postpone := func(id int64) error { return c.Postpone(w.ctx, id) }
	reject := func(id int64) error { return c.Reject(w.ctx, id, "Wrong entity") }
	otherStart := func(id int64) error { return other.StartReview(w.ctx, id) }
	otherCancel := func(id int64) error { return other.CancelReview(w.ctx, id) }
	otherConfirm := func(id int64) error { return other.Confirm(w.ctx, id) }
	for name, steps := range map[string][]step{
		"review and confirm": {{start, "reviewing", ""}, {start, "reviewing", ""}, {confirm, "exported", ""},
			{start, "exported", rossumapi.ConflictStatus}, {cancel, "exported", rossumapi.ConflictNotAnnotated}},
		"cancel restores": {{postpone, "postponed", ""}, {start, "reviewing", ""}, {cancel, "postponed", ""}},
		"the lock": {{start, "reviewing", ""}, {otherStart, "reviewing", rossumapi.ConflictUser}, {otherCancel, "reviewing", rossumapi.ConflictUser},
			{otherConfirm, "reviewing", rossumapi.ConflictUser}, {patch("to_review"), "to_review", ""}, {confirm, "to_review", rossumapi.ConflictNotAnnotated}},
		"reject":  {{reject, "rejected", ""}, {start, "rejected", rossumapi.ConflictStatus}, {patch("to_review"), "to_review", ""}},
		"deleted": {{patch("deleted"), "deleted", ""}, {start, "deleted", rossumapi.ConflictStatus}, {patch("to_review"), "to_review", ""}},
		"re-export": {{start, "reviewing", ""}, {confirm, "exported", ""}, {patch("exporting"), "exported", ""},
			{patch("to_review"), "to_review", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			id := w.upload()
			for i, step := range steps {
				err := step.do(id)
				if rossumapi.IsConflict(err) != (step.conflict != "") || rossumapi.ConflictCode(err) != step.conflict || err != nil && step.conflict == "" {
					t.Fatalf("step %d: %v", i, err)
				}
				w.must(w.Quiet(w.ctx))
				if annotation, _ := w.Annotation(id); annotation.Status != step.want {
					t.Fatalf("step %d: %s, want %s", i, annotation.Status, step.want)
				}
			}
		})
	}
}

func TestRow07_TimesAndUsers(t *testing.T) {
	w := newWorld(t, unlimited())
	id := w.upload()
	w.advance(time.Minute)
	w.must(w.Confirm(w.ctx, id, w.admin))
	annotation, err := w.Annotation(id)
	w.must(err)
	admin := w.URL("users", w.admin)
	const at = "2026-03-01T08:01:00.000000Z"
	for key, want := range map[string]string{"assigned_at": at, "confirmed_at": at, "exported_at": at, "modified_at": at,
		"confirmed_by": admin, "modifier": admin, "modified_by": admin} {
		if got := textMember(annotation.Raw, key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestRow07_SessionTimeout(t *testing.T) {
	w := newWorld(t, unlimited())
	w.SetQueue(w.queue, map[string]any{"session_timeout": "00:25:00"})
	id := w.upload()
	w.must(w.Open(w.ctx, id, w.admin))
	w.advance(29 * time.Minute) // looked at every 10 minutes
	w.status(id, rossumapi.StatusReviewing)
	w.advance(time.Minute)
	w.status(id, rossumapi.StatusToReview)
}

func TestRow07_Purge(t *testing.T) {
	w := newWorld(t, unlimited())
	c := w.adminClient()
	id := w.upload()
	_, err := c.SetStatus(w.ctx, id, rossumapi.StatusDeleted)
	w.must(err)
	token := "Bearer " + w.Token(w.admin, time.Hour)
	body := `{"annotations":["` + w.URL("annotations", id) + `"]}`
	if status, _ := w.raw("POST", "annotations/purge_deleted", token, "application/json", body); status != 202 {
		t.Fatalf("purge: %d", status)
	}
	w.status(id, rossumapi.StatusPurged)
	tree, err := c.Content(w.ctx, id)
	if len(tree) != 0 || err != nil {
		t.Errorf("%d sections, %v", len(tree), err)
	}
	if _, err := c.SetStatus(w.ctx, id, rossumapi.StatusToReview); !rossumapi.IsConflict(err) {
		t.Errorf("change of a purged annotation: %v", err)
	}
	annotation, err := c.Annotation(w.ctx, id)
	w.must(err)
	if _, err := c.Download(w.ctx, annotation.Document+"/content"); !rossumapi.IsNotFound(err) {
		t.Errorf("content of a purged document: %v", err)
	}
}

func TestRow08_PatchOfOtherStatuses(t *testing.T) {
	for _, anyStatus := range []bool{false, true} {
		w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1, AnyStatus: anyStatus}})
		c := w.adminClient()
		id := w.upload()
		for _, status := range []string{"exported", "failed_export", "nonsense"} {
			_, err := c.SetStatus(w.ctx, id, status)
			allowed := anyStatus && status != "nonsense"
			if (err == nil) != allowed || err != nil && !strings.Contains(string(bodyOf(err)), `{"status":[`) {
				t.Errorf("any status %v, %s: %v", anyStatus, status, err)
			}
		}
	}
}

func TestRow09_Operations(t *testing.T) {
	w := newWorld(t, unlimited())
	c := w.adminClient()
	id := w.upload()
	tree, err := c.Content(w.ctx, id)
	w.must(err)
	ids := func(schemaID string) int64 { return tree.First(schemaID).ID }
	rows := tree.First("line_items").Rows()
	operations := []rossumapi.Operation{
		rossumapi.Replace(ids("document_id"), "INV <new>"),
		rossumapi.Replace(ids("amount_total"), "1234567.5"),
		rossumapi.Replace(ids("date_issue"), "2026-04-01"),
		rossumapi.Add(ids("line_items"), rossumapi.TextOf("item_description", "Washer M8"), rossumapi.TextOf("item_quantity", "400")),
		rossumapi.Remove(rows[0].ID),
	}
	tree, err = c.ApplyOperations(w.ctx, id, operations)
	w.must(err)
	if ignored := rossumapi.Ignored(tree, operations); len(ignored) != 0 {
		t.Errorf("ignored %v", ignored)
	}
	if got := tree.First("document_id"); got.Value() != "INV <new>" || fmt.Sprint(got.ValidationSources) != "[connector]" {
		t.Errorf("document_id %+v", got)
	}
	if number, ok := tree.First("amount_total").Number(); !ok || number.String() != "1234567.5" || tree.First("amount_total").Value() != "1 234 567.5" {
		t.Errorf("amount_total %v %q", number, tree.First("amount_total").Value())
	}
	if date, ok := tree.First("date_issue").Date(); !ok || date.Day() != 1 {
		t.Errorf("date_issue %v", date)
	}
	now := tree.First("line_items").Rows()
	if len(now) != len(rows) || now[0].ID != rows[1].ID || now[3].First("item_description").Value() != "Washer M8" ||
		len(now[3].Children) != len(rows[1].Children) || now[3].First("item_code").Value() != "" {
		t.Errorf("%d rows", len(now))
	}
	if annotation, _ := w.Annotation(id); annotation.Status != rossumapi.StatusToReview || annotation.Modifier != w.URL("users", w.admin) {
		t.Errorf("%s by %s", annotation.Status, annotation.Modifier)
	}
}

func TestRow09_MismatchIsIgnored(t *testing.T) {
	w := newWorld(t, unlimited())
	c := w.adminClient()
	id := w.upload()
	tree, err := c.Content(w.ctx, id)
	w.must(err)
	value, normalized := "100.00", "200.00"
	cell := rossumapi.Cell{Content: &rossumapi.CellContent{Value: &value, NormalizedValue: &normalized}}
	o := rossumapi.ReplaceCell(tree.First("amount_total").ID, cell)
	after, err := c.ApplyOperations(w.ctx, id, []rossumapi.Operation{o})
	w.must(err)
	if got := after.First("amount_total").Value(); got != tree.First("amount_total").Value() || len(rossumapi.Ignored(after, []rossumapi.Operation{o})) != 1 {
		t.Errorf("value %q", got)
	}
}

func TestRow09_EnumAndManualFieldsAreSkipped(t *testing.T) {
	w := newWorld(t, unlimited())
	schema, err := w.AddSchema("s", []byte(`[{"category":"section","id":"s","children":[
		{"category":"datapoint","id":"erp_status","type":"enum","options":[{"value":"new","label":"New"},{"value":"posted","label":"Posted"}]},
		{"category":"datapoint","id":"erp_id","type":"string","ui_configuration":{"type":"manual"}},
		{"category":"datapoint","id":"total","type":"number","format":"#.##0,#"}]}]`))
	w.must(err)
	queue := w.AddQueue("q", schema, nil)
	id, err := w.Upload(rossumsim.Upload{Payload: readPayload(t, "08-status-to-review"), Queue: queue})
	w.must(err)
	w.status(id, rossumapi.StatusToReview)
	c := w.adminClient()
	tree, err := c.Content(w.ctx, id)
	w.must(err)
	operations := []rossumapi.Operation{rossumapi.Replace(tree.First("erp_status").ID, "posted"),
		rossumapi.Replace(tree.First("erp_id").ID, "7"), rossumapi.Replace(tree.First("total").ID, "1.234,5")}
	after, err := c.ApplyOperations(w.ctx, id, operations)
	w.must(err)
	ignored := rossumapi.Ignored(after, operations)
	if len(ignored) != 2 || ignored[0].ID != operations[0].ID || ignored[1].ID != operations[1].ID {
		t.Fatalf("ignored %v", ignored)
	}
	for _, o := range ignored {
		node, err := c.PatchNode(w.ctx, id, o.ID, *o.Cell)
		w.must(err)
		if node.Value() != *o.Cell.Content.Value {
			t.Errorf("%s: %q", node.SchemaID, node.Value())
		}
	}
	if number, _ := after.First("total").Number(); number.String() != "1234.5" {
		t.Errorf("total %s", number)
	}
}

func TestRow09_ImpossibleOperations(t *testing.T) {
	w := newWorld(t, unlimited())
	c := w.adminClient()
	id := w.upload()
	tree, err := c.Content(w.ctx, id)
	w.must(err)
	for want, o := range map[string]rossumapi.Operation{
		"does not exist":               rossumapi.Replace(1, "x"),
		"Only datapoints":              rossumapi.Replace(tree.First("line_items").ID, "x"),
		"Only multivalues":             rossumapi.Add(tree.First("document_id").ID),
		"Only children of a multivalu": rossumapi.Remove(tree.First("document_id").ID),
	} {
		_, err := c.ApplyOperations(w.ctx, id, []rossumapi.Operation{rossumapi.Replace(tree.First("order_id").ID, "changed"), o})
		if rossumapi.StatusOf(err) != 400 || !strings.Contains(string(bodyOf(err)), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if after, _ := w.Content(id); after.First("order_id").Value() == "changed" {
		t.Error("a refused list was applied in part")
	}
}

func TestRow10_OperationsAndTheLock(t *testing.T) {
	for _, c := range []struct {
		name     string
		switches rossumsim.Switches
		status   string
		want     int // 0 = allowed
	}{
		{"to_review", rossumsim.Switches{}, rossumapi.StatusToReview, 0},
		{"someone else reviews", rossumsim.Switches{}, rossumapi.StatusReviewing, 0},
		{"exported", rossumsim.Switches{}, rossumapi.StatusExported, 0},
		{"exported, frozen", rossumsim.Switches{FrozenExported: true}, rossumapi.StatusExported, 409},
		{"in a workflow", rossumsim.Switches{}, rossumapi.StatusInWorkflow, 409},
		{"lock needed", rossumsim.Switches{LockedOperations: true}, rossumapi.StatusToReview, 409},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, rossumsim.Options{Switches: c.switches})
			id := w.upload()
			w.SetStatus(id, c.status, w.AddUser(rossumsim.UserSpec{Username: "x", Password: "x"}))
			tree, err := w.Content(id)
			w.must(err)
			_, err = w.adminClient().ApplyOperations(w.ctx, id, []rossumapi.Operation{rossumapi.Replace(tree.First("document_id").ID, "x")})
			if rossumapi.StatusOf(err) != c.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRow11_Validate(t *testing.T) {
	w := newWorld(t, unlimited())
	hook := w.AddHook(w.hook("annotation_content"))
	c := w.adminClient()
	id := w.upload()
	w.must(w.Quiet(w.ctx))
	before := len(w.Calls(hook))
	validate := func(actions ...string) (rossumapi.Validation, error) { return c.Validate(w.ctx, id, actions, nil) }
	if _, err := validate("user_update"); rossumapi.ConflictCode(err) != rossumapi.ConflictNotAnnotated {
		t.Errorf("without the lock: %v", err)
	}
	w.must(c.StartReview(w.ctx, id))
	if _, err := validate("started"); rossumapi.StatusOf(err) != 400 || !strings.Contains(string(bodyOf(err)), "[HookActions.started] not allowed") {
		t.Errorf("started alone: %v", err)
	}
	_, err := validate("user_update")
	w.must(err)
	if got := len(w.Calls(hook)); got != before {
		t.Errorf("user_update without edits called %d hooks", got-before)
	}
	tree, err := w.Content(id)
	w.must(err)
	w.answers(reply{status: 200, body: fmt.Sprintf(`{"messages":[{"id":%d,"type":"error","content":"no"}],"operations":[{"op":"replace","id":%d,"value":{"content":{"value":"by hook"}}}]}`,
		tree.First("amount_total").ID, tree.First("document_id").ID)})
	validation, err := validate("user_update", "started")
	w.must(err)
	if calls := w.Calls(hook); len(calls) != before+1 || calls[before].Event != "annotation_content.started" {
		t.Errorf("%d calls", len(calls)-before)
	}
	if len(validation.Messages) != 1 || validation.Messages[0].ID != tree.First("amount_total").ID || len(validation.UpdatedDatapoints) != 1 {
		t.Errorf("%+v", validation)
	}
}

func TestRow18_StatusEventsOfAPIChanges(t *testing.T) {
	w := newWorld(t, unlimited())
	hook := w.AddHook(w.hook("annotation_status"))
	c := w.adminClient()
	id := w.upload()
	w.must(c.StartReview(w.ctx, id))
	w.must(c.CancelReview(w.ctx, id))
	_, err := c.SetStatus(w.ctx, id, rossumapi.StatusPostponed)
	w.must(err)
	_, err = c.SetMetadata(w.ctx, id, map[string]any{"no": "event"})
	w.must(err)
	w.must(w.Quiet(w.ctx))
	var got []string
	for _, call := range w.Calls(hook) {
		e, err := rossumapi.DecodeEnvelope(call.Body)
		w.must(err)
		got = append(got, e.Annotation.PreviousStatus+">"+e.Annotation.Status)
	}
	want := "created>importing importing>to_review to_review>reviewing reviewing>to_review to_review>postponed"
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestAnnotationFilters(t *testing.T) {
	w := newWorld(t, unlimited())
	c := w.adminClient()
	first := w.upload()
	w.advance(time.Hour)
	second := w.upload()
	w.must(w.Confirm(w.ctx, second, w.admin))
	for query, want := range map[string]string{
		"":                          "1 2",
		"status=exported":           "2",
		"status=exported,to_review": "1 2",
		"status=exporting":          "",
		"queue=" + strconv.FormatInt(w.queue, 10): "1 2",
		"queue=1":                                                      "",
		"exported_at_after=2026-03-01T08:30:00Z":                       "2",
		"exported_at_after=2026-03-02":                                 "",
		"created_at_before=2026-03-01 08:30:00":                        "1",
		"modifier=" + strconv.FormatInt(w.admin, 10) + "&ordering=-id": "2",
		"ordering=-id":                                                 "2 1",
	} {
		values, err := url.ParseQuery(query)
		w.must(err)
		var got []string
		for annotation, err := range c.Annotations(w.ctx, values) {
			w.must(err)
			got = append(got, map[int64]string{first: "1", second: "2"}[annotation.ID])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	search := map[string]any{"query": map[string]any{"$and": []any{map[string]any{"status": map[string]any{"$eq": "exported"}},
		map[string]any{"field.document_id.string": map[string]any{"$startsWith": "INV-"}}}}, "query_string": map[string]any{"string": "inv-2026"}}
	var found []int64
	for annotation, err := range c.SearchAnnotations(w.ctx, search, nil) {
		w.must(err)
		found = append(found, annotation.ID)
	}
	if len(found) != 1 || found[0] != second {
		t.Errorf("search found %v", found)
	}
	for page, err := range c.AnnotationPages(w.ctx, url.Values{"sideload": {"documents,queues"}}) {
		w.must(err)
		if page.Total != 2 || page.Sideloads.Get("documents") == nil || page.Sideloads.Get("queues") == nil {
			t.Errorf("total %d, sideloads %v", page.Total, page.Sideloads)
		}
	}
}
