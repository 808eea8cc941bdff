package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func (s *Server) servePages(mux *http.ServeMux) {
	look := func(pattern string, handle func(*call) error) {
		mux.HandleFunc("GET "+pattern, s.guarded(configs.MayView, refusePage, handle))
	}
	act := func(pattern string, role configs.ConsoleRole, handle func(*call) error) {
		mux.HandleFunc("POST "+pattern, s.guarded(role, refusePage, handle))
	}
	look("/{$}", (*call).overviewPage)
	look("/dead", (*call).deadPage)
	look("/runs", (*call).runsPage)
	look("/runs/{run}", (*call).runPage)
	look("/targets", (*call).thingsPage)
	look("/targets/{name}", (*call).targetPage)
	look("/pipelines/{name}", (*call).pipelinePage)
	look("/deliveries", (*call).deliveriesPage)
	look("/deliveries.csv", (*call).csv)
	look("/audit", (*call).auditPage)
	look("/jobs", (*call).jobsPage)
	look("/jobs/{job}", (*call).jobPage)
	mux.HandleFunc("/", s.guarded(configs.MayView, refusePage, func(*call) error { return errNoSuchPage }))
	act("/runs/{run}/reveal", configs.MayReveal, (*call).revealPage)
	act("/runs/{run}/edit", configs.MayOperate, (*call).editPage)
	act("/runs/{run}/{action}", configs.MayOperate, (*call).runAction)
	act("/dead/bulk", configs.MayOperate, (*call).bulkPage)
	act("/jobs/{job}/stop", configs.MayOperate, (*call).stopPage)
	act("/holds", configs.MayOperate, (*call).holdAction)
	act("/deliveries/{line}/forget", configs.MayOperate, (*call).forgetAction)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("POST /theme", setTheme)
}

func (c *call) overviewPage() error {
	o, err := c.s.overview(c.r.Context(), c.op)
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "overview", "Overview", "overview", o)
}

// deadView is the page of dead letters.
type deadView struct {
	Filter index.Query
	Since  string
	RunList
	Groups   []Group
	Causes   int
	Broken   []operate.Listed
	Query    string // of the filter, as a form carries it
	Filtered bool
	Names    namesView
}

// namesView are the names forms offer.
type namesView struct{ Pipelines, Targets []string }

func (s *Server) names() namesView {
	var n namesView
	for _, e := range s.Config.Pipelines {
		n.Pipelines = append(n.Pipelines, e.Name)
	}
	for _, e := range s.Config.Targets {
		n.Targets = append(n.Targets, e.Name)
	}
	return n
}

// mostBroken is how many letters of broken messages are listed.
const mostBroken = 20

func (c *call) deadPage() error {
	v := c.r.URL.Query()
	q, err := queryOf(v, true, c.s.Now())
	if err != nil {
		return err
	}
	d := deadView{Filter: q, Since: v.Get("since"), Query: filterText(v), Names: c.s.names()}
	d.Filtered = d.Query != ""
	if d.RunList, err = c.list(true); err != nil {
		return err
	}
	if d.Groups, d.Causes, err = c.s.groups(c.r.Context(), c.op, q, groupRows); err != nil {
		return err
	}
	if q.Pipeline == queue.BrokenPipeline || !d.Filtered {
		if d.Broken, err = c.s.broken(c.r.Context(), c.op, mostBroken); err != nil {
			return err
		}
	}
	return c.show(http.StatusOK, "dead", "Dead letters", "dead", d)
}

// filterText is a query without what is no condition.
func filterText(v url.Values) string {
	kept := url.Values{}
	for _, p := range letterParams() {
		if text := strings.TrimSpace(v.Get(p.name)); text != "" {
			kept.Set(p.name, text)
		}
	}
	return kept.Encode()
}

// runsView is the page of runs.
type runsView struct {
	Filter       index.Query
	Since, Until string
	RunList
	Fields   []string
	Names    namesView
	Filtered bool
}

func (c *call) runsPage() error {
	v := c.r.URL.Query()
	q, err := queryOf(v, false, c.s.Now())
	if err != nil {
		return err
	}
	d := runsView{Filter: q, Since: v.Get("since"), Until: v.Get("until"), Fields: c.s.Config.Console.Index.Fields, Names: c.s.names()}
	d.Filtered = q != index.Query{}
	if d.RunList, err = c.list(false); err != nil {
		return err
	}
	return c.show(http.StatusOK, "runs", "Runs", "runs", d)
}

// runView is the page of one run.
type runView struct {
	operate.Detail
	Story []string
	// Failed is the request of the step the run died at, Marked the names in it the complaints are about.
	Failed *operate.Request
	Marked []string
	Others []operate.Request
	// Response is what the target answered last.
	Response string
	Status   int
	Names    []string // of the fields that can be edited
	Tree     []node   // of the revealed payload
	HeldAs   *limits.Hold
	Edit     *editView
}

