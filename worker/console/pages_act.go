package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// indexWait is how long a page after an action waits for the index to know of it.
const indexWait = 2 * time.Second

// form reads the fields of a form.
func (c *call) form() error {
	if err := c.r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return bad("the form cannot be read")
	}
	return nil
}

func (c *call) reason() string { return strings.TrimSpace(c.r.PostForm.Get("reason")) }

// then goes on to another page that tells what was done.
func (c *call) then(page, said string) error {
	if said != "" {
		page += "?said=" + said
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), indexWait)
	defer cancel()
	_ = c.s.Index.CatchUp(ctx) // else the next page is a little behind
	http.Redirect(c.w, c.r, page, http.StatusSeeOther)
	return nil
}

func (c *call) revealPage() error {
	if err := c.form(); err != nil {
		return err
	}
	id, err := c.run()
	if err != nil {
		return err
	}
	v, err := c.runView(id, true, c.reason())
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "run", "Run "+string(id[:8]), c.menuOf(v.Detail), v)
}

// runAction does what a form of a run's page asks for.
func (c *call) runAction() error {
	if err := c.form(); err != nil {
		return err
	}
	id, err := c.run()
	if err != nil {
		return err
	}
	ctx, f, said := c.r.Context(), c.r.PostForm, ""
	switch c.r.PathValue("action") {
	case "replay":
		said = "replayed"
		err = c.op.Replay(ctx, id, operate.ReplayOptions{FromStart: f.Get("from_start") != "", Force: f.Get("force") != "", Why: c.reason()})
	case "resolve":
		said = "resolved"
		err = c.resolve(id)
	case "drop":
		said = "dropped"
		err = c.op.Drop(ctx, id, c.reason())
	case "cancel":
		said = "cancelled"
		err = c.op.Cancel(ctx, id, c.reason())
	case "resume":
		said = "resumed"
		err = c.op.Resume(ctx, id, c.reason())
	default:
		return errNoSuchPage
	}
	if err != nil {
		return err
	}
	if c.r.PathValue("action") == "drop" { // the letter of a broken message is gone with it
		if _, err := c.op.Run(ctx, id); isOneOf(err, queue.ErrNotFound) {
			return c.then("/dead", said)
		}
	}
	return c.then("/runs/"+string(id), said)
}

// resolve takes the operator's word about an uncertain delivery.
func (c *call) resolve(id run.ID) error {
	f := c.r.PostForm
	res := operate.Resolution{Delivered: f.Get("delivered") == "yes", Why: c.reason()}
	if !res.Delivered && f.Get("delivered") != "no" {
		return bad("say whether it was delivered")
	}
	if res.Delivered {
		r, err := c.op.Run(c.r.Context(), id)
		if err != nil {
			return err
		}
		names := c.op.KeptNames(&r)
		values := make([]string, 0, len(names))
		for _, name := range names {
			values = append(values, name+"="+strings.TrimSpace(f.Get("kept."+name)))
		}
		if res.Kept, err = operate.KeptOf(names, values); err != nil {
			return err
		}
	}
	return c.op.Resolve(c.r.Context(), id, res)
}

// editView is an edit that was looked at and not made.
type editView struct {
	EditResult
	Set    []string
	Reason string
}

// editPage shows what an edit would do; with the digest of what was shown it makes the edit.
func (c *call) editPage() error {
	if err := c.form(); err != nil {
		return err
	}
	id, err := c.run()
	if err != nil {
		return err
	}
	b := EditBody{Set: assignments(c.r.PostForm), Reason: c.reason(), Digest: c.r.PostForm.Get("digest")}
	b.DryRun = b.Digest == ""
	res, err := c.s.edit(c.r.Context(), c.op, id, b)
	if err != nil {
		return err
	}
	if res.Made {
		return c.then("/runs/"+string(id), "edited")
	}
	v, err := c.runView(id, false, "")
	if err != nil {
		return err
	}
	v.Edit = &editView{res, b.Set, b.Reason}
	return c.show(http.StatusOK, "run", "Edit of run "+string(id[:8]), "dead", v)
}

// assignments are the rows of the form, or what a look before has shown.
func assignments(f url.Values) []string {
	set := f["set"]
	for i, name := range f["field"] {
		if name = strings.TrimSpace(name); name != "" && i < len(f["value"]) {
			set = append(set, "field."+strings.TrimPrefix(name, "field.")+"="+f["value"][i])
		}
	}
	return set
}

