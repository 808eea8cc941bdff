package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestPagesMask: whoever may not reveal sees no value of an invoice on any page, and nobody sees a secret.
func TestPagesMask(t *testing.T) {
	d, pages := shelf(t)
	p, err := rossumapi.DecodePayload(samples.All()[0])
	must(t, err)
	values := map[string]string{}
	for n := range p.Content.All() {
		if v := n.Value(); len(v) >= 8 && strings.ContainsAny(v, "0123456789 ") {
			values[v] = n.SchemaID
		}
	}
	if len(values) < 5 {
		t.Fatal("the sample has too few values to look for")
	}
	d.login("otto")
	for name, path := range pages {
		_, head, body := d.do("GET", path, "", nil)
		for value, field := range values {
			if strings.Contains(body, value) {
				t.Errorf("%s shows the value of %s", name, field)
			}
		}
		for _, secret := range []string{erpSecret, "plain-header-secret", "hook-secret", viewToken, "argon2id", samplesToken(t)} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows a secret", name)
			}
		}
		if strings.Contains(body, "<script>alert") || strings.ContainsAny(body, "\u202e\x1b") {
			t.Errorf("%s passes foreign text on as it is", name)
		}
		if csp := head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || head.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", name, head)
		}
	}
	for path, want := range map[string]int{pages["letter"] + "/reveal": 403, pages["letter"] + "/nothing": 404} {
		if status, _, _ := d.do("POST", path, "", url.Values{"reason": {"curious"}}); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

// samplesToken is the token Rossum sent with the sample.
func samplesToken(t *testing.T) string {
	t.Helper()
	p, err := rossumapi.DecodePayload(samples.All()[0])
	must(t, err)
	if p.Token == "" {
		t.Fatal("the sample has no token")
	}
	return p.Token
}

func TestReveal(t *testing.T) {
	d := open(t, relayYAML)
	dead := d.die(rejected("the supplier is not known"), nil)
	d.login("alice")
	status, _, body := d.do("POST", "/runs/"+string(dead.Run)+"/reveal", "", url.Values{"reason": {"the supplier called"}})
	p, err := rossumapi.DecodePayload(samples.All()[0])
	must(t, err)
	name := p.Content.First("sender_name").Value()
	if status != http.StatusOK || !strings.Contains(strings.ReplaceAll(body, "&amp;", "&"), name) || !strings.Contains(body, "Values in clear") {
		t.Errorf("%d: the name is not shown", status)
	}
	if strings.Contains(body, samplesToken(t)) {
		t.Error("the token is shown")
	}
	if page := d.page("/runs/" + string(dead.Run)); strings.Contains(strings.ReplaceAll(page, "&amp;", "&"), name) || !strings.Contains(page, "the supplier called") {
		t.Error("the page still shows values, or not who looked at them and why")
	}
	d.wantAudit(t, "revealed", "logged in")
}

// TestEditOnPages: look first, then keep; what was looked at is what is kept.
func TestEditOnPages(t *testing.T) {
	d := open(t, relayYAML)
	dead := d.die(rejected("the number is wrong"), nil)
	at := "/runs/" + string(dead.Run)
	d.login("otto")
	status, _, body := d.do("POST", at+"/edit", "", url.Values{"field": {"document_id", ""}, "value": {"NEW-77", ""}, "reason": {"typed wrongly"}})
	_, digest, ok := strings.Cut(body, `name="digest" value="`)
	if status != http.StatusOK || !ok || !strings.Contains(body, "NEW-77") || d.stateOf(dead.Run) != run.Dead {
		t.Fatalf("%d %s", status, body)
	}
	digest, _, _ = strings.Cut(digest, `"`)
	form := url.Values{"set": {"field.document_id=NEW-78"}, "digest": {digest}, "reason": {"typed wrongly"}}
	if status, _, _ := d.do("POST", at+"/edit", "", form); status != http.StatusConflict || d.stateOf(dead.Run) != run.Dead {
		t.Errorf("an edit that nobody looked at: %d", status)
	}
	form.Set("set", "field.document_id=NEW-77")
	if loc := d.post(at+"/edit", form); loc != at+"?said=edited" || d.stateOf(dead.Run) != run.Waiting {
		t.Errorf("%s, the run is %s", loc, d.stateOf(dead.Run))
	}
	if page := d.page(at + "?said=edited"); !strings.Contains(page, "back at work") || !strings.Contains(page, "typed wrongly") {
		t.Error("the page does not tell of the edit")
	}
}

func TestResolveAndHoldOnPages(t *testing.T) {
	d := open(t, relayYAML)
	unsure := d.uncertain()
	at := "/runs/" + string(unsure.Run)
	d.login("otto")
	for name, form := range map[string]url.Values{"no word": {"reason": {"x"}}, "no reason": {"delivered": {"no"}}} {
		if status, _, _ := d.do("POST", at+"/resolve", "", form); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	d.post(at+"/resolve", url.Values{"delivered": {"yes"}, "kept.erp_id": {"4711"}, "reason": {"found it"}})
	if d.stateOf(unsure.Run) != run.Waiting {
		t.Errorf("the run is %s", d.stateOf(unsure.Run))
	}
	if loc := d.post("/holds", url.Values{"kind": {"target"}, "name": {"erp"}, "reason": {"they close the year"}}); loc != "/targets/erp?said=held" {
		t.Error(loc)
	}
	if page := d.page("/"); !strings.Contains(page, "target erp is held by otto") || !strings.Contains(page, "they close the year") {
		t.Error("the overview does not show the hold")
	}
	d.post("/holds", url.Values{"kind": {"target"}, "name": {"erp"}, "lift": {"1"}})
	if strings.Contains(d.page("/targets"), "they close the year") {
		t.Error("the hold is still there")
	}
}

func TestLoginPages(t *testing.T) {
	d := open(t, relayYAML)
	if status, head, _ := d.do("GET", "/runs?q=x", "", nil); status != http.StatusSeeOther || head.Get("Location") != "/login?to=%2Fruns%3Fq%3Dx" {
		t.Errorf("%d %s", status, head.Get("Location"))
	}
	status, _, body := d.do("POST", "/login", "", url.Values{"name": {"alice"}, "password": {"wrong"}})
	if status != http.StatusUnauthorized || !strings.Contains(body, "name or password is wrong") || strings.Contains(body, `value="wrong"`) {
		t.Errorf("%d %s", status, body)
	}
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)"} {
		if _, head, _ := d.do("POST", "/login", "", url.Values{"name": {"vera"}, "password": {password}, "to": {to}}); head.Get("Location") != "/" {
			t.Errorf("%q leads to %s", to, head.Get("Location"))
		}
	}
	if !strings.Contains(d.page("/audit"), "logged in") {
		t.Error("the login is not in the audit log")
	}
	d.post("/logout", url.Values{})
	if status, _, _ := d.do("GET", "/", "", nil); status != http.StatusSeeOther {
		t.Errorf("after the logout: %d", status)
	}
}

func TestEmptyPagesSayWhatToDo(t *testing.T) {
	d := open(t, relayYAML)
	d.login("vera")
	for path, want := range map[string]string{
		"/": "Nothing needs you", "/dead": "No dead letters", "/dead?cause=x": "Clear the filter", "/runs": "rossum-relay send", "/runs?q=x": "clear the search",
		"/deliveries": "Every delivery is noted here", "/jobs": "has run no bulk action", "/targets/erp": "No attempts lately",
	} {
		if !strings.Contains(d.page(path), want) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
	for _, path := range []string{"/nothing", "/runs/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/targets/none", "/pipelines/none", "/jobs/none"} {
		if status, _, _ := d.do("GET", path, "", nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}