// IsDead, CanCancel and CanResume say which actions there are.
func (v runView) IsDead() bool { return v.State == run.Dead && v.Pipeline != queue.BrokenPipeline }

// IsBroken reports whether it is the letter of a message that was no run.
func (v runView) IsBroken() bool { return v.Pipeline == queue.BrokenPipeline }

// CanCancel reports whether the run has not ended.
func (v runView) CanCancel() bool { return !v.State.Settled() }

// CanResume reports whether the run waits.
func (v runView) CanResume() bool { return v.State == run.Waiting || v.State == run.Parked }

func (c *call) runPage() error {
	id, err := c.run()
	if err != nil {
		return err
	}
	v, err := c.runView(id, false, "")
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "run", "Run "+string(id[:8]), c.menuOf(v.Detail), v)
}

func (c *call) menuOf(d operate.Detail) string {
	if d.State == run.Dead {
		return "dead"
	}
	return "runs"
}

func (c *call) runView(id run.ID, reveal bool, why string) (runView, error) {
	d, err := c.op.Show(c.r.Context(), id, reveal, why)
	if err != nil {
		return runView{}, err
	}
	v := runView{Detail: d}
	if v.Pipeline != queue.BrokenPipeline {
		if v.Story, err = c.op.Explain(c.r.Context(), string(id)); err != nil {
			return v, err
		}
	}
	for _, m := range slices.Backward(d.Timeline) {
		if m.Response != "" {
			v.Response, v.Status = m.Response, m.Status
			break
		}
	}
	for _, q := range d.Requests {
		if q.Step == d.At && v.Failed == nil {
			v.Failed = &q
		} else {
			v.Others = append(v.Others, q)
		}
	}
	for _, f := range d.Fields {
		if !slices.Contains(v.Names, f.SchemaID) {
			v.Names = append(v.Names, f.SchemaID)
		}
	}
	if d.Revealed {
		v.Tree = treeOf(d.Payload)
	}
	v.Marked = c.s.marked(d)
	held, err := c.op.Held(c.r.Context())
	v.HeldAs = holdOf(held, limits.HoldPipeline, d.Pipeline)
	return v, err
}

// marked are the names in the document that the complaints are about: those the pipeline's fields: says, and the schema ids.
func (s *Server) marked(d operate.Detail) []string {
	p, _ := s.Config.Pipelines.Get(d.Pipeline)
	var names []string
	for _, complaint := range d.Complaints {
		if complaint.SchemaID == "" {
			continue
		}
		names = append(names, complaint.SchemaID)
		for _, e := range p.Fields {
			if e.Value == complaint.SchemaID {
				parts := strings.FieldsFunc(e.Name, func(r rune) bool { return r == '.' || r == '/' })
				names = append(names, parts[len(parts)-1])
			}
		}
	}
	return names
}

// Marks reports whether a line of the document names what a complaint is about.
func (v runView) Marks(line string) bool {
	return slices.ContainsFunc(v.Marked, func(name string) bool {
		return strings.Contains(line, `"`+name+`"`) || strings.Contains(line, "<"+name+">")
	})
}

// thingsView is the page of targets and pipelines.
type thingsView struct {
	Targets   []TargetLine
	Pipelines []PipelineLine
	Holds     []limits.Hold
}

func (c *call) thingsPage() error {
	var v thingsView
	var err error
	if v.Targets, err = c.s.targets(c.r.Context(), c.op); err != nil {
		return err
	}
	if v.Pipelines, err = c.s.pipelines(c.r.Context(), c.op); err != nil {
		return err
	}
	if v.Holds, err = c.op.Held(c.r.Context()); err != nil {
		return err
	}
	return c.show(http.StatusOK, "things", "Targets and pipelines", "targets", v)
}

func (c *call) targetPage() error {
	d, err := c.s.target(c.r.Context(), c.op, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "target", "Target "+d.Name, "targets", d)
}

func (c *call) pipelinePage() error {
	d, err := c.s.pipeline(c.r.Context(), c.op, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "pipeline", "Pipeline "+d.Name, "targets", d)
}

func (c *call) deliveriesPage() error {
	list, err := c.lines()
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "deliveries", "Deliveries", "deliveries", list)
}

func (c *call) auditPage() error {
	all, err := c.audit()
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "audit", "Audit", "audit", all)
}

func (c *call) jobsPage() error {
	return c.show(http.StatusOK, "jobs", "Bulk actions", "dead", c.s.jobs.list())
}

func (c *call) jobPage() error {
	job, err := c.s.jobs.find(c.r.PathValue("job"))
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "job", "Bulk action", "dead", job)
}