// bulkView asks whether so many letters are meant.
type bulkView struct {
	BulkBody
	Filtered bool
}

// bulkPage counts first; with the count that was seen it acts.
func (c *call) bulkPage() error {
	if err := c.form(); err != nil {
		return err
	}
	f := c.r.PostForm
	b := BulkBody{
		Action: f.Get("action"), Filter: f.Get("filter"), Reason: c.reason(), FromStart: f.Get("from_start") != "", Force: f.Get("force") != "",
	}
	b.Count, _ = strconv.Atoi(f.Get("count"))
	b.PerSecond, _ = strconv.Atoi(f.Get("per_second"))
	b.StopAfter, _ = strconv.Atoi(f.Get("stop_after"))
	if f.Get("sure") == "" {
		q, err := filterOf(b.Filter, c.s.Now())
		if err != nil {
			return err
		}
		letters, err := c.s.selected(c.r.Context(), c.op, q)
		if err != nil {
			return err
		}
		b.Count = len(letters)
		return c.show(http.StatusOK, "bulk", "Are you sure?", "dead", bulkView{b, b.Filter != ""})
	}
	job, err := c.s.bulk(c.r.Context(), c.op, b)
	if err != nil {
		return err
	}
	return c.then("/jobs/"+job.ID, "")
}

func (c *call) stopPage() error {
	if err := c.stopJob(); err != nil {
		return err
	}
	return c.then("/jobs/"+c.r.PathValue("job"), "stopped")
}

// holdAction holds or lifts.
func (c *call) holdAction() error {
	if err := c.form(); err != nil {
		return err
	}
	f := c.r.PostForm
	kind, name, said := f.Get("kind"), f.Get("name"), "held"
	var err error
	if f.Get("lift") != "" {
		said = "lifted"
		_, err = c.op.Lift(c.r.Context(), kind, name, c.reason())
	} else {
		err = c.op.Hold(c.r.Context(), kind, name, c.reason())
	}
	if err != nil {
		return err
	}
	page := "/targets"
	if kind == "target" || kind == "pipeline" {
		page = "/" + kind + "s/" + url.PathEscape(name)
	}
	return c.then(page, said)
}

func (c *call) forgetAction() error {
	if err := c.form(); err != nil {
		return err
	}
	if err := c.op.Forget(c.r.Context(), c.r.PathValue("line"), c.reason()); err != nil {
		return err
	}
	return c.then("/deliveries", "forgotten")
}

// loginView is the page to log in.
type loginView struct{ To, Name, Problem string }

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.askLogin(w, r, http.StatusOK, loginView{To: localPath(r.URL.Query().Get("to"))})
}

func (s *Server) askLogin(w http.ResponseWriter, r *http.Request, status int, v loginView) {
	c := &call{s: s, w: w, r: r}
	if err := c.show(status, "login", "Log in", "", v); err != nil {
		refusePage(c, err)
	}
}

// localPath keeps a redirect inside the console.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return to
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: w, r: r}
	if err := c.form(); err != nil {
		refusePage(c, err)
		return
	}
	name := r.PostForm.Get("name")
	cookie, err := s.Guard.Login(r.Context(), name, r.PostForm.Get("password"), remote(r))
	if err == nil {
		err = s.Operator.As(name).Trace(r.Context(), "console", "logged in", "")
	} else if isOneOf(err, access.ErrRefused) {
		s.Log.Warn("a login was refused")
	}
	if err != nil {
		status, text := statusOf(err)
		s.askLogin(w, r, status, loginView{To: localPath(r.PostForm.Get("to")), Name: name, Problem: text})
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, localPath(r.PostForm.Get("to")), http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: w, r: r}
	cookie, err := s.Guard.Logout(r)
	if err != nil {
		refusePage(c, err)
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// setTheme keeps the chosen theme in a cookie, so that pages come in it at once.
func setTheme(w http.ResponseWriter, r *http.Request) {
	cookie := &http.Cookie{Name: themeCookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600, Value: r.PostFormValue("theme")}
	if cookie.Value != "light" && cookie.Value != "dark" {
		cookie.MaxAge, cookie.Value = -1, ""
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, localPath(r.PostFormValue("to")), http.StatusSeeOther)
}
