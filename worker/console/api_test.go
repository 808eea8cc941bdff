package console_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// contract checks answers against the OpenAPI file.
type contract struct {
	t   *testing.T
	doc map[string]any
	c   *jsonschema.Compiler
}

func newContract(t *testing.T, served string) *contract {
	t.Helper()
	var doc map[string]any
	must(t, json.Unmarshal([]byte(served), &doc))
	raw, err := jsonschema.UnmarshalJSON(strings.NewReader(served))
	must(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	must(t, c.AddResource("openapi.json", raw))
	return &contract{t, doc, c}
}

// check fails unless the operation may answer so.
func (k *contract) check(method, path string, status int, body string) {
	k.t.Helper()
	op, ok := k.doc["paths"].(map[string]any)[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
	if !ok {
		k.t.Fatalf("%s %s is not described", method, path)
	}
	responses := op["responses"].(map[string]any)
	res, ok := responses[itoa(status)].(map[string]any)
	if !ok {
		k.t.Errorf("%s %s answered %d, which is not described: %s", method, path, status, body)
		return
	}
	content, ok := res["content"].(map[string]any)
	if !ok {
		if body != "" {
			k.t.Errorf("%s %s: a body where none is described: %s", method, path, body)
		}
		return
	}
	ref := content["application/json"].(map[string]any)["schema"].(map[string]any)
	pointer, ok := ref["$ref"].(string)
	if !ok { // a list
		pointer = ref["items"].(map[string]any)["$ref"].(string)
	}
	schema, err := k.c.Compile("openapi.json" + pointer)
	must(k.t, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	must(k.t, err)
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	for _, item := range list {
		if err := schema.Validate(item); err != nil {
			k.t.Errorf("%s %s: %v\n%s", method, path, err, body[:min(len(body), 500)])
		}
	}
}

func itoa(n int) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

func TestAPI(t *testing.T) {
	d := open(t, relayYAML)
	done, parked, unsure := d.done(), d.parked(), d.uncertain()
	edited := d.die(rejected("the supplier is not known"), nil)
	dropped := d.die(rejected("the supplier is not known"), nil)
	d.die(rejected("the tax code is wrong"), nil)
	d.caughtUp()
	_, _, served := d.do("GET", "/api/v1/openapi.json", "", nil)
	k := newContract(t, served)
	seen := map[string]bool{}
	call := func(token, method, path, at string, body any, want int) map[string]any {
		t.Helper()
		seen[method+" "+path] = true
		status, _, answer := d.do(method, "/api/v1"+at, token, body)
		if status != want {
			t.Fatalf("%s %s: %d, want %d: %s", method, at, status, want, answer)
		}
		k.check(method, path, status, answer)
		if strings.Contains(answer, erpSecret) || strings.Contains(answer, "plain-header-secret") {
			t.Errorf("%s shows a secret: %s", at, answer)
		}
		var v map[string]any
		_ = json.Unmarshal([]byte(answer), &v) // lists have no fields to look at
		return v
	}
	get := func(path, at string) map[string]any { t.Helper(); return call(viewToken, "GET", path, at, nil, 200) }
	if o := get("/overview", "/overview"); len(o["needs"].([]any)) != 3 || len(o["hours"].([]any)) != 48 {
		t.Errorf("overview %v", o)
	}
	if l := get("/dead", "/dead?target=erp&limit=2"); l["count"].(float64) != 4 || len(l["runs"].([]any)) != 2 || l["next"] == nil {
		t.Errorf("dead %v", l)
	}
	groups := get("/dead/groups", "/dead/groups")
	first := groups["groups"].([]any)[0].(map[string]any)
	if first["count"].(float64) != 2 || first["message"] != "the supplier is not known" {
		t.Errorf("groups %v", groups)
	}
	if l := get("/runs", "/runs?q=INV-0001"); len(l["runs"].([]any)) != 1 || l["runs"].([]any)[0].(map[string]any)["id"] != string(done.Run) {
		t.Errorf("runs %v", l)
	}
	if r := get("/runs/{run}", "/runs/"+string(edited.Run[:8])); r["run"] != string(edited.Run) || r["payload"] != nil {
		t.Errorf("run %v", r)
	}
	if s := get("/runs/{run}/story", "/runs/"+string(done.Run)+"/story"); len(s["lines"].([]any)) < 3 {
		t.Errorf("story %v", s)
	}
	get("/pipelines", "/pipelines")
	get("/pipelines/{name}", "/pipelines/invoice")
	get("/targets", "/targets")
	if c := get("/targets/{name}", "/targets/erp"); !strings.Contains(c["config"].(string), "password: ••••••••") || len(c["attempts"].([]any)) == 0 {
		t.Errorf("target %v", c)
	}
	if l := get("/deliveries", "/deliveries?q=ERP-1"); len(l["lines"].([]any)) != 1 {
		t.Errorf("deliveries %v", l)
	}
	if r := call(clearToken, "POST", "/runs/{run}/reveal", "/runs/"+string(edited.Run)+"/reveal", map[string]any{"reason": "a look"}, 200); r["payload"] == nil {
		t.Error("the revealed run has no payload")
	}
	look := call(actToken, "POST", "/runs/{run}/edit", "/runs/"+string(edited.Run)+"/edit", map[string]any{"set": []string{"field.document_id=NEW-1"}, "dry_run": true}, 200)
	if look["made"] != false || d.stateOf(edited.Run) != run.Dead || !strings.Contains(itoaAny(look["documents"]), "NEW-1") {
		t.Errorf("dry run %v", look)
	}
	call(actToken, "POST", "/runs/{run}/edit", "/runs/"+string(edited.Run)+"/edit",
		map[string]any{"set": []string{"field.document_id=NEW-1"}, "digest": look["digest"], "reason": "wrong number"}, 200)
	call(actToken, "POST", "/runs/{run}/resolve", "/runs/"+string(unsure.Run)+"/resolve",
		map[string]any{"delivered": true, "kept": map[string]any{"erp_id": "E1"}, "reason": "it is there"}, 204)
	call(actToken, "POST", "/runs/{run}/drop", "/runs/"+string(dropped.Run)+"/drop", map[string]any{"reason": "paid by hand"}, 204)
	call(actToken, "POST", "/runs/{run}/resume", "/runs/"+string(parked.Run)+"/resume", map[string]any{}, 204)
	call(actToken, "POST", "/runs/{run}/cancel", "/runs/"+string(parked.Run)+"/cancel", map[string]any{"reason": "wrong queue"}, 204)
	for id, want := range map[run.ID]run.State{edited.Run: run.Waiting, unsure.Run: run.Waiting, dropped.Run: run.Dropped, parked.Run: run.Cancelled} {
		if got := d.stateOf(id); got != want {
			t.Errorf("run %s is %s, want %s", id, got, want)
		}
	}
	call(actToken, "POST", "/holds", "/holds", map[string]any{"kind": "target", "name": "erp", "reason": "they move"}, 204)
	call(viewToken, "GET", "/holds", "/holds", nil, 200)
	call(actToken, "DELETE", "/holds/{kind}/{name}", "/holds/target/erp?reason=moved", nil, 200)
	again := d.die(rejected("the supplier is not known"), nil)
	call(actToken, "POST", "/runs/{run}/replay", "/runs/"+string(again.Run)+"/replay", map[string]any{"reason": "known now"}, 204)
	d.caughtUp()
	call(actToken, "DELETE", "/deliveries/{line}", "/deliveries/"+d.j.LedgerKey("https://erp.example", append(done.Business, "create"))+"?reason=wrong", nil, 204)
	call(viewToken, "POST", "/dead/export", "/dead/export", map[string]any{"runs": []run.ID{d.die(rejected("x"), nil).Run}}, 200)
	d.caughtUp()
	job := call(actToken, "POST", "/dead/bulk", "/dead/bulk", map[string]any{"action": "drop", "filter": "target=erp", "count": 2, "reason": "test"}, 202)
	d.jobEnds(job["id"].(string))
	call(viewToken, "GET", "/jobs", "/jobs", nil, 200)
	over := call(viewToken, "GET", "/jobs/{job}", "/jobs/"+job["id"].(string), nil, 200)
	if over["acted"].(float64) != 2 || over["left"].(float64) != 0 {
		t.Errorf("job %v", over)
	}
	seen["POST /jobs/{job}/stop"] = true // a job under way is stopped in TestBulk
	d.wantAudit(t, "revealed", "looked at an edit", "edited and replayed", "resolved as delivered", "dropped", "resumed", "cancelled", "held", "replayed", "forgotten", "exported", "began to drop 2 letters")
	call(viewToken, "GET", "/audit", "/audit?since=24h", nil, 200)
	for path, ops := range k.doc["paths"].(map[string]any) {
		for method := range ops.(map[string]any) {
			if !seen[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is described and not called by this test", method, path)
			}
		}
	}
}

func itoaAny(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

// jobEnds waits until a bulk action is over.
func (d *desk) jobEnds(id string) {
	d.t.Helper()
	for d.t.Context().Err() == nil {
		_, _, body := d.do("GET", "/api/v1/jobs/"+id, viewToken, nil)
		if strings.Contains(body, `"ended"`) {
			return
		}
	}
}

func (d *desk) wantAudit(t *testing.T, want ...string) {
	t.Helper()
	found := map[string]operate.Action{}
	must(t, d.op.Audit(t.Context(), func(a operate.Action) error { found[a.What] = a; return nil }))
	for _, what := range want {
		if a, ok := found[what]; !ok || a.Who == "" || a.At.IsZero() {
			t.Errorf("%q is not in the audit log: %+v", what, a)
		}
	}
}

// TestWhoMayDoWhat tries every operation with too small a role, and with none.
func TestWhoMayDoWhat(t *testing.T) {
	d := open(t, relayYAML)
	dead := d.die(rejected("no"), nil)
	_, _, served := d.do("GET", "/api/v1/openapi.json", "", nil)
	var doc struct {
		Paths map[string]map[string]struct{ Description string }
	}
	must(t, json.Unmarshal([]byte(served), &doc))
	for path, ops := range doc.Paths {
		at := strings.NewReplacer("{run}", string(dead.Run), "{job}", "x", "{name}", "erp", "{kind}", "target", "{line}", "x").Replace(path)
		for method, op := range ops {
			tokens := map[string]int{"": 401, "wrong": 401}
			switch op.Description {
			case "Needs the role operate.":
				tokens[viewToken] = 403
			case "Needs the role reveal.":
				tokens[viewToken], tokens[actToken] = 403, 403
			}
			for token, want := range tokens {
				if status, _, body := d.do(strings.ToUpper(method), "/api/v1"+at, token, map[string]any{"reason": "x"}); status != want {
					t.Errorf("%s %s with %q: %d, want %d: %s", method, path, token, status, want, body)
				}
			}
		}
	}
	for path, method := range map[string]string{
		"/": "GET", "/dead": "GET", "/runs/" + string(dead.Run): "GET", "/audit": "GET", "/deliveries.csv": "GET", "/jobs": "GET",
		"/runs/" + string(dead.Run) + "/replay": "POST", "/runs/" + string(dead.Run) + "/reveal": "POST", "/dead/bulk": "POST", "/holds": "POST",
	} {
		want := http.StatusSeeOther // to the login
		if method == "POST" {
			want = http.StatusUnauthorized
		}
		if status, head, _ := d.do(method, path, "", nil); status != want || method == "GET" && !strings.HasPrefix(head.Get("Location"), "/login?to=") {
			t.Errorf("%s %s without a login: %d", method, path, status)
		}
	}
	if got := d.stateOf(dead.Run); got != run.Dead {
		t.Errorf("somebody without a role made the run %s", got)
	}
}

func TestBadRequests(t *testing.T) {
	d := open(t, relayYAML)
	done, dead := d.done(), d.die(rejected("no"), nil)
	at := func(id run.ID, action string) string { return "/api/v1/runs/" + string(id) + "/" + action }
	for name, c := range map[string]struct {
		method, path string
		body         any
		want         int
	}{
		"not JSON":           {"POST", at(dead.Run, "replay"), "{", 400},
		"unknown key":        {"POST", at(dead.Run, "replay"), `{"forse": true}`, 400},
		"two values":         {"POST", at(dead.Run, "replay"), `{} {}`, 400},
		"form for JSON":      {"POST", at(dead.Run, "replay"), url.Values{"force": {"1"}}, 400},
		"no reason":          {"POST", at(dead.Run, "drop"), `{}`, 400},
		"not dead":           {"POST", at(done.Run, "replay"), `{}`, 409},
		"not uncertain":      {"POST", at(dead.Run, "resolve"), `{"delivered": false, "reason": "x"}`, 409},
		"ended":              {"POST", at(done.Run, "cancel"), `{"reason": "x"}`, 409},
		"no such run":        {"POST", at("aaaaaaaaaaaaaaaaaaaaaaaaaa", "replay"), `{}`, 404},
		"short id":           {"GET", "/api/v1/runs/abc", nil, 400},
		"unknown field":      {"POST", at(dead.Run, "edit"), `{"set": ["field.nothing=1"], "reason": "x"}`, 400},
		"id cannot be set":   {"POST", at(dead.Run, "edit"), `{"set": ["annotation.id=1"], "reason": "x"}`, 400},
		"another digest":     {"POST", at(dead.Run, "edit"), `{"set": ["field.document_id=1"], "digest": "00", "reason": "x"}`, 409},
		"more than seen":     {"POST", "/api/v1/dead/bulk", `{"action": "drop", "filter": "", "count": 0, "reason": "x"}`, 409},
		"no such action":     {"POST", "/api/v1/dead/bulk", `{"action": "explode", "filter": "", "count": 1}`, 400},
		"drop for no reason": {"POST", "/api/v1/dead/bulk", `{"action": "drop", "filter": "", "count": 1}`, 400},
		"bad since":          {"GET", "/api/v1/dead?since=yesterday", nil, 400},
		"bad state":          {"GET", "/api/v1/runs?state=broken", nil, 400},
		"bad annotation":     {"GET", "/api/v1/runs?annotation=x", nil, 400},
		"bad limit":          {"GET", "/api/v1/runs?limit=-1", nil, 400},
		"no such target":     {"GET", "/api/v1/targets/none", nil, 404},
		"hold of nothing":    {"POST", "/api/v1/holds", `{"kind": "target", "name": "none", "reason": "x"}`, 404},
		"no such path":       {"GET", "/api/v1/nothing", nil, 404},
		"no such job":        {"POST", "/api/v1/jobs/x/stop", nil, 404},
		"too large":          {"POST", at(dead.Run, "edit"), `{"reason": "` + strings.Repeat("x", 9<<20) + `"}`, 413},
	} {
		t.Run(name, func(t *testing.T) {
			d.caughtUp()
			status, head, body := d.do(c.method, c.path, clearToken, c.body)
			if status != c.want || !strings.HasPrefix(head.Get("Content-Type"), "application/json") || !strings.Contains(body, `"error"`) {
				t.Errorf("%d, want %d: %s", status, c.want, body[:min(len(body), 300)])
			}
		})
	}
	if d.stateOf(dead.Run) != run.Dead {
		t.Error("a bad request changed the run")
	}
}

// TestForeignSites: a page of another site can make a browser send requests with its cookies, but not act with them.
func TestForeignSites(t *testing.T) {
	d := open(t, relayYAML)
	dead := d.die(rejected("no"), nil)
	d.login("alice")
	for name, change := range map[string]func(*http.Request){
		"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site":  func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"old browser": func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
		},
	} {
		for path, body := range map[string]any{"/runs/" + string(dead.Run) + "/replay": url.Values{}, "/api/v1/runs/" + string(dead.Run) + "/replay": "{}", "/logout": url.Values{}} {
			if status, _, _ := d.do("POST", path, "", body, change); status != http.StatusForbidden {
				t.Errorf("%s, POST %s: %d", name, path, status)
			}
		}
	}
	if d.stateOf(dead.Run) != run.Dead {
		t.Error("another site replayed the run")
	}
	if loc := d.post("/runs/"+string(dead.Run)+"/replay", url.Values{}); loc != "/runs/"+string(dead.Run)+"?said=replayed" {
		t.Errorf("the console's own page: %s", loc)
	}
}

// TestOpenConsole: without users anybody on this machine operates, under its own names only, and nobody reveals.
func TestOpenConsole(t *testing.T) {
	before, _, _ := strings.Cut(relayYAML, "  users:")
	_, after, _ := strings.Cut(relayYAML, "pipelines:\n")
	d := open(t, before+"pipelines:\n"+after)
	dead := d.die(rejected("no"), nil)
	d.caughtUp()
	if !strings.Contains(d.page("/dead"), "this machine") {
		t.Error("the page does not say who acts")
	}
	if status, _, _ := d.do("POST", "/runs/"+string(dead.Run)+"/reveal", "", url.Values{}); status != http.StatusForbidden {
		t.Errorf("reveal: %d", status)
	}
	if status, _, body := d.do("GET", "/dead", "", nil, func(r *http.Request) { r.Host = "evil.example" }); status != http.StatusForbidden || strings.Contains(body, string(dead.Run)) {
		t.Errorf("under another name: %d", status)
	}
	d.post("/runs/"+string(dead.Run)+"/drop", url.Values{"reason": {"test"}})
	if d.stateOf(dead.Run) != run.Dropped {
		t.Error("not dropped")
	}
}

func TestBulk(t *testing.T) {
	d := open(t, relayYAML)
	for range 5 {
		d.die(rejected("the supplier is not known"), nil)
	}
	other := d.die(rejected("the tax code is wrong"), nil)
	d.caughtUp()
	d.login("otto")
	page := d.page("/dead?q=" + url.QueryEscape("müller"))
	if !strings.Contains(page, "All <b>6</b> that match") {
		t.Error("the count does not stand on the page")
	}
	_, _, groups := d.do("GET", "/api/v1/dead/groups", viewToken, nil)
	var g struct{ Groups []struct{ ID string } }
	must(t, json.Unmarshal([]byte(groups), &g))
	filter := "cause=" + g.Groups[0].ID
	status, _, sure := d.do("POST", "/dead/bulk", "", url.Values{"action": {"replay"}, "filter": {filter}})
	if status != 200 || !strings.Contains(sure, "Replay 5 dead letters?") {
		t.Fatalf("%d %s", status, sure)
	}
	loc := d.post("/dead/bulk", url.Values{"action": {"replay"}, "filter": {filter}, "count": {"5"}, "sure": {"1"}, "reason": {"known now"}})
	d.jobEnds(strings.TrimPrefix(loc, "/jobs/"))
	if page := d.page(loc); !strings.Contains(page, "over</span>") || !strings.Contains(page, "otto") {
		t.Error(page)
	}
	if d.stateOf(other.Run) != run.Dead {
		t.Error("a letter of another cause was replayed")
	}
	d.caughtUp()
	// With stop_after the outcomes are watched: as no worker takes the run, the job lasts until it is stopped.
	loc = d.post("/dead/bulk", url.Values{"action": {"replay"}, "filter": {""}, "count": {"1"}, "sure": {"1"}, "stop_after": {"3"}})
	d.post(loc+"/stop", url.Values{})
	d.jobEnds(strings.TrimPrefix(loc, "/jobs/"))
	if page := d.page(loc); !strings.Contains(page, "stopped") {
		t.Error(page)
	}
	d.wantAudit(t, "began to replay 5 letters", "stopped")
}

func TestCSV(t *testing.T) {
	d := open(t, relayYAML)
	d.done()
	r := d.begun(d.event("invoice"))
	c := journal.Claim{Target: "https://erp.example", Key: []string{"=HYPERLINK(1)", "create"}, Run: r.Run, Pipeline: "invoice", Step: "create", Annotation: 5}
	_, _, err := d.j.Claim(t.Context(), c)
	must(t, err)
	d.login("vera")
	status, head, body := d.do("GET", "/deliveries.csv", "", nil)
	if status != 200 || !strings.HasPrefix(head.Get("Content-Type"), "text/csv") || !strings.Contains(head.Get("Content-Disposition"), "deliveries.csv") {
		t.Errorf("%d %v", status, head)
	}
	if bytes.Count([]byte(body), []byte("\n")) != 3 || !strings.Contains(body, "INV-0001 / create") || !strings.Contains(body, "'=HYPERLINK(1)") {
		t.Error(body)
	}
	d.wantAudit(t, "exported as CSV")
}
